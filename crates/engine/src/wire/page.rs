//! Page tokens: opaque to callers, signed so that nobody makes one up, and good for 24 hours and the same question only.

use aws_sigv4::sign::v4::calculate_signature;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::error::ApiError;
use crate::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, PAGE_TOKEN_MS_MAX};

/// Hex digits of the signature kept in a token: 128 bits.
const SIGNATURE_CHARS: usize = 32;

/// Makes and reads page tokens.
#[derive(Clone)]
pub struct Pager {
    secret: [u8; 32],
}

impl std::fmt::Debug for Pager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pager").finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Content<C> {
    /// What was asked: a token of one question is no answer to another.
    q: String,
    /// When it ends, ms since 1970.
    e: i64,
    /// Where to go on.
    c: C,
}

impl Pager {
    /// By a secret that outlives the process.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// A token by which `question` (operation, account, filters) goes on at `cursor`.
    pub fn token<C: Serialize>(&self, question: &str, cursor: C, now_ms: i64) -> Option<String> {
        let content = Content {
            q: self.digest(question),
            e: now_ms + PAGE_TOKEN_MS_MAX,
            c: cursor,
        };
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&content).ok()?);
        Some(format!("{}{text}", self.sign(&text)))
    }

    /// Where a page begins: nowhere in particular without a token.
    pub fn cursor<C: DeserializeOwned>(
        &self,
        question: &str,
        token: Option<&str>,
        now_ms: i64,
    ) -> Result<Option<C>, ApiError> {
        token
            .map(|token| {
                self.read(question, token, now_ms)
                    .ok_or_else(ApiError::invalid_token)
            })
            .transpose()
    }

    fn read<C: DeserializeOwned>(&self, question: &str, token: &str, now_ms: i64) -> Option<C> {
        let (signature, text) = token.split_at_checked(SIGNATURE_CHARS)?;
        if !bool::from(self.sign(text).as_bytes().ct_eq(signature.as_bytes())) {
            return None;
        }
        let content: Content<C> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        (content.q == self.digest(question) && now_ms <= content.e).then_some(content.c)
    }

    fn sign(&self, text: &str) -> String {
        let mut signature = calculate_signature(self.secret, text.as_bytes());
        signature.truncate(SIGNATURE_CHARS);
        signature
    }

    fn digest(&self, question: &str) -> String {
        let mut digest = calculate_signature(self.secret, question.as_bytes());
        digest.truncate(16);
        digest
    }
}

/// How many items a page has: 100 when `maxResults` is absent or 0, at most 1,000.
pub fn size(max_results: Option<i64>) -> u32 {
    match max_results.and_then(|asked| u32::try_from(asked).ok()) {
        None | Some(0) => PAGE_ITEMS_DEFAULT,
        Some(asked) => asked.min(PAGE_ITEMS_MAX),
    }
}

/// Takes back what was fetched beyond a page of `size` to see whether there is more; then the last item of the page.
pub fn cut<T>(items: &mut Vec<T>, size: u32) -> Option<&T> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if items.len() <= size {
        return None;
    }
    items.truncate(size);
    items.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_question_and_a_day_and_not_when_touched() {
        let pager = Pager::new([7; 32]);
        let token = pager.token("ListActivities 0 us-east-1", "name", 1_000).unwrap();
        let read = |pager: &Pager, question: &str, token: &str, now: i64| {
            pager
                .cursor::<String>(question, Some(token), now)
                .map_err(|error| error.message)
        };
        let refused = Err("Invalid Token: 'Invalid token'".to_owned());
        assert_eq!(
            read(&pager, "ListActivities 0 us-east-1", &token, 2_000),
            Ok(Some("name".into()))
        );
        assert_eq!(
            read(&pager, "ListStateMachines 0 us-east-1", &token, 2_000),
            refused
        );
        assert_eq!(
            read(
                &pager,
                "ListActivities 0 us-east-1",
                &token,
                2_000 + PAGE_TOKEN_MS_MAX
            ),
            refused
        );
        assert_eq!(
            read(&Pager::new([8; 32]), "ListActivities 0 us-east-1", &token, 2_000),
            refused
        );
        for position in [0, 31, 32, token.len() - 1] {
            let mut touched = token.clone().into_bytes();
            touched[position] = if touched[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                read(
                    &pager,
                    "ListActivities 0 us-east-1",
                    &String::from_utf8(touched).unwrap(),
                    2_000
                ),
                refused
            );
        }
        assert_eq!(read(&pager, "q", "short", 0), refused);
        assert_eq!(read(&pager, "q", "ä", 0), refused);
    }
}
