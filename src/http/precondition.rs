//! `If-Match` and `If-None-Match` (RFC 9110, section 13) over versions that count: two people who change the same thing don't
//! overwrite each other unseen.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Problem, ProblemKind};

/// What the caller has seen of what is to be changed or read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    matches: Option<Tags>,
    matches_not: Option<Tags>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`
    Any,
    /// Entity tags as written. Weak ones never match a version.
    These(Vec<String>),
}

impl Tags {
    fn holds(&self, version: Option<i64>) -> bool {
        match (self, version) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::These(tags), Some(version)) => tags.contains(&etag_text(version)),
        }
    }
}

/// A change that must not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// The caller has not said what was seen of what is there. 428.
    Missing,
    /// The caller has seen something else than what is there. 412.
    Stale,
}

impl Precondition {
    /// For a change of what needs one: without `If-Match` only what is not there yet may be made.
    pub fn check_change(&self, version: Option<i64>) -> Result<(), Unmet> {
        if self.matches.is_none() && self.matches_not.is_none() && version.is_some() {
            return Err(Unmet::Missing);
        }
        self.check_if_given(version)
    }

    /// For a change of what does not need one: what was said must hold.
    pub fn check_if_given(&self, version: Option<i64>) -> Result<(), Unmet> {
        let matches = self.matches.as_ref().is_none_or(|tags| tags.holds(version));
        let differs = self.matches_not.as_ref().is_none_or(|tags| !tags.holds(version));
        if matches && differs {
            Ok(())
        } else {
            Err(Unmet::Stale)
        }
    }

    /// Whether the caller has said anything of what was seen.
    pub fn is_given(&self) -> bool {
        self.matches.is_some() || self.matches_not.is_some()
    }

    /// Whether a reader has this version already: 304.
    pub fn is_known(&self, version: i64) -> bool {
        self.matches_not
            .as_ref()
            .is_some_and(|tags| tags.holds(Some(version)))
    }
}

impl Unmet {
    /// As a problem; `what` is what was to be changed.
    pub fn problem(self, what: &str) -> Problem {
        match self {
            Self::Missing => Problem::new(
                ProblemKind::PreconditionRequired,
                format!("{what} exists; read it and send its ETag as `If-Match`"),
            ),
            Self::Stale => Problem::new(
                ProblemKind::PreconditionFailed,
                format!("{what} is not what `If-Match` or `If-None-Match` says; read it again"),
            ),
        }
    }
}

/// The header that says which version was read.
pub fn etag(version: i64) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&etag_text(version)).unwrap_or(HeaderValue::from_static("\"\""));
    (header::ETAG, value)
}

fn etag_text(version: i64) -> String {
    format!("\"{version}\"")
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Tags> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().unwrap_or_default();
        all.extend(text.split(',').map(|tag| tag.trim().to_owned()));
    }
    if all.is_empty() {
        None
    } else if all == ["*"] {
        Some(Tags::Any)
    } else {
        Some(Tags::These(all))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Precondition {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            matches: tags(&parts.headers, &header::IF_MATCH),
            matches_not: tags(&parts.headers, &header::IF_NONE_MATCH),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(matches: Option<&str>, matches_not: Option<&str>) -> Precondition {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::IF_MATCH, matches), (header::IF_NONE_MATCH, matches_not)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        Precondition {
            matches: tags(&headers, &header::IF_MATCH),
            matches_not: tags(&headers, &header::IF_NONE_MATCH),
        }
    }

    #[test]
    fn only_who_has_seen_the_newest_version_changes_it() {
        assert_eq!(given(None, None).check_change(Some(3)), Err(Unmet::Missing));
        assert_eq!(
            given(Some("\"2\""), None).check_change(Some(3)),
            Err(Unmet::Stale)
        );
        assert_eq!(given(Some("\"2\", \"3\""), None).check_change(Some(3)), Ok(()));
        assert_eq!(given(Some("*"), None).check_change(Some(3)), Ok(()));
        assert_eq!(
            given(Some("W/\"3\""), None).check_change(Some(3)),
            Err(Unmet::Stale)
        );
        assert_eq!(given(Some("\"3\""), None).check_change(None), Err(Unmet::Stale));
    }

    #[test]
    fn what_is_not_there_may_be_made_and_only_once_with_a_star() {
        assert_eq!(given(None, None).check_change(None), Ok(()));
        assert_eq!(given(None, Some("*")).check_change(None), Ok(()));
        assert_eq!(given(None, Some("*")).check_change(Some(1)), Err(Unmet::Stale));
    }

    #[test]
    fn a_reader_is_told_when_nothing_has_changed() {
        assert!(given(None, Some("\"3\"")).is_known(3));
        assert!(!given(None, Some("\"3\"")).is_known(4));
        assert!(!given(None, None).is_known(3));
    }
}
