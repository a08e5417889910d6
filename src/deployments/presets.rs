//! Strategies and analyses that deployments name instead of writing them out. A deployment takes a copy when it starts: changing
//! a preset changes no deployment.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::judge::Analysis;
use super::refusal::StartError;
use super::request::{Fault, StartDeployment};
use super::store::presets::{self, PresetRow};
use super::strategy::{Strategy, StrategyChoice, StrategyKind};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;

/// Longest name, characters.
const NAME_CHARACTERS_MAX: usize = 80;

/// What a preset holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PresetKind {
    Strategy,
    Analysis,
}

impl PresetKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Analysis => "analysis",
        }
    }
}

/// Why a preset was not changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum PresetError {
    /// Something about it is wrong.
    #[error("the {} can't be kept", kind.as_str())]
    Invalid {
        /// What it was to be.
        kind: PresetKind,
        /// What is wrong.
        faults: Vec<Fault>,
    },
    /// There is none of this name.
    #[error("there is no {} `{name}`", kind.as_str())]
    Unknown {
        /// What it was to be.
        kind: PresetKind,
        /// The name.
        name: String,
    },
    /// Somebody changed it since it was read.
    #[error("the {} `{name}` was changed meanwhile", kind.as_str())]
    Changed {
        /// What it was to be.
        kind: PresetKind,
        /// The name.
        name: String,
    },
    /// The database failed.
    #[error("the presets could not be read or written")]
    Database(#[from] DbError),
}

/// All of a kind by name.
pub(super) async fn list(app: &App, kind: PresetKind) -> Result<Vec<PresetRow>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    presets::list(&mut conn, kind.as_str()).await
}

/// One; none of this name.
pub(super) async fn find(app: &App, kind: PresetKind, name: &str) -> Result<Option<PresetRow>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    presets::find(&mut conn, kind.as_str(), name).await
}

/// Writes a preset over the one that was read (`read`: its version, 0 when there was none).
pub(super) async fn put(
    app: &App,
    (kind, name): (PresetKind, &str),
    (body, mut faults): (&Value, Vec<Fault>),
    read: i32,
    who: &str,
) -> Result<PresetRow, PresetError> {
    if let Some(what) = wrong_name(name) {
        faults.push(Fault {
            pointer: "/id".to_owned(),
            message: what,
        });
    }
    if !faults.is_empty() {
        return Err(PresetError::Invalid { kind, faults });
    }
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if !presets::put(&mut tx, (kind.as_str(), name), body, read, (who, now)).await? {
        return Err(PresetError::Changed {
            kind,
            name: name.to_owned(),
        });
    }
    let entry = entry(who, ("preset.put", kind, name), serde_json::json!({"body": body}));
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    find(app, kind, name).await?.ok_or_else(|| PresetError::Unknown {
        kind,
        name: name.to_owned(),
    })
}

/// Removes the preset that was read.
pub(super) async fn remove(
    app: &App,
    (kind, name): (PresetKind, &str),
    read: i32,
    who: &str,
) -> Result<(), PresetError> {
    let mut tx = app.db.begin().await?;
    if !presets::remove(&mut tx, kind.as_str(), name, read).await? {
        return Err(PresetError::Changed {
            kind,
            name: name.to_owned(),
        });
    }
    audit::record(
        &mut tx,
        entry(who, ("preset.remove", kind, name), serde_json::json!({})),
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

fn entry(who: &str, (action, kind, name): (&'static str, PresetKind, &str), details: Value) -> AuditEntry {
    AuditEntry {
        actor: who.to_owned(),
        action,
        subject: format!("{}/{name}", kind.as_str()),
        environment: None,
        reason: None,
        details,
    }
}

fn wrong_name(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > NAME_CHARACTERS_MAX || !name.chars().all(fits) {
        return Some(format!(
            "a name has 1 to {NAME_CHARACTERS_MAX} lower case letters, digits, `-` and `_`"
        ));
    }
    StrategyKind::parse(name).map(|_| format!("`{name}` names a type of strategy"))
}

/// Puts what a request names in its place.
pub(super) async fn fill_in(app: &App, request: &mut StartDeployment) -> Result<(), StartError> {
    let mut faults = Vec::new();
    if let Some(choice) = request.strategy.take() {
        request.strategy = strategy(app, choice, "", &mut faults).await?.map(Into::into);
    }
    if let Some(name) = &request.analysis_template {
        let written = Some(&request.analysis).filter(|analysis| **analysis != Analysis::default());
        if let Some(analysis) = analysis(app, name, written, "", &mut faults).await? {
            request.analysis = analysis;
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(StartError::Invalid(faults))
    }
}

/// The strategy that a request chose; none, and a fault, when it names one that is not kept. `below` is where it is in the body.
pub(super) async fn strategy(
    app: &App,
    choice: StrategyChoice,
    below: &str,
    faults: &mut Vec<Fault>,
) -> Result<Option<Strategy>, DbError> {
    let name = match choice {
        StrategyChoice::Written(strategy) => return Ok(Some(*strategy)),
        StrategyChoice::Named(name) => name,
    };
    let pointer = format!("{below}/strategy");
    let Some(row) = find(app, PresetKind::Strategy, &name).await? else {
        let message = format!(
            "there is no strategy `{name}`: it is neither a type (direct, blue_green, canary, linear, rolling) nor kept"
        );
        faults.push(Fault { pointer, message });
        return Ok(None);
    };
    Ok(read(row, pointer, faults))
}

/// The analysis that a request names; none, and a fault, when it is not kept, or one is written out besides.
pub(super) async fn analysis(
    app: &App,
    name: &str,
    written: Option<&Analysis>,
    below: &str,
    faults: &mut Vec<Fault>,
) -> Result<Option<Analysis>, DbError> {
    if written.is_some() {
        faults.push(Fault {
            pointer: format!("{below}/analysis"),
            message: "is given besides `analysis_template`: give one of them".to_owned(),
        });
    }
    let pointer = format!("{below}/analysis_template");
    let Some(row) = find(app, PresetKind::Analysis, name).await? else {
        let message = format!("there is no analysis template `{name}`");
        faults.push(Fault { pointer, message });
        return Ok(None);
    };
    Ok(read(row, pointer, faults))
}

fn read<T: DeserializeOwned>(row: PresetRow, pointer: String, faults: &mut Vec<Fault>) -> Option<T> {
    match serde_json::from_value(row.body.0) {
        Ok(preset) => Some(preset),
        Err(error) => {
            let message = format!("`{}` is kept, but can't be read any more: {error}", row.name);
            faults.push(Fault { pointer, message });
            None
        }
    }
}
