//! Drift of aliases that no deployment moves: each is compared, in turn, with the version it is to serve.
//!
//! `DescribeStateMachineAlias` refills one call a second per account and region, for everything. The sweep takes at most 30 % of
//! that; deployments, which read their alias before each change, need the rest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::limits::{SWEEP_ALIASES_EMBEDDED, SWEEP_ALIASES_PER_RUN};
use super::model::{Routing, VersionWeight};
use super::store::watch::{self, IdleAlias};
use super::store::{facts, record};
use crate::app::App;
use crate::audit::{self, AuditEntry, SYSTEM_ACTOR};
use crate::db::DbError;
use crate::environments::{Target, UnknownEnvironment};
use crate::jobs::{Done, Job, JobError, Lease};
use crate::notifications::{self, Audience, Destination, Notification};
use crate::step_functions::{ErrorKind, Priority, Route, StepFunctionsError};

/// The schedule that looks at idle aliases.
#[derive(Debug)]
pub struct SweepAliases;

/// How often it runs.
pub const SWEEP_EVERY: Duration = Duration::from_mins(1);

impl Job for SweepAliases {
    const KIND: &'static str = "deployment.sweep_aliases";
    type Args = ();

    async fn run(app: Arc<App>, (): (), _lease: &Lease) -> Result<Done, JobError> {
        let mut left: HashMap<(&str, &str), u32> = HashMap::new();
        for target in app.environments.iter() {
            // Environments of one account and region share its quota.
            let budget = if target.embedded {
                SWEEP_ALIASES_EMBEDDED
            } else {
                SWEEP_ALIASES_PER_RUN
            };
            let left = left.entry((&target.account, &target.region)).or_insert(budget);
            let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
            let idle = watch::idle(&mut conn, target.name.as_str(), *left).await?;
            drop(conn);
            for alias in idle {
                *left = left.saturating_sub(1);
                match found(target, &alias.template, Priority::Sweep).await {
                    Ok(found) => compare(&app, target, &alias, found.as_deref()).await?,
                    Err(error) => {
                        // The next run goes on with the others: one environment that is away holds up no other.
                        tracing::warn!(environment = %target.name, template = alias.template, %error, "an alias could not be read");
                        break;
                    }
                }
            }
        }
        Ok(Done::Finished)
    }
}

/// What an alias routes to; none when there is no alias.
async fn found(
    target: &Target,
    template: &str,
    priority: Priority,
) -> Result<Option<Vec<VersionWeight>>, StepFunctionsError> {
    let door = target.step_functions.at(priority);
    match door.describe_alias(&target.alias_arn(template)).await {
        Ok(alias) => Ok(Some(
            alias
                .routes
                .into_iter()
                .filter(|route| route.weight > 0)
                .map(|route| VersionWeight {
                    version_arn: route.version_arn,
                    weight: route.weight,
                })
                .collect(),
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_right(found: Option<&[VersionWeight]>, version: &str) -> bool {
    matches!(found, Some([only]) if only.version_arn == version && only.weight == 100)
}

/// Notes what was found, and tells people when it has begun or ceased to differ.
async fn compare(
    app: &App,
    target: &Target,
    alias: &IdleAlias,
    found: Option<&[VersionWeight]>,
) -> Result<(), DbError> {
    let now = app.clock.now();
    let place = (alias.template.as_str(), target.name.as_str());
    let mut tx = app.db.begin().await?;
    // A deployment that began meanwhile looks after its alias itself.
    if !watch::still_idle(&mut tx, place, &alias.version_arn).await? {
        return Ok(());
    }
    let ignored = facts::ignored_drift(tx.conn(), place.0, place.1).await?;
    let left_so = ignored.is_some_and(|(routing, _)| found == Some(&routing[..]));
    let right = left_so || is_right(found, &alias.version_arn);
    let lines: Option<Value> = found.map(|lines| json!(lines));
    watch::note(tx.conn(), place, (!right).then_some(&lines), now).await?;
    let event = match (right, alias.drifted_at) {
        (false, None) => "alias.drifted",
        (true, Some(_)) => "alias.settled",
        (true, None) | (false, Some(_)) => return tx.commit().await,
    };
    let detail = match found {
        None => "there is no alias any more".to_owned(),
        Some(_) if right => "it stands again where it is to stand, or was left so".to_owned(),
        Some(lines) => format!("it routes to {}", show(lines)),
    };
    let details = json!({"template": alias.template, "alias_arn": target.alias_arn(&alias.template),
        "expected": alias.version_arn, "found": found, "detail": detail});
    let entry = AuditEntry {
        actor: SYSTEM_ACTOR.to_owned(),
        action: event,
        subject: target.alias_arn(&alias.template),
        environment: Some(target.name.to_string()),
        reason: None,
        details: details.clone(),
    };
    audit::record(&mut tx, entry).await?;
    let notification = Notification {
        event,
        subject: target.alias_arn(&alias.template),
        environment: Some(target.name.to_string()),
        occurred_at: now,
        title: format!(
            "The alias of {} in {}: {detail}, {} is to serve",
            alias.template, target.name, alias.version_arn
        ),
        data: details,
        choices: Vec::new(),
        audience: Audience::Standing,
        once: None,
        to: target
            .policies
            .notification_topics
            .iter()
            .map(|arn| Destination::Topic { arn: arn.clone() })
            .collect(),
    };
    notifications::enqueue(&mut tx, &app.config.notifications, &notification).await?;
    tx.commit().await?;
    tracing::info!(
        template = alias.template,
        environment = %target.name,
        event,
        detail,
        "an idle alias was compared"
    );
    Ok(())
}

fn show(lines: &[VersionWeight]) -> String {
    let line = |line: &VersionWeight| format!("{} ({} %)", line.version_arn, line.weight);
    lines.iter().map(line).collect::<Vec<_>>().join(" and ")
}

/// Why an idle alias was neither adopted nor restored.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// Nothing is deployed there, or a deployment moves it.
    #[error("no idle alias of `{template}` in `{environment}`")]
    NotIdle {
        /// The template.
        template: String,
        /// The environment.
        environment: String,
    },
    /// It stands where it is to stand.
    #[error("nobody else moved the alias: it stands where it is to stand")]
    NoDrift,
    /// It can't be taken over as it is.
    #[error("the alias can't be adopted: {0}; restore it, or register what it serves")]
    Foreign(String),
    /// No such environment.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// The environment did not answer or refused.
    #[error("the alias could not be read or moved")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed.
    #[error("the drift could not be recorded")]
    Database(#[from] DbError),
}

/// An idle alias that stands elsewhere.
struct Drifted<'a> {
    target: &'a Target,
    /// What it is to serve.
    expected: String,
    found: Option<Vec<VersionWeight>>,
}

async fn drifted<'a>(app: &'a App, template: &str, environment: &str) -> Result<Drifted<'a>, DriftError> {
    let target = super::start::target(app, environment)?;
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let mover = record::mover(&mut conn, template, environment).await?;
    let live = facts::live(&mut conn, template, environment).await?;
    drop(conn);
    let (None, Some((Some(expected), _))) = (mover, live) else {
        return Err(DriftError::NotIdle {
            template: template.to_owned(),
            environment: environment.to_owned(),
        });
    };
    let found = found(target, template, Priority::Start).await?;
    if is_right(found.as_deref(), &expected) {
        return Err(DriftError::NoDrift);
    }
    Ok(Drifted {
        target,
        expected,
        found,
    })
}

/// Leaves an idle alias as someone else made it: from now on that is what it is to serve.
pub(super) async fn adopt(
    app: &App,
    (template, environment): (&str, &str),
    who: &str,
) -> Result<(), DriftError> {
    let Drifted {
        target,
        expected,
        found,
    } = drifted(app, template, environment).await?;
    let lines = found.ok_or_else(|| DriftError::Foreign("there is none".to_owned()))?;
    let Ok(Routing::Single { version }) = Routing::try_from(lines) else {
        return Err(DriftError::Foreign("it splits traffic".to_owned()));
    };
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if facts::revision_of(tx.conn(), &version).await?.is_none() {
        return Err(DriftError::Foreign(format!(
            "`{version}` is no version published from here"
        )));
    }
    if !watch::still_idle(&mut tx, (template, environment), &expected).await? {
        return Err(DriftError::NotIdle {
            template: template.to_owned(),
            environment: environment.to_owned(),
        });
    }
    let arns = (target.state_machine_arn(template), target.alias_arn(template));
    facts::set_live(
        &mut tx,
        (template, environment),
        &version,
        (&arns.0, &arns.1),
        now,
    )
    .await?;
    watch::note(tx.conn(), (template, environment), None, now).await?;
    audit_drift(
        &mut tx,
        "alias.adopt",
        (target, template),
        (&expected, &version),
        who,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Makes an idle alias serve again what it is to serve.
pub(super) async fn restore(
    app: &App,
    (template, environment): (&str, &str),
    who: &str,
) -> Result<(), DriftError> {
    let Drifted {
        target,
        expected,
        found,
    } = drifted(app, template, environment).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if !watch::still_idle(&mut tx, (template, environment), &expected).await? {
        return Err(DriftError::NotIdle {
            template: template.to_owned(),
            environment: environment.to_owned(),
        });
    }
    let was = found.as_deref().map_or_else(|| "none".to_owned(), show);
    audit_drift(
        &mut tx,
        "alias.restore",
        (target, template),
        (&was, &expected),
        who,
    )
    .await?;
    tx.commit().await?;
    let routes = [Route {
        version_arn: expected,
        weight: 100,
    }];
    let door = target.step_functions.at(Priority::Rollback);
    let description = Some(format!(
        "restored by {}",
        who.chars().take(100).collect::<String>()
    ));
    if found.is_some() {
        door.update_alias(&target.alias_arn(template), &routes, description)
            .await?;
    } else {
        door.create_alias(&target.policies.alias, &routes, description)
            .await?;
    }
    // Who dies before this leaves it to the next sweep, which sees that all is well.
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    watch::note(&mut conn, (template, environment), None, now).await?;
    Ok(())
}

async fn audit_drift(
    tx: &mut crate::db::Tx,
    action: &'static str,
    (target, template): (&Target, &str),
    (from, to): (&str, &str),
    who: &str,
) -> Result<(), DbError> {
    let entry = AuditEntry {
        actor: who.to_owned(),
        action,
        subject: target.alias_arn(template),
        environment: Some(target.name.to_string()),
        reason: None,
        details: json!({"template": template, "from": from, "to": to}),
    };
    audit::record(tx, entry).await?;
    Ok(())
}

/// Since when the alias stands elsewhere, for the status.
pub(super) async fn since(
    conn: &mut sqlx::PgConnection,
    template: &str,
    environment: &str,
) -> Result<Option<DateTime<Utc>>, DbError> {
    watch::drifted_since(conn, template, environment).await
}
