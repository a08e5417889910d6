//! `[access]`

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who may call. With no key every caller is `anonymous` and may do everything, and the service listens on loopback only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// `[[access.keys]]`: default none.
    #[serde(deserialize_with = "distinct")]
    pub keys: Vec<AccessKey>,
}

/// A caller's key, sent as `Authorization: Bearer KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// Who it is: the name in the audit log. `anonymous` is taken.
    pub name: String,
    /// SHA-256 of the key, in hex: `printf %s "$KEY" | sha256sum`.
    pub sha256: KeyDigest,
    /// What the caller may do.
    pub roles: Vec<Role>,
}

/// What a caller may do. A caller may have several; `Admin` may do everything.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads everything but secrets.
    Viewer,
    /// Starts, stops and redrives executions.
    Operator,
    /// Registers templates, deploys, rolls back.
    Deployer,
    /// Decides gates and human tasks.
    Approver,
    /// Everything.
    Admin,
}

impl Role {
    /// The role's name as written in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Deployer => "deployer",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }
}

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyDigest(pub [u8; 32]);

impl fmt::Debug for KeyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl TryFrom<String> for KeyDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut digest = [0; 32];
        hex::decode_to_slice(&text, &mut digest)
            .map_err(|_| "`sha256` takes 64 hex digits: the SHA-256 of the key, not the key itself")?;
        Ok(Self(digest))
    }
}

fn distinct<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<AccessKey>, D::Error> {
    let keys = Vec::<AccessKey>::deserialize(deserializer)?;
    for (index, key) in keys.iter().enumerate() {
        let fault = if key.name.is_empty() || key.name == "anonymous" {
            "a key needs a name of its own; `anonymous` is the caller without a key"
        } else if key.roles.is_empty() {
            "has no role, so that it could do nothing"
        } else if keys.iter().take(index).any(|earlier| earlier.name == key.name) {
            "is the name of two keys; the audit log could not tell them apart"
        } else {
            continue;
        };
        return Err(serde::de::Error::custom(format!(
            "access key `{}`: {fault}",
            key.name
        )));
    }
    Ok(keys)
}
