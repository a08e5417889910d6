//! Start a deployment: check what was asked for, make the plan, write it down. The worker does the rest.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::alarms;
use super::judge::{Analysis, Traffic};
use super::limits::TRAFFIC_WINDOW;
use super::model::{Deployment, InFlightPolicy, State};
use super::plan::{Facts, Plan, plan};
use super::step::Command;
use super::store;
use super::store::facts::{self, TrafficRow};
use super::store::quarantine::{self, QuarantineRow};
use super::store::record::{self, NewEvent, NewRecord, ONE_MOVER};
use super::strategy::{Course, Resolved, Strategy, StrategyChoice, StrategyError, StrategyKind};
use super::tests::{Replay, Tests, TestsWritten, check_cases};
use super::write::{Actor, wake};
use crate::app::App;
use crate::approvals::{self, Gate, GateMoment};
use crate::audit::{self, AuditEntry};
use crate::db::{DbError, Tx};
use crate::environments::{EnvironmentName, Target, UnknownEnvironment};
use crate::ids::DeploymentId;
use crate::policies::DemandError;
use crate::templates;
use crate::templates::EnsureError;

/// What to do when another deployment of the same template and environment is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// 409.
    #[default]
    Reject,
    /// Wait in line.
    Queue,
    /// The other one goes back to its stable version and ends; this one follows.
    Supersede,
}

/// What happens to running executions when it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OnRollback {
    /// Default `leave`.
    pub in_flight: InFlightPolicy,
    /// Whether the workflow may run twice with the same input. `stop_and_restart` of one that may not, or of which nobody says
    /// so, asks for an approval before traffic moves. Default false.
    pub idempotent: bool,
}

/// A deployment that is asked for. Only `template` is required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartDeployment {
    /// The template's name.
    pub template: String,
    /// The revision. Default the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i32>,
    /// The environment's name. Default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// For a rolling deployment: environments, one wave each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
    /// How, or the name of a strategy that is kept. Default `blue_green`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyChoice>,
    /// Run against the new version before it gets traffic: a list of cases, or `{"cases": […], "replay": {…}}`.
    #[serde(default, skip_serializing_if = "Tests::is_empty")]
    #[schema(value_type = Option<TestsWritten>)]
    pub tests: Tests,
    /// Whether somebody else must agree before traffic moves. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_required: Option<bool>,
    /// Who must agree, and when; instead of the one approver of `approval_required`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Whether it takes itself back when it is worse. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_enabled: Option<bool>,
    /// Whether executions are judged. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_enabled: Option<bool>,
    /// SNS topics besides the environment's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notification_topics: Vec<String>,
    /// How strictly to judge.
    #[serde(default)]
    pub analysis: Analysis,
    /// The name of an analysis that is kept, instead of `analysis`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis_template: Option<String>,
    /// When another deployment is active. Default `reject`.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// When it is taken back.
    #[serde(default)]
    pub on_rollback: OnRollback,
    /// Whether starts that bypass the alias keep the old definition. Default: when there are such starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect_unqualified: Option<bool>,
    /// Why a revision that took itself back here before is deployed nevertheless: an admin's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_quarantine: Option<String>,
    /// Why, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer into the body.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

/// A revision that took itself back before.
#[derive(Debug, thiserror::Error)]
#[error(
    "revision {revision} of `{template}` took itself back in `{environment}` on {at}: {reason}; register a revision that is \
     better, or let an admin say why it is to be deployed nevertheless (`override_quarantine`)"
)]
pub struct Quarantined {
    /// The template.
    pub template: String,
    /// The environment.
    pub environment: String,
    /// Its revision.
    pub revision: i32,
    /// The deployment that took it back.
    pub deployment: DeploymentId,
    /// Why.
    pub reason: String,
    /// When, RFC 3339.
    pub at: String,
}

/// Why a deployment did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No such template.
    #[error("there is no template `{0}`")]
    UnknownTemplate(String),
    /// No such revision.
    #[error("`{template}` has no revision {revision}")]
    UnknownRevision {
        /// The template.
        template: String,
        /// The revision.
        revision: i32,
    },
    /// No such environment.
    #[error(transparent)]
    UnknownEnvironment(#[from] UnknownEnvironment),
    /// Something about the request is wrong.
    #[error("the deployment can't be started as asked for")]
    Invalid(Vec<Fault>),
    /// Another deployment moves the alias.
    #[error("{template}/{environment} is held by {holder} (`{}`)", state.as_str())]
    InProgress {
        /// The template.
        template: String,
        /// The environment.
        environment: String,
        /// Who holds it.
        holder: DeploymentId,
        /// Where that one stands.
        state: State,
    },
    /// The environment demands a rule set that the revision does not keep.
    #[error(transparent)]
    Demand(#[from] DemandError),
    /// The definition that came with it is not valid.
    #[error("the definition of `{template}` can't be registered")]
    Definition {
        /// The template.
        template: String,
        /// Why.
        #[source]
        source: Box<EnsureError>,
    },
    /// It was taken back here before, because it was worse.
    #[error(transparent)]
    Quarantined(Box<Quarantined>),
    /// The database failed.
    #[error("the deployment could not be written")]
    Database(#[from] DbError),
}

/// A request that was checked, with its plan.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) plan: Plan,
    quarantined: Option<QuarantineRow>,
    environment: String,
    course: Course,
    revision: i32,
    monitoring_enabled: bool,
    topics: Vec<String>,
}

/// Checks a request and makes its plan; writes nothing. Refused where the revision breaks what the environment demands.
pub(super) async fn prepare(
    app: &App,
    request: &StartDeployment,
    requester: &str,
) -> Result<Prepared, StartError> {
    let prepared = prepare_whatever_is_demanded(app, request, requester).await?;
    let target = target(app, &prepared.environment)?;
    templates::admit(app, target, &request.template, prepared.revision).await?;
    Ok(prepared)
}

/// Going back is never refused by a rule.
async fn prepare_whatever_is_demanded(
    app: &App,
    request: &StartDeployment,
    requester: &str,
) -> Result<Prepared, StartError> {
    let environment = request
        .environment
        .clone()
        .unwrap_or_else(|| "default".to_owned());
    let target = target(app, &environment)?;
    let (course, mut faults) = check(app, request);
    let mut conn = app.db.pool().acquire().await.map_err(DbError::from)?;
    let revision = match facts::revision(&mut conn, &request.template, request.revision).await? {
        Some(revision) => revision,
        None if facts::template_exists(&mut conn, &request.template).await? => {
            let (template, revision) = (request.template.clone(), request.revision.unwrap_or_default());
            return Err(StartError::UnknownRevision { template, revision });
        }
        None => return Err(StartError::UnknownTemplate(request.template.clone())),
    };
    faults.extend(missing_alarms(app, target, &request.analysis.alarms).await);
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
    let obstacles: Vec<String> = gates
        .iter()
        .flat_map(|gate| {
            approvals::obstacles(
                &app.config,
                gate,
                requester,
                std::slice::from_ref(&revision.created_by),
            )
        })
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

/// What is wrong with the alarms that an analysis names.
async fn missing_alarms(app: &App, target: &Target, names: &[String]) -> Vec<Fault> {
    let fault = |message| Fault {
        pointer: "/analysis/alarms".to_owned(),
        message,
    };
    match alarms::missing(app, target, names).await {
        Ok(missing) => missing
            .into_iter()
            .map(|name| {
                fault(format!(
                    "there is no alarm `{name}` in the environment's account and region"
                ))
            })
            .collect(),
        Err(error) => vec![fault(error.to_string())],
    }
}

/// Until when nothing moves here, and why, in words.
fn frozen(target: &Target, now: DateTime<Utc>) -> Option<(String, String)> {
    let closed = target.policies.closed_at(now)?;
    Some((closed.until.to_rfc3339(), format!(": {}", closed.reason)))
}

/// Traffic of an alias, as its past says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past {
    pub(super) traffic: Traffic,
    pub(super) bypass_share: f64,
    pub(super) row: TrafficRow,
}

/// The last days of a template in an environment.
pub(super) async fn past(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
    now: DateTime<Utc>,
) -> Result<Past, DbError> {
    let row = facts::traffic(conn, template, environment, now - TRAFFIC_WINDOW).await?;
    let real = |count: i64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    // A template that began an hour ago has an hour of past; less than a minute would tell nothing.
    let seconds = row
        .first_at
        .map_or(TRAFFIC_WINDOW, |first| now - first)
        .num_seconds()
        .max(60);
    let share = |part: i64, whole: i64| if whole > 0 { real(part) / real(whole) } else { 0.0 };
    Ok(Past {
        traffic: Traffic {
            per_second: real(row.total) / real(seconds),
            failure_rate: share(row.failed, row.closed),
        },
        bypass_share: share(row.unqualified, row.total),
        row,
    })
}

/// The environment's target.
pub(super) fn target<'a>(
    app: &'a App,
    environment: &str,
) -> Result<&'a std::sync::Arc<Target>, UnknownEnvironment> {
    let unknown = |known: String| UnknownEnvironment {
        name: environment.to_owned(),
        known,
    };
    let name: EnvironmentName = environment.parse().map_err(|_| {
        unknown(
            app.environments
                .iter()
                .map(|target| target.name.to_string())
                .collect::<Vec<_>>()
                .join(", "),
        )
    })?;
    app.environments.target(&name)
}

/// Everything wrong with the request that can be seen without asking anybody.
fn check(app: &App, request: &StartDeployment) -> (Option<Course>, Vec<Fault>) {
    let mut faults = analysis_faults(app, &request.analysis, "/analysis");
    for (field, problem) in request.tests.replay.iter().flat_map(Replay::problems) {
        let message = format!("`tests.replay.{}` {problem}", field.replace('/', "."));
        let pointer = format!("/tests/replay/{field}");
        faults.push(Fault { pointer, message });
    }
    for problem in check_cases(&request.tests.cases) {
        let list = if request.tests.replay.is_some() {
            "tests/cases"
        } else {
            "tests"
        };
        let pointer = format!("/{list}/{}/{}", problem.index, problem.field);
        faults.push(Fault {
            pointer,
            message: problem.to_string(),
        });
    }
    let strategy = match &request.strategy {
        Some(StrategyChoice::Written(strategy)) => strategy.as_ref().clone(),
        // Names are filled in before: see `presets`.
        Some(StrategyChoice::Named(name)) => {
            faults.push(Fault {
                pointer: "/strategy".to_owned(),
                message: format!("there is no strategy `{name}`"),
            });
            return (None, faults);
        }
        None => Strategy::of(StrategyKind::BlueGreen),
    };
    let course = match strategy.resolve(&request.analysis) {
        Ok(Resolved::Course(course)) => Some(course),
        // Waves are taken apart before: see `rolling`.
        Ok(Resolved::Waves(_)) => None,
        Err(problems) => {
            faults.extend(
                problems
                    .iter()
                    .map(|problem| strategy_fault(problem, "/strategy")),
            );
            None
        }
    };
    (course, faults)
}

/// Everything wrong with a strategy that is to be kept.
pub(super) fn strategy_faults(strategy: &Strategy) -> Vec<Fault> {
    let problems = strategy.resolve(&Analysis::default()).err().unwrap_or_default();
    problems
        .iter()
        .map(|problem| strategy_fault(problem, ""))
        .collect()
}

fn strategy_fault(problem: &StrategyError, below: &str) -> Fault {
    let path = problem.field.replace(['.', '['], "/").replace(']', "");
    Fault {
        pointer: format!("{below}/{path}"),
        message: problem.to_string(),
    }
}

/// Everything wrong with an analysis that can be seen without asking anybody. `below` is its place in the body.
pub(super) fn analysis_faults(app: &App, analysis: &Analysis, below: &str) -> Vec<Fault> {
    let mut faults: Vec<_> = analysis
        .problems()
        .into_iter()
        .map(|problem| Fault {
            pointer: format!("{below}/{}", problem.field),
            message: problem.to_string(),
        })
        .collect();
    let mut names = std::collections::BTreeSet::new();
    for (index, guard) in analysis.guards.iter().enumerate() {
        let mut fault = |field: &str, message: String| {
            let pointer = format!("{below}/guards/{index}/{field}");
            faults.push(Fault { pointer, message });
        };
        for (field, what) in guard.problems() {
            fault(field, format!("`{field}` {what}"));
        }
        if !names.insert(guard.name()) {
            fault("name", "is the name of an earlier guard".to_owned());
        }
        if let Some(Err(refused)) = guard.url().map(|url| app.outbound.check_url(url)) {
            fault("url", refused.to_string());
        }
    }
    faults
}

/// The gates asked for: those named, or one approver if approval is required.
fn gates(app: &App, target: &Target, request: &StartDeployment, faults: &mut Vec<Fault>) -> Vec<Gate> {
    let required = request
        .approval_required
        .unwrap_or(target.policies.approval_required);
    for (index, gate) in request.gates.iter().enumerate() {
        for (pointer, message) in approvals::gate_faults(gate, &app.config.approvals.groups) {
            faults.push(Fault {
                pointer: format!("/gates/{index}{pointer}"),
                message,
            });
        }
    }
    let restarts =
        request.on_rollback.in_flight == InFlightPolicy::StopAndRestart && !request.on_rollback.idempotent;
    if request.gates.is_empty() && (required || restarts) {
        vec![Gate::default()]
    } else {
        request.gates.clone()
    }
}

/// A preview by the alias that callers start would be traffic.
fn preview_fault(target: &Target, course: Option<&Course>) -> Option<Fault> {
    let preview = course?.preview.as_ref()?;
    (*preview == target.policies.alias).then(|| Fault {
        pointer: "/strategy/preview".to_owned(),
        message: "is the alias that callers start".to_owned(),
    })
}

/// Refuses a revision that took itself back here before, unless an admin said why.
pub(super) fn refuse_quarantined(request: &StartDeployment, prepared: &Prepared) -> Result<(), StartError> {
    match &prepared.quarantined {
        Some(row) if !row.by_hand && request.override_quarantine.is_none() => {
            Err(StartError::Quarantined(Box::new(Quarantined {
                template: request.template.clone(),
                environment: prepared.environment.clone(),
                revision: prepared.revision,
                deployment: row.deployment,
                reason: row.reason.clone(),
                at: row.at.to_rfc3339(),
            })))
        }
        Some(_) | None => Ok(()),
    }
}

/// Writes the deployment, and wakes its worker.
pub(super) async fn start(
    app: &App,
    request: &StartDeployment,
    requester: &str,
    parent: Option<&str>,
) -> Result<DeploymentId, StartError> {
    let prepared = prepare(app, request, requester).await?;
    refuse_quarantined(request, &prepared)?;
    let mut tx = app.db.begin().await?;
    let (id, holder) = insert(app, &mut tx, request, &prepared, None, (requester, parent)).await?;
    tx.commit().await?;
    if let (Some(holder), OnConflict::Supersede) = (holder, request.on_conflict) {
        supersede(app, holder, id).await;
    }
    Ok(id)
}

/// A deployment that goes back to an earlier version: all traffic at once, untested, unasked.
pub(super) async fn start_back(
    app: &App,
    place: (&str, &str),
    (version, revision): (&str, i32),
    requester: &str,
    reason: Option<&str>,
) -> Result<DeploymentId, StartError> {
    let strategy = Strategy {
        settling_seconds: Some(0),
        final_bake_seconds: Some(0),
        ..Strategy::of(StrategyKind::Direct)
    };
    let request = StartDeployment {
        template: place.0.to_owned(),
        revision: Some(revision),
        environment: Some(place.1.to_owned()),
        environments: None,
        strategy: Some(strategy.into()),
        tests: Tests::default(),
        approval_required: Some(false),
        gates: Vec::new(),
        rollback_enabled: None,
        monitoring_enabled: None,
        notification_topics: Vec::new(),
        analysis: Analysis::default(),
        analysis_template: None,
        on_conflict: OnConflict::Reject,
        on_rollback: OnRollback::default(),
        protect_unqualified: Some(false),
        override_quarantine: None,
        reason: Some(reason.map_or_else(|| "rollback".to_owned(), |reason| format!("rollback: {reason}"))),
    };
    let prepared = prepare_whatever_is_demanded(app, &request, requester).await?;
    refuse_quarantined(&request, &prepared)?;
    let mut tx = app.db.begin().await?;
    let (id, _) = insert(
        app,
        &mut tx,
        &request,
        &prepared,
        Some(version),
        (requester, None),
    )
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// Gives the new deployment, and the one that moves the alias at the moment.
async fn insert(
    app: &App,
    tx: &mut Tx,
    request: &StartDeployment,
    prepared: &Prepared,
    to_version: Option<&str>,
    (requester, parent): (&str, Option<&str>),
) -> Result<(DeploymentId, Option<DeploymentId>), StartError> {
    let now = app.clock.now();
    let id = DeploymentId::generate();
    let holder = record::mover(tx.conn(), &request.template, &prepared.environment).await?;
    let in_line = !record::in_line(tx.conn(), &request.template, &prepared.environment)
        .await?
        .is_empty();
    let in_progress = |holder: &record::Record| StartError::InProgress {
        template: request.template.clone(),
        environment: prepared.environment.clone(),
        holder: holder.id,
        state: holder.state(),
    };
    let waits = match (&holder, request.on_conflict) {
        (Some(holder), OnConflict::Reject) => return Err(in_progress(holder)),
        (None, OnConflict::Reject) => false,
        (holder, OnConflict::Queue | OnConflict::Supersede) => holder.is_some() || in_line,
    };
    let state = if waits { State::Pending } else { State::Validating };
    let past = match (&request.tests.replay, &prepared.plan.from_version_arn) {
        (Some(replay), Some(from)) => {
            let wanted = (replay.statuses.as_slice(), replay.samples);
            store::tests::draw(tx.conn(), id, from, wanted, now - TRAFFIC_WINDOW).await?
        }
        _ => Vec::new(),
    };
    let has_tests = !request.tests.cases.is_empty() || !past.is_empty();
    let deployment = begin(id, state, prepared, has_tests, to_version);
    let gates = serde_json::to_value(&prepared.plan)
        .map_err(|error| DbError::Other(sqlx::Error::Encode(error.into())))?;
    let body =
        serde_json::to_value(request).map_err(|error| DbError::Other(sqlx::Error::Encode(error.into())))?;
    let new = NewRecord {
        deployment: &deployment,
        template: &request.template,
        revision: prepared.revision,
        environment: &prepared.environment,
        parent,
        request: &body,
        plan: &gates,
        plan_digest: &prepared.plan.digest,
        analysis: &request.analysis,
        monitoring_enabled: prepared.monitoring_enabled,
        in_flight: request.on_rollback.in_flight,
        protect_unqualified: prepared.plan.protect_unqualified,
        requester,
        reason: request.reason.as_deref(),
        topics: &prepared.topics,
    };
    match record::insert(tx, &new, now).await {
        Ok(()) => {}
        Err(error) if error.is_constraint(ONE_MOVER) => {
            return Err(refetch(app, request, prepared, error).await);
        }
        Err(error) => return Err(error.into()),
    }
    let name = |position| super::tests::run::execution_name(id, position);
    store::tests::insert(tx, id, &request.tests.cases, name).await?;
    store::tests::insert_replays(tx, id, &past, request.tests.cases.len(), name).await?;
    let detail = format!(
        "revision {} of {} to {}",
        prepared.revision, request.template, prepared.environment
    );
    let event = NewEvent {
        event: "deployment.requested",
        state,
        actor: requester,
        detail: &detail,
        data: serde_json::json!({"plan_digest": prepared.plan.digest, "warnings": prepared.plan.warnings}),
    };
    record::add_event(tx, id, &event, now).await?;
    let entry = AuditEntry {
        actor: requester.to_owned(),
        action: "deployment.start",
        subject: id.to_string(),
        environment: Some(prepared.environment.clone()),
        reason: request
            .override_quarantine
            .clone()
            .or_else(|| request.reason.clone()),
        details: serde_json::json!({
            "override_quarantine": request.override_quarantine.is_some(),
            "template": request.template, "revision": prepared.revision, "plan_digest": prepared.plan.digest,
        }),
    };
    audit::record(tx, entry).await?;
    wake(tx, id, now).await?;
    Ok((id, holder.map(|holder| holder.id)))
}

/// Tells the holder to make way. It may have ended meanwhile, which is as good.
async fn supersede(app: &App, holder: DeploymentId, by: DeploymentId) {
    let by = by.to_string();
    let actor = Actor {
        name: &by,
        reason: Some("a newer deployment takes its place"),
    };
    if let Err(error) = super::act::act(app, holder, Command::Supersede, actor).await {
        tracing::info!(%holder, %error, "the deployment to be superseded goes its own way");
    }
}

/// Another request was faster: says which.
async fn refetch(app: &App, request: &StartDeployment, prepared: &Prepared, error: DbError) -> StartError {
    let Ok(mut conn) = app.db.pool().acquire().await else {
        return error.into();
    };
    match record::mover(&mut conn, &request.template, &prepared.environment).await {
        Ok(Some(holder)) => StartError::InProgress {
            template: request.template.clone(),
            environment: prepared.environment.clone(),
            holder: holder.id,
            state: holder.state(),
        },
        Ok(None) | Err(_) => error.into(),
    }
}

fn begin(
    id: DeploymentId,
    state: State,
    prepared: &Prepared,
    has_tests: bool,
    to_version: Option<&str>,
) -> Deployment {
    let asks = |moment: GateMoment| prepared.plan.gates.iter().any(|gate| gate.when == moment);
    let single = prepared.course.steps.len() == 1;
    Deployment {
        id,
        state,
        course: prepared.course.clone(),
        has_tests,
        has_gate: asks(GateMoment::BeforeTraffic) || (single && asks(GateMoment::BeforeFullTraffic)),
        has_full_gate: !single && asks(GateMoment::BeforeFullTraffic),
        rollback_enabled: prepared.plan.rollback_enabled,
        step: 0,
        from_version: None,
        to_version: to_version.map(ToOwned::to_owned),
        standing: None,
        intent: None,
        may_overwrite: None,
        bake: None,
        promoted: false,
        pause: None,
        rollback: None,
        error: None,
    }
}
