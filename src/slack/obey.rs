//! Do what somebody wants, as the caller they are, and say in words what came of it.

use super::plan::{HELP, Order, digest_meant};
use crate::access::{Action, Caller, Forbidden, authorize};
use crate::app::App;
use crate::approvals::{self, ApprovalState, Decide, DecideError, Via, Vote};
use crate::db::DbError;
use crate::deployments::step::Command;
use crate::deployments::words::{self, ActError};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObeyError {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error(transparent)]
    Decide(#[from] DecideError),
    #[error(transparent)]
    Deployment(#[from] ActError),
    #[error("{0}")]
    Unclear(String),
}

impl ObeyError {
    /// The database's error, which the person can't do anything about.
    pub(super) fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Decide(DecideError::Database(_)) | Self::Deployment(ActError::Database(_))
        )
    }
}

impl From<DbError> for ObeyError {
    fn from(error: DbError) -> Self {
        Self::Decide(error.into())
    }
}

/// Does it; the words are for the person who asked.
pub(super) async fn obey(app: &App, who: &Caller, order: Order) -> Result<String, ObeyError> {
    match order {
        Order::Help => Ok(HELP.to_owned()),
        Order::Decide {
            approval,
            vote,
            digest,
            comment,
        } => {
            let standing = approvals::standing(&app.db, approval).await?;
            let (standing, round) = standing.ok_or(DecideError::NotFound { id: approval })?;
            let digest =
                digest_meant(digest.as_deref(), &standing.digest, round).map_err(ObeyError::Unclear)?;
            let command = Decide {
                approval,
                digest,
                vote,
                comment,
                via: Via::Slack,
            };
            let decided = approvals::decide(app, who, command).await?;
            Ok(match (decided.state, vote) {
                (ApprovalState::Approved, _) => {
                    format!("`{approval}` is approved; what waited for it goes on.")
                }
                (ApprovalState::Rejected, _) => format!("`{approval}` is rejected."),
                (_, Vote::Approve) => {
                    format!("Your approval of `{approval}` counts; more people have to agree.")
                }
                (_, Vote::Reject) => format!("Your rejection of `{approval}` counts."),
            })
        }
        Order::Approval(approval) => {
            authorize(who, Action::Read, &approval.to_string())?;
            let standing = approvals::standing(&app.db, approval).await?;
            let (standing, _) = standing.ok_or(DecideError::NotFound { id: approval })?;
            Ok(format!(
                "`{approval}` ({}) is {}; digest `{}`",
                standing.gate,
                standing.state.as_str(),
                standing.digest
            ))
        }
        Order::Deployment(deployment) => {
            authorize(who, Action::Read, &deployment.to_string())?;
            Ok(words::status(app, deployment).await?)
        }
        Order::Steer {
            deployment,
            command,
            reason,
        } => {
            let action = match command {
                Command::Pause | Command::Abort | Command::Rollback => Action::HaltDeployments,
                Command::Promote
                | Command::PromoteFull
                | Command::Resume
                | Command::Supersede
                | Command::Adopt
                | Command::Restore
                | Command::AckDrift
                | Command::SkipStep => Action::Deploy,
            };
            authorize(who, action, &deployment.to_string())?;
            Ok(words::command(app, deployment, command, &who.name, reason.as_deref()).await?)
        }
    }
}
