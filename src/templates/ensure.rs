//! A definition that comes with something else, such as a release: the template is registered if it is new, and gets a revision
//! if its definition is.

use std::sync::Arc;

use serde_json::Value;

use super::model::{MachineType, Settings, TemplateName, Written};
use super::plan::{Setting, SettingsChange};
use super::register::{self, Register, RegisterError};
use super::revise::{self, Revise, ReviseError};
use super::store;
use crate::app::App;
use crate::db::DbError;
use crate::http::{Effect, Precondition};

/// What a template is to be.
#[derive(Debug)]
pub struct Wanted {
    /// Its name.
    pub name: TemplateName,
    /// What AWS is to run it as, if it is new; it can't be changed.
    pub kind: MachineType,
    /// Its definition: an object, or text.
    pub definition: Value,
    /// The role of its state machine; none: as it is, or the environment's.
    pub role_arn: Option<String>,
    /// Who wants it.
    pub actor: String,
}

/// Why there is no such revision.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// The template could not be registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The revision could not be registered.
    #[error(transparent)]
    Revise(#[from] ReviseError),
    /// The database failed.
    #[error("the template could not be read")]
    Database(#[from] DbError),
}

/// The number of the revision that is so. Asking again gives the same. Nothing goes live by it.
pub async fn ensure(app: &Arc<App>, wanted: Wanted) -> Result<i32, EnsureError> {
    let mut conn = app.db.connection().await?;
    let there = store::load_template(&mut conn, wanted.name.as_str()).await?;
    drop(conn);
    if there.is_none() {
        let command = Register {
            name: wanted.name,
            kind: wanted.kind,
            definition: written(wanted.definition),
            settings: Settings {
                role_arn: wanted.role_arn,
                ..Settings::default()
            },
            environments: Vec::new(),
            actor: wanted.actor,
            effect: Effect::Real,
        };
        return Ok(register::register(app, command).await?.revision.revision);
    }
    let command = Revise {
        template: wanted.name.as_str().to_owned(),
        definition: written(wanted.definition),
        change: SettingsChange {
            role_arn: wanted.role_arn.map_or(Setting::Keep, Setting::Set),
            ..SettingsChange::default()
        },
        actor: wanted.actor,
        precondition: Precondition::default(),
        effect: Effect::Real,
    };
    Ok(revise::revise(app, command).await?.1.revision)
}

/// The number of the revision of a template that has this definition and else the settings of its newest one.
pub async fn revised(app: &App, template: &str, definition: Value, actor: &str) -> Result<i32, ReviseError> {
    let command = Revise {
        template: template.to_owned(),
        definition: written(definition),
        change: SettingsChange::default(),
        actor: actor.to_owned(),
        precondition: Precondition::default(),
        effect: Effect::Real,
    };
    Ok(revise::revise(app, command).await?.1.revision)
}

fn written(definition: Value) -> Written {
    match definition {
        Value::String(text) => Written::Text(text),
        other => Written::Json(other),
    }
}
