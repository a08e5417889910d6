//! Task tokens. A token names its execution and is signed, so a waiting one costs no row and no memory outside of its
//! frame, stays valid over restarts, and one that was made up is told from one that is no longer waited for.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::executions::ExecutionId;

const VERSION: u8 = 1;
const ID_BYTES: usize = 16;
const NONCE_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 32;
const TOKEN_BYTES: usize = 1 + ID_BYTES + NONCE_BYTES + SIGNATURE_BYTES;

/// The database's key for tokens and pages.
#[derive(Clone)]
pub(super) struct Secret(Arc<[u8]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Secret {
    /// The key of these bytes.
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Signs `parts`, each with its length before it.
    pub(super) fn sign(&self, purpose: &str, parts: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
        self.mac(purpose, parts).finalize().into_bytes().into()
    }

    /// Whether `signature` is of `parts`, in constant time.
    pub(super) fn verifies(&self, purpose: &str, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.mac(purpose, parts).verify_slice(signature).is_ok()
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length");
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

/// Makes the tokens of one execution.
pub(super) struct TokenMaker<'a> {
    pub(super) secret: &'a Secret,
    pub(super) execution: ExecutionId,
}

impl TokenMaker<'_> {
    /// The token number `count` of the step with this seed.
    pub(super) fn make(&self, seed: u64, count: u64) -> Arc<str> {
        let id = self.execution.0.into_bytes();
        let nonce = self
            .secret
            .sign("nonce", &[&id, &seed.to_be_bytes(), &count.to_be_bytes()]);
        let (nonce, _) = nonce.split_at(NONCE_BYTES);
        let signature = self.secret.sign("token", &[&id, nonce]);
        let mut token = Vec::with_capacity(TOKEN_BYTES);
        token.push(VERSION);
        token.extend_from_slice(&id);
        token.extend_from_slice(nonce);
        token.extend_from_slice(&signature);
        STANDARD.encode(token).into()
    }
}

/// The execution a token is of; `None` when this engine never made it.
pub(super) fn execution_of(secret: &Secret, token: &str) -> Option<ExecutionId> {
    let bytes = STANDARD.decode(token).ok()?;
    let bytes: [u8; TOKEN_BYTES] = bytes.try_into().ok()?;
    let (version, rest) = bytes.split_first()?;
    let (id, rest) = rest.split_at_checked(ID_BYTES)?;
    let (nonce, signature) = rest.split_at_checked(NONCE_BYTES)?;
    if *version != VERSION || !secret.verifies("token", &[id, nonce], signature) {
        return None;
    }
    Uuid::from_slice(id).ok().map(ExecutionId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_execution_and_a_changed_one_names_none() {
        let secret = Secret::new(&[7; 32]);
        let execution = ExecutionId(Uuid::now_v7());
        let maker = TokenMaker {
            secret: &secret,
            execution,
        };
        let token = maker.make(1, 1);
        assert_eq!(execution_of(&secret, &token), Some(execution));
        assert_ne!(token, maker.make(1, 2));
        assert_ne!(token, maker.make(2, 1));
        let other = TokenMaker {
            secret: &Secret::new(&[8; 32]),
            execution,
        }
        .make(1, 1);
        assert_eq!(execution_of(&secret, &other), None);
        assert_eq!(execution_of(&secret, "not a token"), None);
        assert_eq!(execution_of(&secret, ""), None);
    }
}
