//! Callers by their keys.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::Caller;
use crate::config::{Access, AccessKey};

/// The caller whose key this is. Compares with every key, each in constant time, so that the time tells nothing of how
/// near a guess was; what is compared are digests, so length tells nothing either.
pub(super) fn caller_of(access: &Access, key: &str) -> Option<Caller> {
    let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    let mut found = u32::MAX;
    for (index, known) in access.keys.iter().enumerate() {
        let same: Choice = known.sha256.0.ct_eq(&digest);
        found.conditional_assign(&u32::try_from(index).unwrap_or(u32::MAX), same);
    }
    access.keys.get(found as usize).map(caller)
}

/// A caller by name, for who proves it otherwise: a personal link, a Slack user. With no keys configured any name will
/// do, as anybody is anybody.
pub fn caller_named(access: &Access, name: &str) -> Option<Caller> {
    if access.keys.is_empty() {
        return Some(Caller {
            name: name.to_owned(),
            ..Caller::anonymous()
        });
    }
    access.keys.iter().find(|key| key.name == name).map(caller)
}

/// Every caller that is known; `anonymous` alone when no keys are configured.
pub fn callers(access: &Access) -> Vec<Caller> {
    if access.keys.is_empty() {
        return vec![Caller::anonymous()];
    }
    access.keys.iter().map(caller).collect()
}

fn caller(key: &AccessKey) -> Caller {
    Caller {
        name: key.name.clone(),
        roles: key.roles.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KeyDigest, Role};

    fn access() -> Access {
        let key = |name: &str, key: &str, role| AccessKey {
            name: name.to_owned(),
            sha256: KeyDigest(Sha256::digest(key.as_bytes()).into()),
            roles: vec![role],
        };
        Access {
            keys: vec![
                key("alice", "one", Role::Deployer),
                key("bob", "two", Role::Viewer),
            ],
        }
    }

    #[test]
    fn a_key_is_its_owners_and_a_wrong_one_nobodys() {
        assert_eq!(
            caller_of(&access(), "two").map(|caller| caller.name).as_deref(),
            Some("bob")
        );
        assert_eq!(caller_of(&access(), "three"), None);
        assert_eq!(caller_of(&access(), ""), None);
        assert_eq!(caller_of(&Access::default(), "one"), None);
    }

    #[test]
    fn a_name_without_a_key_is_nobody_once_there_are_keys() {
        assert_eq!(caller_named(&access(), "mallory"), None);
        assert_eq!(
            caller_named(&Access::default(), "bob")
                .map(|caller| caller.name)
                .as_deref(),
            Some("bob")
        );
    }
}
