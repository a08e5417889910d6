//! Why a deployment is not started.

use super::model::State;
use super::request::Fault;
use crate::db::DbError;
use crate::environments::UnknownEnvironment;
use crate::ids::DeploymentId;
use crate::policies::DemandError;
use crate::templates::EnsureError;

/// A revision that was taken back before.
#[derive(Debug, thiserror::Error)]
#[error(
    "revision {revision} of `{template}` {} in `{environment}` on {at}: {reason}; register a revision that is better, or let an \
     admin say why it is to serve nevertheless (`override_quarantine`)",
    if *by_hand { "was taken back" } else { "took itself back" }
)]
pub struct Quarantined {
    /// The template.
    pub template: String,
    /// The environment.
    pub environment: String,
    /// Its revision.
    pub revision: i32,
    /// The deployment that took it back.
    pub deployment: DeploymentId,
    /// Why.
    pub reason: String,
    /// Whether a person did.
    pub by_hand: bool,
    /// When, RFC 3339.
    pub at: String,
}

/// Why a deployment did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No such template.
    #[error("there is no template `{0}`")]
    UnknownTemplate(String),
    /// No such revision.
    #[error("`{template}` has no revision {revision}")]
    UnknownRevision {
        /// The template.
        template: String,
        /// The revision.
        revision: i32,
    },
    /// No such environment.
    #[error(transparent)]
    UnknownEnvironment(#[from] UnknownEnvironment),
    /// Something about the request is wrong.
    #[error("the deployment can't be started as asked for")]
    Invalid(Vec<Fault>),
    /// Another deployment moves the alias.
    #[error("{template}/{environment} is held by {holder} (`{}`)", state.as_str())]
    InProgress {
        /// The template.
        template: String,
        /// The environment.
        environment: String,
        /// Who holds it.
        holder: DeploymentId,
        /// Where that one stands.
        state: State,
    },
    /// The environment demands a rule set that the revision does not keep.
    #[error(transparent)]
    Demand(#[from] DemandError),
    /// The definition that came with it is not valid.
    #[error("the definition of `{template}` can't be registered")]
    Definition {
        /// The template.
        template: String,
        /// Why.
        #[source]
        source: Box<EnsureError>,
    },
    /// It was taken back here before, because it was worse.
    #[error(transparent)]
    Quarantined(Box<Quarantined>),
    /// The database failed.
    #[error("the deployment could not be written")]
    Database(#[from] DbError),
}
