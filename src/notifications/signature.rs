//! Standard Webhooks signatures (standard-webhooks/spec, "Signature scheme"): HMAC-SHA256 over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What the text form of a secret begins with.
const PREFIX: &str = "whsec_";

/// A secret of 24 to 64 bytes. Prints as nothing.
#[derive(Clone)]
pub(super) struct SigningKey(Vec<u8>);

/// Why a text is not a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is `whsec_` followed by base64 of 24 to 64 bytes")]
pub(super) struct InvalidSecret;

impl SigningKey {
    /// Reads `whsec_…`.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let bytes = STANDARD
            .decode(text.strip_prefix(PREFIX).unwrap_or(text))
            .map_err(|_| InvalidSecret)?;
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(InvalidSecret)
        }
    }

    /// A secret this installation made.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// `whsec_…`, for the one answer that shows it.
    pub(super) fn to_text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    fn sign(&self, id: &str, timestamp: i64, body: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?; // HMAC takes any length
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body.as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// The `webhook-signature` header: one signature per live secret, separated by spaces.
pub(super) fn sign(keys: &[SigningKey], id: &str, timestamp: i64, body: &str) -> String {
    keys.iter()
        .filter_map(|key| key.sign(id, timestamp, body))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks reference libraries.
    #[test]
    fn the_reference_example_gives_the_reference_signature() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(
            &[key],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_live_secret_signs() {
        let one = SigningKey::from_bytes(vec![1; 32]);
        let two = SigningKey::from_bytes(vec![2; 32]);
        let both = sign(&[one.clone(), two.clone()], "evt_1", 5, "{}");
        assert_eq!(
            both,
            format!(
                "{} {}",
                sign(&[one], "evt_1", 5, "{}"),
                sign(&[two], "evt_1", 5, "{}")
            )
        );
    }

    #[test]
    fn a_secret_reads_back_as_it_was_shown_and_a_short_one_is_refused() {
        let shown = SigningKey::from_bytes(vec![7; 32]).to_text();
        assert_eq!(SigningKey::parse(&shown).map(|key| key.to_text()), Ok(shown));
        assert!(SigningKey::parse("whsec_c2hvcnQ=").is_err());
        assert!(SigningKey::parse("whsec_***").is_err());
    }
}
