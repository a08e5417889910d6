//! Signature Version 4 checked from what arrived, independently of the code that signs.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::harness::Sent;

/// The scope (`region/service`) of a request whose signature is that of `secret`. Panics on any other.
pub(crate) fn scope(sent: &Sent, secret: &str) -> String {
    let authorization = sent.headers["authorization"].to_str().unwrap();
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(&format!("{name}=")).unwrap();
        rest.split(',').next().unwrap().trim().to_owned()
    };
    let (credential, names, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
    let scope: Vec<&str> = credential.split('/').skip(1).collect();
    let [date, region, service, "aws4_request"] = scope[..] else {
        panic!("{credential}")
    };
    let names: Vec<&str> = names.split(';').collect();
    for (name, _) in &sent.headers {
        let name = name.as_str();
        assert!(
            !(name.starts_with("x-amz-") || name == "host") || names.contains(&name),
            "`{name}` is not signed"
        );
    }
    let string = [
        "AWS4-HMAC-SHA256",
        sent.headers["x-amz-date"].to_str().unwrap(),
        &scope.join("/"),
        &hash(canonical(sent, &names, service.starts_with("s3")).as_bytes()),
    ]
    .join("\n");
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [date, region, service, "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    assert_eq!(hex::encode(mac(&key, string.as_bytes())), signature, "{string}");
    format!("{region}/{service}")
}

fn canonical(sent: &Sent, names: &[&str], is_s3: bool) -> String {
    let (path, query) = sent.path.split_once('?').unwrap_or((&sent.path, ""));
    let path = if is_s3 {
        path.to_owned()
    } else {
        // Every service but S3 signs the path encoded a second time.
        path.replace('%', "%25")
    };
    let mut query: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let headers = names
        .iter()
        .flat_map(|name| [name, ":", sent.headers[*name].to_str().unwrap().trim(), "\n"])
        .collect::<String>();
    let payload = hash(&sent.bytes);
    if is_s3 {
        assert_eq!(sent.headers["x-amz-content-sha256"], payload.as_str());
    }
    [
        &sent.method,
        &path,
        &query.join("&"),
        &headers,
        &names.join(";"),
        &payload,
    ]
    .map(String::as_str)
    .join("\n")
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}
