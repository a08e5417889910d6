//! Keyset paging: a page ends with a cursor that says where the next one begins, so pages stay right while rows come and go.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::limits;

/// What a caller says of the page wanted: `?limit=50&cursor=…`.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Most rows to return, 1..=500; 50 when absent.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before. Opaque; only good with the same filter.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The limit, held within its bounds.
    pub fn limit(&self) -> u32 {
        self.limit
            .unwrap_or(limits::PAGE_LIMIT_DEFAULT)
            .clamp(1, limits::PAGE_LIMIT_MAX)
    }
}

/// One page of a listing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Give this as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// Makes a page of `rows`, of which one more than `limit` was asked for so as to see whether there is a next page.
    /// `key` is what the order is by; `filter` is anything that names the filter the cursor is good for.
    pub fn from_rows<K: Serialize>(
        mut rows: Vec<T>,
        limit: u32,
        filter: &str,
        key: impl Fn(&T) -> K,
    ) -> Self {
        let limit = limit as usize;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if has_more {
            rows.last().and_then(|last| encode_cursor(&key(last), filter))
        } else {
            None
        };
        Self {
            data: rows,
            next_cursor,
            has_more,
        }
    }

    /// The same page with each row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
            has_more: self.has_more,
        }
    }
}

/// A cursor that this listing did not give out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of this listing with this filter; leave it out to begin at the first page")]
pub struct InvalidCursor;

#[derive(Serialize, Deserialize)]
struct Wire<K> {
    /// First bytes of the filter's digest: a cursor is only good for the filter it came from.
    f: String,
    k: K,
}

fn fingerprint(filter: &str) -> String {
    let digest = Sha256::digest(filter.as_bytes());
    hex::encode(digest.get(..6).unwrap_or_default())
}

fn encode_cursor<K: Serialize>(key: &K, filter: &str) -> Option<String> {
    serde_json::to_vec(&Wire {
        f: fingerprint(filter),
        k: key,
    })
    .ok()
    .map(|json| URL_SAFE_NO_PAD.encode(json))
}

/// Reads the key of a cursor given out by [`Page::from_rows`] for the same `filter`.
pub fn decode_cursor<K: DeserializeOwned>(
    cursor: Option<&str>,
    filter: &str,
) -> Result<Option<K>, InvalidCursor> {
    let Some(cursor) = cursor else { return Ok(None) };
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
    let wire: Wire<K> = serde_json::from_slice(&json).map_err(|_| InvalidCursor)?;
    if wire.f == fingerprint(filter) {
        Ok(Some(wire.k))
    } else {
        Err(InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_of_a_page_is_where_the_next_begins() {
        let page = Page::from_rows(vec![5, 4, 3], 2, "status=FAILED", |row| *row);
        assert_eq!(page.data, [5, 4]);
        assert!(page.has_more);
        assert_eq!(
            decode_cursor::<i32>(page.next_cursor.as_deref(), "status=FAILED"),
            Ok(Some(4))
        );
    }

    #[test]
    fn a_cursor_is_refused_with_another_filter_or_when_made_up() {
        let page = Page::from_rows(vec![2, 1], 1, "a", |row| *row);
        assert_eq!(
            decode_cursor::<i32>(page.next_cursor.as_deref(), "b"),
            Err(InvalidCursor)
        );
        assert_eq!(decode_cursor::<i32>(Some("bm9uc2Vuc2U"), "a"), Err(InvalidCursor));
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = Page::from_rows(vec![1], 2, "a", |row| *row);
        assert!(!page.has_more);
        assert_eq!(page.next_cursor, None);
    }
}
