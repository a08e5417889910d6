//! Register a template: check it, record it with its first revision, bring it to its environments.
//!
//! The record comes first and a job is enqueued with it, so that a registration that dies half-way is finished by the job; registering
//! the same again does the same.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;

use super::converge::{self, Converge, ConvergeArgs};
use super::model::{Binding, BindingState, MachineType, Revision, Settings, Template, TemplateName, Written};
use super::validate::{self, CheckError, Checked};
use super::{limits, store};
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::db::{DbError, Tx};
use crate::environments::{EnvironmentName, Target, UnknownEnvironment};
use crate::http::Effect;
use crate::jobs::{self, Enqueue};
use crate::policies::{self, Demand, DemandError};

/// What to register.
#[derive(Debug)]
pub(super) struct Register {
    /// Its name.
    pub name: TemplateName,
    /// What AWS is to run it as.
    pub kind: MachineType,
    /// The definition.
    pub definition: Written,
    /// How it is to be run.
    pub settings: Settings,
    /// Where it is to run.
    pub environments: Vec<EnvironmentName>,
    /// Whether it is only asked what would be.
    pub effect: Effect,
    /// Who registers it.
    pub actor: String,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Registered {
    /// The template.
    pub template: Template,
    /// Its revision.
    pub revision: Revision,
    /// Where it stands in each environment.
    pub bindings: Vec<Binding>,
    /// Whether it was there already, just so.
    pub known: bool,
}

/// Why a template was not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Definition or settings are not valid.
    #[error(transparent)]
    Check(CheckError),
    /// The name belongs to a template that is different.
    #[error("a template `{name}` exists already, and is different")]
    Exists {
        /// The name.
        name: TemplateName,
    },
    /// An environment does not exist.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// An environment where nothing goes live without an approval.
    #[error("nothing goes live in `{environment}` without an approval")]
    ApprovalRequired {
        /// Its name.
        environment: EnvironmentName,
    },
    /// An environment demands a rule set that the definition does not keep.
    #[error(transparent)]
    Demand(#[from] DemandError),
    /// More environments than one registration may name.
    #[error(
        "a registration names at most {} environments",
        limits::REGISTRATION_ENVIRONMENTS_MAX
    )]
    TooManyEnvironments,
    /// The database failed.
    #[error("the template could not be recorded")]
    Database(#[from] DbError),
}

/// How long the job leaves the inline attempt alone.
const CONVERGE_AFTER: TimeDelta = TimeDelta::seconds(20);

/// Registers a template.
pub(super) async fn register(app: &Arc<App>, command: Register) -> Result<Registered, RegisterError> {
    let targets = targets(app, &command.environments)?;
    let checked = validate::check(command.definition, command.kind, command.settings.clone())
        .await
        .map_err(RegisterError::Check)?;
    for target in &targets {
        let what = Demand {
            template: command.name.as_str(),
            kind: command.kind,
            published: &checked.published,
        };
        policies::demand(app, target, what).await?;
    }

    let mut tx = app.db.begin().await?;
    let recorded = record(
        app,
        &mut tx,
        &command.name,
        command.kind,
        command.settings,
        &command.actor,
        checked,
    )
    .await?;
    let (template, revision, known) = recorded;
    for target in &targets {
        bind(app, &mut tx, &template, revision.revision, target).await?;
    }
    if command.effect == Effect::Dry {
        // What was written is taken back with the transaction.
        let bindings = store::list_bindings(tx.conn(), template.name.as_str()).await?;
        return Ok(Registered {
            template,
            revision,
            bindings,
            known,
        });
    }
    tx.commit().await?;

    for target in &targets {
        // What fails here is recorded with the binding, shown in the answer, and tried again by the job.
        converge::converge(app, template.name.as_str(), &target.name).await?;
    }
    let mut conn = app.db.connection().await?;
    let bindings = store::list_bindings(&mut conn, template.name.as_str()).await?;
    Ok(Registered {
        template,
        revision,
        bindings,
        known,
    })
}

fn targets(app: &App, environments: &[EnvironmentName]) -> Result<Vec<Arc<Target>>, RegisterError> {
    if environments.len() > limits::REGISTRATION_ENVIRONMENTS_MAX {
        return Err(RegisterError::TooManyEnvironments);
    }
    let mut targets: Vec<Arc<Target>> = Vec::with_capacity(environments.len());
    for environment in environments {
        let target = app.environments.target(environment)?;
        if target.policies.approval_required {
            return Err(RegisterError::ApprovalRequired {
                environment: environment.clone(),
            });
        }
        if !targets.iter().any(|other| other.name == target.name) {
            targets.push(Arc::clone(target));
        }
    }
    Ok(targets)
}

/// Records the template with its first revision, or finds the same one there.
async fn record(
    app: &App,
    tx: &mut Tx,
    name: &TemplateName,
    kind: MachineType,
    settings: Settings,
    actor: &str,
    checked: Checked,
) -> Result<(Template, Revision, bool), RegisterError> {
    let now = app.clock.now();
    let template = Template {
        name: name.clone(),
        kind,
        latest_revision: 1,
        created_by: actor.to_owned(),
        created_at: now,
        updated_at: now,
    };
    let digest = checked.digest.clone();
    if store::insert_template(tx.conn(), &template).await? {
        let revision = revision(1, settings, actor, checked, now);
        store::insert_revision(tx.conn(), name.as_str(), &revision).await?;
        audit::record(
            tx,
            AuditEntry {
                actor: actor.to_owned(),
                action: "template.register",
                subject: name.to_string(),
                environment: None,
                reason: None,
                details: json!({"revision": 1, "digest": revision.digest}),
            },
        )
        .await?;
        return Ok((template, revision, false));
    }
    let exists = || RegisterError::Exists { name: name.clone() };
    let template = store::lock_template(tx.conn(), name.as_str())
        .await?
        .filter(|template| template.kind == kind)
        .ok_or_else(exists)?;
    let revision = store::load_revision_by_digest(tx.conn(), name.as_str(), &digest)
        .await?
        .ok_or_else(exists)?;
    Ok((template, revision, true))
}

/// A revision as it is recorded.
pub(super) fn revision(
    number: i32,
    settings: Settings,
    actor: &str,
    checked: Checked,
    now: chrono::DateTime<chrono::Utc>,
) -> Revision {
    Revision {
        revision: number,
        digest: checked.digest,
        written: checked.written,
        published: checked.published,
        transforms: checked.transforms,
        settings,
        diagnostics: checked.diagnostics,
        created_by: actor.to_owned(),
        created_at: now,
    }
}

/// Records that the template belongs in an environment, and the job that sees to it.
async fn bind(
    app: &App,
    tx: &mut Tx,
    template: &Template,
    revision: i32,
    target: &Target,
) -> Result<(), DbError> {
    let now = app.clock.now();
    let name = template.name.as_str();
    let wanted = Binding {
        environment: target.name.clone(),
        state: BindingState::Pending,
        revision: None,
        state_machine_arn: target.state_machine_arn(name),
        version_arn: None,
        alias_arn: target.alias_arn(name),
        error: None,
        wanted_revision: revision,
    };
    store::bind(tx.conn(), name, &wanted, now).await?;
    let args = ConvergeArgs {
        template: name.to_owned(),
        environment: target.name.clone(),
    };
    let key = format!("{name}/{}", target.name);
    jobs::enqueue::<Converge>(tx, &args, Enqueue::at(now + CONVERGE_AFTER).unique(key)).await?;
    Ok(())
}

/// Registers a template with this definition in `default`, for the tests of features above.
#[cfg(test)]
pub(crate) async fn register_for_tests(app: &Arc<App>, name: &str, definition: &str) {
    let command = Register {
        name: name.parse().unwrap(),
        kind: MachineType::Standard,
        definition: Written::Text(definition.to_owned()),
        settings: Settings::default(),
        environments: vec![EnvironmentName::default()],
        effect: Effect::Real,
        actor: "test".to_owned(),
    };
    let registered = register(app, command).await.unwrap();
    assert_eq!(registered.bindings[0].state, BindingState::Live, "{registered:?}");
}
