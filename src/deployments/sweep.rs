//! Drift of aliases that no deployment moves: each is compared, in turn, with the version it is to serve. What people do about it
//! is in `drift.rs`.
//!
//! `DescribeStateMachineAlias` refills one call a second per account and region, for everything. The sweep takes at most 30 % of
//! that; deployments, which read their alias before each change, need the rest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::limits::{SWEEP_ALIASES_EMBEDDED, SWEEP_ALIASES_PER_RUN};
use super::model::VersionWeight;
use super::store::facts;
use super::store::watch::{self, IdleAlias};
use crate::app::App;
use crate::audit::{self, AuditEntry, SYSTEM_ACTOR};
use crate::db::DbError;
use crate::environments::Target;
use crate::jobs::{Done, Job, JobError, Lease};
use crate::notifications::{self, Audience, Destination, Notification};
use crate::step_functions::{ErrorKind, Priority, StepFunctionsError};

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
pub(super) async fn found(
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
                .collect(),
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the alias leads to this version alone.
pub(super) fn is_right(found: Option<&[VersionWeight]>, version: &str) -> bool {
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

/// A routing in words.
pub(super) fn show(lines: &[VersionWeight]) -> String {
    let line = |line: &VersionWeight| format!("{} ({} %)", line.version_arn, line.weight);
    lines.iter().map(line).collect::<Vec<_>>().join(" and ")
}

/// Since when the alias stands elsewhere, for the status.
pub(super) async fn since(
    conn: &mut sqlx::PgConnection,
    template: &str,
    environment: &str,
) -> Result<Option<DateTime<Utc>>, DbError> {
    watch::drifted_since(conn, template, environment).await
}
