//! `[approvals]`: groups of people, and links for deciding without a key.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::Secret;

/// Gates and human tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Approvals {
    /// Groups of callers by name; a gate names one as `group:NAME`.
    pub groups: BTreeMap<String, Vec<String>>,
    /// What signs the links for deciding by browser, any text of at least 32 characters. Omitted: one is made at first use
    /// and kept in the database.
    #[serde(deserialize_with = "long_enough")]
    pub link_secret: Option<Secret>,
    /// Who is asked by a webhook of their own, by caller name: the message carries a personal link.
    pub people: BTreeMap<String, Person>,
}

/// How one person is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// A webhook only this person reads: it receives links that decide in their name.
    pub webhook_url: Secret,
}

fn long_enough<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let secret = Option::<Secret>::deserialize(deserializer)?;
    if secret
        .as_ref()
        .is_some_and(|secret| secret.expose().chars().count() < 32)
    {
        return Err(serde::de::Error::custom(
            "`link_secret` needs at least 32 characters",
        ));
    }
    Ok(secret)
}
