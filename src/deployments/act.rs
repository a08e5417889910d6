//! A person's command to a deployment: promote, pause, resume, abort, roll back, …

use super::limits::COMMAND_ATTEMPTS;
use super::step::{Command, CommandError, command};
use super::store::record::{self, Record};
use super::write::{Actor, WriteError, wake, write};
use crate::app::App;
use crate::db::DbError;
use crate::environments::UnknownEnvironment;
use crate::ids::DeploymentId;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// There is no such deployment.
    #[error("there is no deployment `{0}`")]
    Unknown(DeploymentId),
    /// It makes no sense now.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// A newer deployment stands on the alias, or moves it.
    #[error("`{holder}` has moved the alias since; act on that one")]
    Overtaken {
        /// The newer one.
        holder: DeploymentId,
    },
    /// Its environment is not configured any more.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// The worker changed it again and again meanwhile.
    #[error("the deployment is changing too fast; try again")]
    Busy,
    /// The database failed.
    #[error("the command could not be written")]
    Database(#[from] DbError),
}

/// Does it, and gives the deployment as it is afterwards.
pub(super) async fn act(
    app: &App,
    id: DeploymentId,
    verb: Command,
    actor: Actor<'_>,
) -> Result<Record, ActError> {
    for _ in 0..COMMAND_ATTEMPTS {
        let mut tx = app.db.begin().await?;
        let read = record::load(tx.conn(), id).await?.ok_or(ActError::Unknown(id))?;
        let deployment = read.deployment();
        if deployment.state.is_finished()
            && let Some(holder) = overtaken(&mut tx, &read).await?
        {
            return Err(ActError::Overtaken { holder });
        }
        let transition = command(&deployment, verb, actor.name, actor.reason)?;
        let target = app.environments.named(&read.environment)?;
        match write(app, &mut tx, target, &read, &transition, actor).await {
            Ok(()) => {}
            Err(WriteError::Changed) => continue,
            Err(WriteError::Database(error)) => return Err(error.into()),
        }
        wake(&mut tx, id, app.clock.now()).await?;
        tx.commit().await?;
        let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
        return record::load(&mut conn, id).await?.ok_or(ActError::Unknown(id));
    }
    Err(ActError::Busy)
}

/// Whoever moved the alias after this finished deployment did.
async fn overtaken(tx: &mut crate::db::Tx, read: &Record) -> Result<Option<DeploymentId>, DbError> {
    let mover = record::mover(tx.conn(), &read.template, &read.environment).await?;
    let newest = record::newest_success(tx.conn(), &read.template, &read.environment).await?;
    Ok(mover
        .or(newest)
        .map(|other| other.id)
        .filter(|other| *other != read.id))
}
