//! Publish a revision: make its state machine in an environment stand as the revision says, and get a version of it.
//!
//! Whatever stands there is observed first and changed only where it differs, so it can be repeated after dying anywhere inside. AWS
//! gives the same version for the same revision of a state machine, so repeating makes no second version.

use std::collections::BTreeMap;

use super::model::{LogLevel, MachineType, Revision, Template};
use super::{plan, store};
use crate::app::App;
use crate::db::DbError;
use crate::environments::{EnvironmentName, Target};
use crate::step_functions::{
    CreateStateMachine, ErrorKind, MachineLogging, StateMachine, StepFunctionsError, UpdateStateMachine,
};

/// A published revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The state machine.
    pub state_machine_arn: String,
    /// The version of it.
    pub version_arn: String,
}

/// Why a revision was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No such template or revision.
    #[error("there is no revision {revision} of `{template}`")]
    UnknownRevision {
        /// The template.
        template: String,
        /// The revision.
        revision: i32,
    },
    /// A state machine of that name runs as the other type; AWS can't change it.
    #[error("the state machine `{arn}` exists as {found}, and the template is {wanted}")]
    OtherType {
        /// The state machine.
        arn: String,
        /// What it is.
        found: &'static str,
        /// What the template is.
        wanted: &'static str,
    },
    /// Step Functions published and did not say what.
    #[error("publishing `{arn}` gave no version")]
    NoVersion {
        /// The state machine.
        arn: String,
    },
    /// The environment's Step Functions refused or did not answer.
    #[error("could not publish `{template}` in `{environment}`")]
    StepFunctions {
        /// The template.
        template: String,
        /// The environment.
        environment: EnvironmentName,
        /// What it said.
        #[source]
        source: StepFunctionsError,
    },
    /// The database failed.
    #[error("the published version could not be recorded")]
    Database(#[from] DbError),
}

impl PublishError {
    /// Whether trying again later may go better.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::UnknownRevision { .. } | Self::OtherType { .. } | Self::NoVersion { .. } => false,
            Self::StepFunctions { source, .. } => source.is_transient(),
            Self::Database(_) => true,
        }
    }
}

/// Publishes `revision` of `template` through `target`; `mark` becomes the version's description.
pub async fn publish(
    app: &App,
    target: &Target,
    template: &str,
    revision: i32,
    mark: Option<&str>,
) -> Result<Published, PublishError> {
    let mut conn = app.db.connection().await?;
    let unknown = || PublishError::UnknownRevision {
        template: template.to_owned(),
        revision,
    };
    let found = store::load_template(&mut conn, template)
        .await?
        .ok_or_else(unknown)?;
    let wanted = store::load_revision(&mut conn, template, revision)
        .await?
        .ok_or_else(unknown)?;
    let known = store::version_of(&mut conn, template, &target.name, revision).await?;
    drop(conn);

    let state_machine_arn = target.state_machine_arn(template);
    let refused = |source| PublishError::StepFunctions {
        template: template.to_owned(),
        environment: target.name.clone(),
        source,
    };
    if let Some(version_arn) = known
        && stands(target, &version_arn).await.map_err(refused)?
    {
        return Ok(Published {
            state_machine_arn,
            version_arn,
        });
    }
    let version_arn = converge(target, &found, &wanted, mark).await?;
    let mut conn = app.db.connection().await?;
    store::record_version(
        &mut conn,
        &version_arn,
        template,
        &target.name,
        revision,
        app.clock.now(),
    )
    .await?;
    tracing::info!(template, environment = %target.name, revision, version_arn, "published");
    Ok(Published {
        state_machine_arn,
        version_arn,
    })
}

/// Whether a version that was published once is still there.
async fn stands(target: &Target, version_arn: &str) -> Result<bool, StepFunctionsError> {
    match target.step_functions.describe_state_machine(version_arn).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the state machine stand as the revision says; gives the version.
async fn converge(
    target: &Target,
    template: &Template,
    revision: &Revision,
    mark: Option<&str>,
) -> Result<String, PublishError> {
    let name = template.name.as_str();
    let refused = |source| PublishError::StepFunctions {
        template: name.to_owned(),
        environment: target.name.clone(),
        source,
    };
    let role_arn = revision
        .settings
        .role_arn
        .clone()
        .unwrap_or_else(|| target.execution_role_arn());
    let logging = logging(target, name, revision);
    let tracing = revision.settings.tracing.unwrap_or(false);
    let tags = revision.settings.tags.clone().unwrap_or_default();
    let description = mark.map_or_else(
        || format!("signalbox revision {} {}", revision.revision, revision.digest),
        ToOwned::to_owned,
    );
    let arn = target.state_machine_arn(name);
    let door = &target.step_functions;
    let there = match door.describe_state_machine(&arn).await {
        Ok(machine) => Some(machine),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(refused(error)),
    };
    let Some(there) = there else {
        let created = door
            .create_state_machine(CreateStateMachine {
                name: name.to_owned(),
                definition: revision.published.clone(),
                role_arn,
                machine_type: template.kind,
                logging: Some(logging),
                tracing,
                tags: tags.clone(),
                publish: Some(description),
            })
            .await
            .map_err(refused)?;
        // CreateStateMachine is idempotent and then ignores the tags it was given: see whether they arrived.
        reconcile_tags(target, &arn, &tags).await.map_err(refused)?;
        return version(created.version_arn, &arn);
    };
    refuse_other_type(&there, template.kind)?;
    let updated = door
        .update_state_machine(UpdateStateMachine {
            state_machine_arn: arn.clone(),
            definition: Some(revision.published.clone()),
            role_arn: Some(role_arn),
            logging: Some(logging),
            tracing: Some(tracing),
            publish: Some(description),
        })
        .await
        .map_err(refused)?;
    reconcile_tags(target, &arn, &tags).await.map_err(refused)?;
    version(updated.version_arn, &arn)
}

fn version(version_arn: Option<String>, arn: &str) -> Result<String, PublishError> {
    version_arn.ok_or_else(|| PublishError::NoVersion { arn: arn.to_owned() })
}

fn refuse_other_type(there: &StateMachine, wanted: MachineType) -> Result<(), PublishError> {
    if there.machine_type == wanted {
        return Ok(());
    }
    Err(PublishError::OtherType {
        arn: there.state_machine_arn.clone(),
        found: there.machine_type.as_str(),
        wanted: wanted.as_str(),
    })
}

fn logging(target: &Target, name: &str, revision: &Revision) -> MachineLogging {
    let wanted = revision.settings.logging.clone().unwrap_or_default();
    MachineLogging {
        level: wanted.level,
        include_execution_data: wanted.include_execution_data,
        log_group_arn: (wanted.level != LogLevel::Off).then(|| target.log_group_arn(name)),
    }
}

async fn reconcile_tags(
    target: &Target,
    arn: &str,
    want: &BTreeMap<String, String>,
) -> Result<(), StepFunctionsError> {
    let door = &target.step_functions;
    let have = door.list_tags(arn).await?;
    let (put, take) = plan::tag_changes(&have, want);
    if !put.is_empty() {
        door.tag(arn, &put).await?;
    }
    if !take.is_empty() {
        door.untag(arn, take).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::model::{TemplateName, Written};
    use super::super::plan::{Setting, SettingsChange};
    use super::super::register::{self, Register};
    use super::super::revise::{self, Revise};
    use super::*;
    use crate::app::testing::app_with_engine;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    async fn register(app: &Arc<App>) {
        let command = Register {
            name: "orders".parse::<TemplateName>().unwrap(),
            kind: MachineType::Standard,
            definition: Written::Json(json!({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})),
            settings: super::super::model::Settings {
                tags: Some(tags(&[("Team", "a"), ("Old", "1")])),
                ..Default::default()
            },
            environments: vec![EnvironmentName::default()],
            effect: crate::http::Effect::Real,
            actor: "test".into(),
        };
        register::register(app, command).await.unwrap();
    }

    #[tokio::test]
    async fn tags_and_role_of_a_revision_reach_the_machine_that_is_there() {
        let app = app_with_engine().await;
        register(&app).await;
        let change = SettingsChange {
            tags: Setting::Set(tags(&[("Team", "b")])),
            role_arn: Setting::Set("arn:aws:iam::000000000000:role/other".into()),
            ..SettingsChange::default()
        };
        let command = Revise {
            template: "orders".into(),
            definition: Written::Json(json!({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})),
            change,
            precondition: crate::http::Precondition::default(),
            effect: crate::http::Effect::Real,
            actor: "test".into(),
        };
        let (_, revision, known) = revise::revise(&app, command).await.unwrap();
        assert!(!known);
        let target = app.environments.target(&EnvironmentName::default()).unwrap();
        let published = publish(&app, target, "orders", revision.revision, None)
            .await
            .unwrap();
        assert!(published.version_arn.ends_with(":orders:2"), "{published:?}");
        let door = &target.step_functions;
        let machine = door
            .describe_state_machine(&published.state_machine_arn)
            .await
            .unwrap();
        assert_eq!(machine.role_arn, "arn:aws:iam::000000000000:role/other");
        assert_eq!(
            door.list_tags(&published.state_machine_arn).await.unwrap(),
            tags(&[("Team", "b")])
        );
    }

    #[tokio::test]
    async fn publishing_again_gives_the_same_version_even_when_it_was_not_recorded() {
        let app = app_with_engine().await;
        register(&app).await;
        let target = app.environments.target(&EnvironmentName::default()).unwrap();
        let first = publish(&app, target, "orders", 1, None).await.unwrap();
        // Died between the call and the record.
        sqlx::query("delete from template_versions")
            .execute(app.db.pool())
            .await
            .unwrap();
        let second = publish(&app, target, "orders", 1, None).await.unwrap();
        assert_eq!(first, second);
    }
}
