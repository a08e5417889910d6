//! From a request to its plan. Nothing is written.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::check::{check, gates, missing_alarms, preview_fault};
use super::past::past;
use super::plan::{Facts, Plan, plan};
use super::refusal::{Quarantined, StartError};
use super::request::{Fault, StartDeployment};
use super::store::facts;
use super::store::quarantine::{self, QuarantineRow};
use super::strategy::Course;
use crate::app::App;
use crate::approvals;
use crate::db::DbError;
use crate::environments::Target;
use crate::templates;

/// A request that was checked, with its plan.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) environment: String,
    pub(super) course: Course,
    pub(super) revision: i32,
    pub(super) monitoring_enabled: bool,
    pub(super) topics: Vec<String>,
    quarantined: Option<QuarantineRow>,
}

/// Who asks for a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    /// Who asks now.
    pub(super) name: &'a str,
    /// Who asked for it before it was changed, and who changed it before, each time. None of them counts as somebody else.
    pub(super) earlier: &'a [String],
}

impl<'a> From<&'a str> for Asker<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, earlier: &[] }
    }
}

/// Checks a request and makes its plan; writes nothing. Refused where the revision breaks what the environment demands.
pub(super) async fn prepare(
    app: &App,
    request: &StartDeployment,
    asker: Asker<'_>,
) -> Result<Prepared, StartError> {
    let prepared = prepare_whatever_is_demanded(app, request, asker).await?;
    let target = app.environments.named(&prepared.environment)?;
    templates::admit(app, target, &request.template, prepared.revision).await?;
    Ok(prepared)
}

/// Going back is never refused by a rule.
pub(super) async fn prepare_whatever_is_demanded(
    app: &App,
    request: &StartDeployment,
    asker: Asker<'_>,
) -> Result<Prepared, StartError> {
    let environment = request
        .environment
        .clone()
        .unwrap_or_else(|| "default".to_owned());
    let target = app.environments.named(&environment)?;
    let (course, mut faults) = check(app, request);
    faults.extend(missing_alarms(app, target, &request.analysis.alarms).await);
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let revision = match facts::revision(&mut conn, &request.template, request.revision).await? {
        Some(revision) => revision,
        None if facts::template_exists(&mut conn, &request.template).await? => {
            let (template, revision) = (request.template.clone(), request.revision.unwrap_or_default());
            return Err(StartError::UnknownRevision { template, revision });
        }
        None => return Err(StartError::UnknownTemplate(request.template.clone())),
    };
    if request.tests.replay.is_some() && facts::is_express(&mut conn, &request.template).await? {
        faults.push(Fault {
            pointer: "/tests/replay".to_owned(),
            message: "Express executions keep no history that could be replayed".to_owned(),
        });
    }
    faults.extend(preview_fault(target, course.as_ref()));
    let gates = gates(app, target, request, &mut faults);
    let Some(course) = course.filter(|_| faults.is_empty()) else {
        return Err(StartError::Invalid(faults));
    };
    let mut authors = asker.earlier.to_vec();
    authors.push(revision.created_by.clone());
    let obstacles: Vec<String> = gates
        .iter()
        .flat_map(|gate| approvals::obstacles(&app.config, gate, asker.name, &authors))
        .collect();
    let past = past(&mut conn, &request.template, &environment, app.clock.now()).await?;
    let live = facts::live(&mut conn, &request.template, &environment).await?;
    let quarantined =
        quarantine::of_revision(&mut conn, &request.template, &environment, revision.revision).await?;
    let policies = &target.policies;
    let definition: Value = serde_json::from_str(&revision.published).unwrap_or_default();
    let (from_version, from_revision) = live.unwrap_or_default();
    let monitoring_enabled = request.monitoring_enabled.unwrap_or(policies.monitoring_enabled);
    let plan = plan(&Facts {
        changes: asker.earlier.len(),
        template: &request.template,
        revision: revision.revision,
        revision_digest: &revision.digest,
        definition: &definition,
        environment: &environment,
        from_version: from_version.as_deref(),
        from_revision,
        course: &course,
        analysis: &request.analysis,
        tests: &request.tests,
        gates: &gates,
        obstacles: &obstacles,
        rollback_enabled: request.rollback_enabled.unwrap_or(policies.rollback_enabled),
        monitoring_enabled,
        in_flight: request.on_rollback.in_flight,
        traffic: past.traffic,
        bypass_share: past.bypass_share,
        protect_unqualified: request.protect_unqualified.unwrap_or(past.bypass_share > 0.0),
        frozen: frozen(target, app.clock.now()),
        quarantined: quarantined.as_ref().map(|row| row.reason.as_str()),
    });
    let mut topics = policies.notification_topics.clone();
    topics.extend(
        request
            .notification_topics
            .iter()
            .filter(|topic| !policies.notification_topics.contains(topic))
            .cloned(),
    );
    Ok(Prepared {
        plan,
        quarantined,
        environment,
        course,
        revision: revision.revision,
        monitoring_enabled,
        topics,
    })
}

/// Until when nothing moves here, and why, in words.
fn frozen(target: &Target, now: DateTime<Utc>) -> Option<(String, String)> {
    let closed = target.policies.closed_at(now)?;
    Some((closed.until.to_rfc3339(), format!(": {}", closed.reason)))
}

/// Refuses a revision that took itself back here before, unless an admin said why.
pub(super) fn refuse_quarantined(request: &StartDeployment, prepared: &Prepared) -> Result<(), StartError> {
    match &prepared.quarantined {
        Some(row) if !row.by_hand && request.override_quarantine.is_none() => {
            Err(quarantined(row, &request.template, &prepared.environment))
        }
        Some(_) | None => Ok(()),
    }
}

/// The refusal of a version that was taken back.
pub(super) fn quarantined(row: &QuarantineRow, template: &str, environment: &str) -> StartError {
    StartError::Quarantined(Box::new(Quarantined {
        template: template.to_owned(),
        environment: environment.to_owned(),
        revision: row.revision,
        deployment: row.deployment,
        reason: row.reason.clone(),
        by_hand: row.by_hand,
        at: row.at.to_rfc3339(),
    }))
}
