//! Personal links: whoever holds one may decide one approval in the name of one person, until it expires.
//!
//! `/a/` + base64url(payload) + `.` + base64url(HMAC-SHA256 of it). Opening one never decides anything: mail scanners and
//! chat previews open links.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::model::Approval;
use crate::app::App;
use crate::db::DbError;
use crate::ids::ApprovalId;
use crate::notifications::{Purpose, own_secret};

/// Longest life of a link, seconds: a week, as people are away for a week.
const LINK_SECONDS_MAX: i64 = 7 * 24 * 3_600;

/// The secrets that sign links: the first signs, each verifies.
#[derive(Clone)]
pub(super) struct Keys(Vec<Vec<u8>>);

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    #[serde(rename = "a")]
    pub(super) approval: ApprovalId,
    #[serde(rename = "p")]
    pub(super) person: String,
    /// Seconds since 1970.
    #[serde(rename = "e")]
    pub(super) expires: i64,
}

/// Why a link is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LinkError {
    #[error("this link is not one of this service")]
    Forged,
    #[error("this link has expired")]
    Expired,
}

/// The configured secret, or those this installation made.
pub(super) async fn keys(app: &App) -> Result<Keys, DbError> {
    if let Some(secret) = &app.config.approvals.link_secret {
        return Ok(Keys(vec![secret.expose().as_bytes().to_vec()]));
    }
    let made = own_secret(&app.db, Purpose::Links, app.clock.now()).await?;
    Ok(Keys(made.into_iter().map(|made| made.secret).collect()))
}

/// Where this service is reached, without a slash at the end.
pub(super) fn base_url(app: &App) -> String {
    match &app.config.notifications.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", app.config.server.listen),
    }
}

impl Keys {
    /// The path of a link by which `person` decides `approval`; it expires with the approval, or after a week.
    pub(super) fn sign(&self, approval: &Approval, person: &str, now: DateTime<Utc>) -> Option<String> {
        let latest = now.timestamp() + LINK_SECONDS_MAX;
        let expires = approval
            .expires_at
            .map_or(latest, |at| at.timestamp().min(latest));
        let link = Link {
            approval: approval.id,
            person: person.to_owned(),
            expires,
        };
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&link).ok()?);
        let signature = URL_SAFE_NO_PAD.encode(mac(self.0.first()?, &payload)?.finalize().into_bytes());
        Some(format!("/a/{payload}.{signature}"))
    }

    /// What a link says, if this service signed it and it has not expired.
    pub(super) fn verify(&self, signed: &str, now: DateTime<Utc>) -> Result<Link, LinkError> {
        let (payload, signature) = signed.split_once('.').ok_or(LinkError::Forged)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| LinkError::Forged)?;
        let ours = self
            .0
            .iter()
            .any(|key| mac(key, payload).is_some_and(|mac| mac.verify_slice(&signature).is_ok()));
        if !ours {
            return Err(LinkError::Forged);
        }
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| LinkError::Forged)?;
        let link: Link = serde_json::from_slice(&payload).map_err(|_| LinkError::Forged)?;
        if now.timestamp() >= link.expires {
            Err(LinkError::Expired)
        } else {
            Ok(link)
        }
    }
}

/// The purpose is part of what is signed, so that a signature made for something else is none here.
fn mac(key: &[u8], payload: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?; // HMAC takes any length
    mac.update(b"signalbox approval link\n");
    mac.update(payload.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(expires: i64) -> (Keys, String, Link) {
        let keys = Keys(vec![vec![1; 32]]);
        let link = Link {
            approval: ApprovalId::generate(),
            person: "bob".to_owned(),
            expires,
        };
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&link).unwrap());
        let signature = URL_SAFE_NO_PAD.encode(mac(&keys.0[0], &payload).unwrap().finalize().into_bytes());
        (keys, format!("{payload}.{signature}"), link)
    }

    #[test]
    fn a_link_is_good_until_it_expires() {
        let (keys, signed, said) = link(100);
        assert_eq!(
            keys.verify(&signed, DateTime::from_timestamp(99, 0).unwrap()),
            Ok(said)
        );
        assert_eq!(
            keys.verify(&signed, DateTime::from_timestamp(100, 0).unwrap()),
            Err(LinkError::Expired)
        );
    }

    #[test]
    fn a_link_that_was_changed_or_signed_by_another_is_forged() {
        let (keys, signed, said) = link(100);
        let other = Link {
            person: "mallory".to_owned(),
            ..said
        };
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&other).unwrap());
        let forged = format!("{payload}.{}", signed.split_once('.').unwrap().1);
        assert_eq!(keys.verify(&forged, DateTime::UNIX_EPOCH), Err(LinkError::Forged));
        assert_eq!(
            Keys(vec![vec![2; 32]]).verify(&signed, DateTime::UNIX_EPOCH),
            Err(LinkError::Forged)
        );
        assert_eq!(
            keys.verify("nonsense", DateTime::UNIX_EPOCH),
            Err(LinkError::Forged)
        );
    }

    #[test]
    fn after_a_rotation_older_links_are_still_good() {
        let (keys, signed, said) = link(100);
        let rotated = Keys(vec![vec![9; 32], keys.0[0].clone()]);
        assert_eq!(rotated.verify(&signed, DateTime::UNIX_EPOCH), Ok(said));
    }
}
