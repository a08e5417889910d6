//! Commands and status in words, for who talks to the service by chat.

pub use super::act::ActError;
use super::act::act;
use super::find::find;
use super::step::Command;
use super::view::{line, view};
use super::write::Actor;
use crate::app::App;
use crate::ids::DeploymentId;

/// How a deployment stands, in one line.
pub async fn status(app: &App, id: DeploymentId) -> Result<String, ActError> {
    let record = find(app, id).await?;
    Ok(line(&view(&app.db, &record).await?).trim_end().to_owned())
}

/// Does what `name` commands, and says in one line how the deployment stands then. Who may do it is the caller's question.
pub async fn command(
    app: &App,
    id: DeploymentId,
    verb: Command,
    name: &str,
    reason: Option<&str>,
) -> Result<String, ActError> {
    let record = act(app, id, verb, Actor { name, reason }).await?;
    Ok(line(&view(&app.db, &record).await?).trim_end().to_owned())
}
