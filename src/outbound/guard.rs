//! Where webhooks may go. A callback URL is named by a caller, and must not reach what only this machine or network can
//! (server-side request forgery): other machines' metadata services, databases, admin pages.
//!
//! The check is made on resolved addresses, by the resolver of the very client that connects, so that a name can't
//! resolve to something else between the check and the connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses beyond public ones may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// 127.0.0.0/8 and ::1: allowed while the service itself listens on loopback only, because then whoever calls is on
    /// this machine already.
    pub loopback: bool,
    /// Everything: private networks, link-local, loopback.
    pub private: bool,
}

/// A URL that no webhook is sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// Not a URL, or without a host.
    #[error("`{url}` is not a URL")]
    NotAUrl {
        /// What was given.
        url: String,
    },
    /// Neither `http` nor `https`.
    #[error("`{url}` is neither http nor https")]
    Scheme {
        /// What was given.
        url: String,
    },
    /// It carries a user name or password, which would end up in logs.
    #[error("the URL carries a user name or a password; webhooks are authenticated by their signature")]
    Credentials,
    /// The address is of a range that webhooks may not reach.
    #[error("`{host}` is a private or local address; `notifications.allow_private_addresses` would allow it")]
    Address {
        /// The host or the address it resolved to.
        host: String,
    },
}

/// Checks a URL when it is given: form, scheme, and the address where it is written as one. What a name resolves to is
/// checked at each delivery.
pub fn check_url(url: &str, reach: Reach) -> Result<Url, UrlRefused> {
    let not_a_url = || UrlRefused::NotAUrl {
        url: url.chars().take(200).collect(),
    };
    let parsed = Url::parse(url).map_err(|_| not_a_url())?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(UrlRefused::Scheme {
            url: url.chars().take(200).collect(),
        });
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(UrlRefused::Credentials);
    }
    let host = parsed.host_str().ok_or_else(not_a_url)?.to_owned();
    let literal = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    let refused = match literal {
        Ok(address) => !may_reach(address, reach),
        Err(_) => !(reach.loopback || reach.private) && is_local_name(&host),
    };
    if refused {
        Err(UrlRefused::Address { host })
    } else {
        Ok(parsed)
    }
}

fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

fn may_reach(address: IpAddr, reach: Reach) -> bool {
    let address = address.to_canonical();
    reach.private || is_public(address) || (reach.loopback && address.is_loopback())
}

/// Whether an address is of the open internet (IANA special-purpose address registries, as of 2025).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0                                  // this network
        || (a == 100 && (64..128).contains(&b))    // shared address space of carriers
        || (a == 192 && b == 0 && c == 0)          // protocol assignments
        || (a == 198 && (b == 18 || b == 19))      // benchmarking
        || a >= 240) // reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let embedded = match (first, second) {
        (0x2002, _) => Some(address.octets()).map(|o| Ipv4Addr::new(o[2], o[3], o[4], o[5])), // 6to4
        (0x64, 0xff9b) => Some(address.octets()).map(|o| Ipv4Addr::new(o[12], o[13], o[14], o[15])), // NAT64
        _ => None,
    };
    if let Some(embedded) = embedded {
        return is_public_v4(embedded);
    }
    !(address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || (first & 0xfe00) == 0xfc00      // unique local
        || (first & 0xffc0) == 0xfe80      // link-local
        || (first & 0xffc0) == 0xfec0      // site-local, deprecated
        || first == 0                      // IPv4-compatible and other reserved
        || first == 0x100                  // discard only
        || (first == 0x2001 && second < 0x200) // protocol assignments, Teredo, ORCHID
        || (first == 0x2001 && second == 0xdb8) // documentation
        || (first == 0x3fff && second < 0x1000)) // documentation
}

/// A resolver that gives out only addresses that may be reached. The client connects to what it gives out and to nothing
/// else: the address is pinned.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuardedResolver(pub(super) Reach);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let resolved: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = resolved
                .into_iter()
                .filter(|address| may_reach(address.ip(), reach))
                .collect();
            if allowed.is_empty() {
                return Err(Box::new(UrlRefused::Address { host }).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: Reach = Reach {
        loopback: false,
        private: false,
    };

    #[test]
    fn private_local_and_metadata_addresses_are_refused_in_every_notation() {
        for url in [
            "http://127.0.0.1/x",
            "http://127.1/x",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://10.1.2.3/",
            "http://192.168.1.1:8080/",
            "http://172.31.255.255/",
            "http://169.254.169.254/latest/meta-data/",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
            "http://[2002:7f00:1::]/",
            "http://[64:ff9b::a01:203]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://x.localhost/",
        ] {
            assert!(
                matches!(check_url(url, CLOSED), Err(UrlRefused::Address { .. })),
                "{url}"
            );
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        for url in [
            "https://example.com/hook",
            "http://8.8.8.8/",
            "https://[2600:1f18::1]/x",
        ] {
            assert!(check_url(url, CLOSED).is_ok(), "{url}");
        }
    }

    #[test]
    fn loopback_alone_can_be_allowed() {
        let reach = Reach {
            loopback: true,
            private: false,
        };
        assert!(check_url("http://127.0.0.1:9/x", reach).is_ok());
        assert!(check_url("http://localhost:9/x", reach).is_ok());
        assert!(check_url("http://10.0.0.1/", reach).is_err());
        assert!(check_url("http://169.254.169.254/", reach).is_err());
    }

    #[test]
    fn other_schemes_and_credentials_are_refused() {
        assert!(matches!(
            check_url("ftp://example.com/", CLOSED),
            Err(UrlRefused::Scheme { .. })
        ));
        assert!(matches!(
            check_url("file:///etc/passwd", CLOSED),
            Err(UrlRefused::Scheme { .. })
        ));
        assert_eq!(
            check_url("https://u:p@example.com/", CLOSED),
            Err(UrlRefused::Credentials)
        );
        assert!(matches!(
            check_url("not a url", CLOSED),
            Err(UrlRefused::NotAUrl { .. })
        ));
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_this_machine_is_refused_by_the_resolver() {
        let name: Name = "localhost".parse().unwrap();
        let refused = GuardedResolver(CLOSED).resolve(name).await;
        assert!(refused.err().unwrap().to_string().contains("private or local"));
    }
}
