//! Which addresses endpoints may have. Definitions name them, and the engine stands in networks that their authors do not:
//! what is only reachable from here must not become reachable through it unasked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::{Host, Url};

/// The rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Whether loopback and private networks are within reach.
    pub(super) private: bool,
}

/// An address that is out of reach.
#[derive(Debug, Error)]
#[error("`{0}` has no address that HTTP tasks may call")]
pub(super) struct OutOfReach(String);

impl Reach {
    /// Whether a URL may be called, as far as it can be told without a look-up: names are looked at when they are resolved.
    pub(super) fn allows_url(self, url: &Url) -> Result<(), OutOfReach> {
        let allowed = match url.host() {
            Some(Host::Ipv4(address)) => self.allows(address.into()),
            Some(Host::Ipv6(address)) => self.allows(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if allowed {
            Ok(())
        } else {
            Err(OutOfReach(url.host_str().unwrap_or_default().to_owned()))
        }
    }

    /// Link-local addresses are never allowed: clouds answer there with the machine's credentials.
    fn allows(self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.allows_v4(address),
            IpAddr::V6(address) => self.allows_v6(address),
        }
    }

    fn allows_v4(self, address: Ipv4Addr) -> bool {
        let [first, second, ..] = address.octets();
        let never = address.is_link_local()
            || address.is_unspecified()
            || address.is_multicast()
            || address.is_broadcast()
            || first == 0;
        // 100.64.0.0/10 is what carriers and clouds use within (RFC 6598).
        let shared = first == 100 && (64..128).contains(&second);
        let private = address.is_loopback() || address.is_private() || shared;
        !never && (self.private || !private)
    }

    fn allows_v6(self, address: Ipv6Addr) -> bool {
        // EC2's metadata service over IPv6.
        const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
        let never = address.is_unicast_link_local()
            || address.is_unspecified()
            || address.is_multicast()
            || address == METADATA;
        let private = address.is_loopback() || address.is_unique_local();
        !never && (self.private || !private)
    }
}

impl Resolve for Reach {
    /// The addresses within reach: checked where they are used, so that a name can't mean another one a moment later.
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| reach.allows(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(OutOfReach(name.as_str().to_owned()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(private: bool, url: &str) -> bool {
        Reach { private }.allows_url(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn the_addresses_of_credentials_are_never_within_reach() {
        for url in [
            "http://169.254.169.254/latest/meta-data/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://[::ffff:169.254.169.254]/",
            "http://0.0.0.0/",
            // Other spellings of 169.254.169.254.
            "http://2852039166/",
            "http://0xa9fea9fe/",
        ] {
            assert!(!allows(true, url), "{url}");
        }
    }

    #[test]
    fn private_addresses_are_within_reach_when_they_are_allowed() {
        for url in [
            "http://127.0.0.1:9000/",
            "http://10.1.2.3/",
            "http://192.168.0.1/",
            "http://100.64.0.1/",
            "http://[::1]/",
            "http://[fd12::1]/",
        ] {
            assert!(allows(true, url), "{url}");
            assert!(!allows(false, url), "{url}");
        }
        assert!(allows(false, "https://1.1.1.1/"));
        assert!(allows(false, "https://[2606:4700::1111]/"));
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_means() {
        let resolve = |private| Reach { private }.resolve("localhost".parse().unwrap());
        assert!(resolve(true).await.is_ok());
        assert!(resolve(false).await.is_err());
    }
}
