//! Who calls: put into the request by the access layer, read by handlers as an extractor.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::{Problem, ProblemKind};
use crate::config::Role;

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key's name, or `anonymous` when no access is configured.
    pub name: String,
    /// What the caller may do.
    pub roles: Vec<Role>,
}

impl Caller {
    /// Everyone, when no access is configured: the service then listens on loopback only.
    pub fn anonymous() -> Self {
        Self {
            name: "anonymous".to_owned(),
            roles: vec![Role::Admin],
        }
    }

    /// Whether nobody knows who this is.
    pub fn is_anonymous(&self) -> bool {
        self.name == "anonymous"
    }

    /// Whether the caller has `role` or is an admin.
    pub fn has(&self, role: Role) -> bool {
        self.roles
            .iter()
            .any(|held| *held == role || *held == Role::Admin)
    }

    /// `Ok` if the caller has `role`, else the problem to answer with (403).
    pub fn require(&self, role: Role) -> Result<(), Problem> {
        if self.has(role) {
            return Ok(());
        }
        Err(Problem::new(
            ProblemKind::Forbidden,
            format!(
                "`{}` does not have the role `{}` that this needs",
                self.name,
                role.as_str()
            ),
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// Whom the access layer found; without that layer nobody gets in.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::new(ProblemKind::Unauthorized, "the caller is not known"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_not_another_and_admin_is_all() {
        let viewer = Caller {
            name: "v".into(),
            roles: vec![Role::Viewer],
        };
        assert!(viewer.require(Role::Viewer).is_ok());
        assert!(viewer.require(Role::Deployer).is_err());
        assert!(Caller::anonymous().require(Role::Approver).is_ok());
    }
}
