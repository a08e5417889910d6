//! Deployments.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::super::guards::Outside;
use super::super::judge::{AlarmReading, Analysis};
use super::super::model::{Bake, Deployment, InFlightPolicy, Intent, Pause, Rollback, Routing, State};
use super::super::strategy::Course;
use crate::db::{DbError, Tx};
use crate::ids::DeploymentId;

/// The rule that one deployment moves an alias.
pub(in super::super) const ONE_MOVER: &str = "one_deployment_moves_an_alias";

/// A deployment as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "the columns of a table")]
pub(in super::super) struct Record {
    pub(in super::super) id: DeploymentId,
    pub(in super::super) template: String,
    pub(in super::super) revision: i32,
    pub(in super::super) environment: String,
    pub(in super::super) parent: Option<String>,
    pub(in super::super) strategy: String,
    state: String,
    step: i16,
    pub(in super::super) request: Json<Value>,
    pub(in super::super) plan: Json<Value>,
    pub(in super::super) plan_digest: String,
    course: Json<Course>,
    pub(in super::super) analysis: Json<Analysis>,
    has_tests: bool,
    has_gate: bool,
    rollback_enabled: bool,
    pub(in super::super) monitoring_enabled: bool,
    in_flight: String,
    pub(in super::super) protect_unqualified: bool,
    pub(in super::super) from_version: Option<String>,
    pub(in super::super) to_version: Option<String>,
    standing: Option<Json<Routing>>,
    intent: Option<Json<Intent>>,
    may_overwrite: Option<Json<Routing>>,
    bake: Option<Json<Bake>>,
    promoted: bool,
    pause: Option<Json<Pause>>,
    rollback: Option<Json<Rollback>>,
    pub(in super::super) error: Option<String>,
    pub(in super::super) recovery: Option<String>,
    pub(in super::super) baseline: Vec<i64>,
    pub(in super::super) history_closed: i64,
    pub(in super::super) history_failed: i64,
    pub(in super::super) requester: String,
    /// Who changed the plan while it waited, each time.
    pub(in super::super) changed_by: Vec<String>,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) topics: Vec<String>,
    pub(in super::super) alias_read_at: Option<DateTime<Utc>>,
    pub(in super::super) alarms: Json<Vec<AlarmReading>>,
    pub(in super::super) alarms_read_at: Option<DateTime<Utc>>,
    pub(in super::super) outside: Json<Outside>,
    pub(in super::super) version: i32,
    pub(in super::super) created_at: DateTime<Utc>,
    pub(in super::super) started_at: Option<DateTime<Utc>>,
    pub(in super::super) finished_at: Option<DateTime<Utc>>,
    pub(in super::super) updated_at: DateTime<Utc>,
}

impl Record {
    /// The part that decisions are made of.
    pub(in super::super) fn deployment(&self) -> Deployment {
        Deployment {
            id: self.id,
            state: self.state(),
            course: self.course.0.clone(),
            has_tests: self.has_tests,
            has_gate: self.has_gate,
            has_full_gate: self.course.0.steps.len() > 1
                && self.gates().iter().any(|gate| gate == "before_full_traffic"),
            rollback_enabled: self.rollback_enabled,
            step: u16::try_from(self.step).unwrap_or_default(),
            from_version: self.from_version.clone(),
            to_version: self.to_version.clone(),
            standing: self.standing.clone().map(|json| json.0),
            intent: self.intent.clone().map(|json| json.0),
            may_overwrite: self.may_overwrite.clone().map(|json| json.0),
            bake: self.bake.map(|json| json.0),
            promoted: self.promoted,
            pause: self.pause.clone().map(|json| json.0),
            rollback: self.rollback.clone().map(|json| json.0),
            error: self.error.clone(),
        }
    }

    /// Who asked for it and who changed it since, in order; nobody of them is somebody else.
    pub(in super::super) fn askers(&self) -> Vec<String> {
        let mut askers = vec![self.requester.clone()];
        askers.extend(self.changed_by.iter().cloned());
        askers
    }

    /// Where it stands. The CHECK of the column admits nothing else.
    pub(in super::super) fn state(&self) -> State {
        State::parse(&self.state).unwrap_or(State::Failed)
    }

    /// What happens to running executions in a rollback.
    pub(in super::super) fn in_flight(&self) -> InFlightPolicy {
        match self.in_flight.as_str() {
            "stop" => InFlightPolicy::Stop,
            "stop_and_restart" => InFlightPolicy::StopAndRestart,
            "drain" => InFlightPolicy::Drain,
            _ => InFlightPolicy::Leave,
        }
    }

    /// The moments at which people are asked.
    fn gates(&self) -> Vec<String> {
        let gates = self.plan.0.get("gates").and_then(Value::as_array);
        let when = |gate: &Value| gate.get("when").and_then(Value::as_str).map(ToOwned::to_owned);
        gates.into_iter().flatten().filter_map(when).collect()
    }
}

/// What is written down when a deployment begins, and again when its plan is changed.
#[derive(Debug)]
pub(in super::super) struct Written<'a> {
    pub(in super::super) deployment: &'a Deployment,
    pub(in super::super) revision: i32,
    pub(in super::super) request: &'a Value,
    pub(in super::super) plan: &'a Value,
    pub(in super::super) plan_digest: &'a str,
    pub(in super::super) analysis: &'a Analysis,
    pub(in super::super) monitoring_enabled: bool,
    pub(in super::super) in_flight: InFlightPolicy,
    pub(in super::super) protect_unqualified: bool,
    pub(in super::super) reason: Option<&'a str>,
    pub(in super::super) topics: &'a [String],
}

/// Writes a new deployment. [`ONE_MOVER`] refuses a second mover of the same alias.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    (template, environment): (&str, &str),
    new: &Written<'_>,
    (requester, parent): (&str, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let deployment = new.deployment;
    sqlx::query(
        "insert into deployments (id, template, revision, environment, parent, strategy, state, request, plan, plan_digest, \
             course, analysis, has_tests, has_gate, rollback_enabled, monitoring_enabled, in_flight, protect_unqualified, \
             to_version, requester, reason, topics, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $23)",
    )
    .bind(deployment.id)
    .bind(template)
    .bind(new.revision)
    .bind(environment)
    .bind(parent)
    .bind(deployment.course.kind.as_str())
    .bind(deployment.state.as_str())
    .bind(Json(new.request))
    .bind(Json(new.plan))
    .bind(new.plan_digest)
    .bind(Json(&deployment.course))
    .bind(Json(new.analysis))
    .bind(deployment.has_tests)
    .bind(deployment.has_gate)
    .bind(deployment.rollback_enabled)
    .bind(new.monitoring_enabled)
    .bind(in_flight_text(new.in_flight))
    .bind(new.protect_unqualified)
    .bind(&deployment.to_version)
    .bind(requester)
    .bind(new.reason)
    .bind(new.topics)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes the changed plan of a deployment that waits, if nobody changed it since version `read` was read; false otherwise.
pub(in super::super) async fn replan(
    tx: &mut Tx,
    read: i32,
    new: &Written<'_>,
    who: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let deployment = new.deployment;
    let done = sqlx::query(
        "update deployments set revision = $3, strategy = $4, state = $5, request = $6, plan = $7, plan_digest = $8, course = $9, \
             analysis = $10, has_tests = $11, has_gate = $12, rollback_enabled = $13, monitoring_enabled = $14, \
             in_flight = $15, protect_unqualified = $16, reason = $17, topics = $18, \
             changed_by = array_append(changed_by, $19), step = 0, from_version = null, to_version = null, standing = null, \
             promoted = false, version = version + 1, updated_at = $20 \
         where id = $1 and version = $2 and intent is null",
    )
    .bind(deployment.id)
    .bind(read)
    .bind(new.revision)
    .bind(deployment.course.kind.as_str())
    .bind(deployment.state.as_str())
    .bind(Json(new.request))
    .bind(Json(new.plan))
    .bind(new.plan_digest)
    .bind(Json(&deployment.course))
    .bind(Json(new.analysis))
    .bind(deployment.has_tests)
    .bind(deployment.has_gate)
    .bind(deployment.rollback_enabled)
    .bind(new.monitoring_enabled)
    .bind(in_flight_text(new.in_flight))
    .bind(new.protect_unqualified)
    .bind(new.reason)
    .bind(new.topics)
    .bind(who)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

fn in_flight_text(policy: InFlightPolicy) -> &'static str {
    match policy {
        InFlightPolicy::Leave => "leave",
        InFlightPolicy::Stop => "stop",
        InFlightPolicy::StopAndRestart => "stop_and_restart",
        InFlightPolicy::Drain => "drain",
    }
}

/// The deployment.
pub(in super::super) async fn load(
    conn: &mut PgConnection,
    id: DeploymentId,
) -> Result<Option<Record>, DbError> {
    Ok(sqlx::query_as("select * from deployments where id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?)
}

/// The deployment that moves, or may move, the alias.
pub(in super::super) async fn mover(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
) -> Result<Option<Record>, DbError> {
    Ok(sqlx::query_as(
        "select * from deployments where template = $1 and environment = $2 and state not in \
         ('pending', 'succeeded', 'rolled_back', 'failed', 'aborted', 'superseded')",
    )
    .bind(template)
    .bind(environment)
    .fetch_optional(conn)
    .await?)
}

/// The newest deployment of a template to an environment that ended well.
pub(in super::super) async fn newest_success(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
) -> Result<Option<Record>, DbError> {
    Ok(sqlx::query_as(
        "select * from deployments where template = $1 and environment = $2 and state = 'succeeded' \
         order by finished_at desc, id desc limit 1",
    )
    .bind(template)
    .bind(environment)
    .fetch_optional(conn)
    .await?)
}

/// Those waiting in line, the first one first.
pub(in super::super) async fn in_line(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
) -> Result<Vec<DeploymentId>, DbError> {
    Ok(sqlx::query_scalar(
        "select id from deployments where template = $1 and environment = $2 and state = 'pending' \
         order by created_at, id",
    )
    .bind(template)
    .bind(environment)
    .fetch_all(conn)
    .await?)
}

/// What a listing asks for.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Filter {
    pub(in super::super) template: Option<String>,
    pub(in super::super) environment: Option<String>,
    pub(in super::super) state: Option<String>,
    pub(in super::super) parent: Option<String>,
}

/// A page, newest first; one row more than `limit`, to see whether there is another page.
pub(in super::super) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<(DateTime<Utc>, String)>,
    limit: u32,
) -> Result<Vec<Record>, DbError> {
    let (at, id) = before.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    Ok(sqlx::query_as(
        "select * from deployments where ($1::text is null or template = $1) and ($2::text is null or environment = $2) \
           and ($3::text is null or state = $3) and ($4::text is null or parent = $4) \
           and ($5::timestamptz is null or (created_at, id) < ($5, $6)) \
         order by created_at desc, id desc limit $7",
    )
    .bind(&filter.template)
    .bind(&filter.environment)
    .bind(&filter.state)
    .bind(&filter.parent)
    .bind(at)
    .bind(id)
    .bind(i64::from(limit) + 1)
    .fetch_all(conn)
    .await?)
}

/// Writes a changed deployment if nobody changed it since `read` was read; false otherwise.
pub(in super::super) async fn update(
    tx: &mut Tx,
    read: &Record,
    next: &Deployment,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update deployments set state = $3, step = $4, from_version = $5, to_version = $6, standing = $7, intent = $8, \
             may_overwrite = $9, bake = $10, promoted = $11, pause = $12, rollback = $13, error = $14, course = $15, \
             version = version + 1, updated_at = $16, started_at = coalesce(started_at, case when $17 then $16 end), \
             finished_at = case when $18 then $16 end \
         where id = $1 and version = $2",
    )
    .bind(read.id)
    .bind(read.version)
    .bind(next.state.as_str())
    .bind(i16::try_from(next.step).unwrap_or(i16::MAX))
    .bind(&next.from_version)
    .bind(&next.to_version)
    .bind(next.standing.as_ref().map(Json))
    .bind(next.intent.as_ref().map(Json))
    .bind(next.may_overwrite.as_ref().map(Json))
    .bind(next.bake.map(Json))
    .bind(next.promoted)
    .bind(next.pause.as_ref().map(Json))
    .bind(next.rollback.as_ref().map(Json))
    .bind(&next.error)
    .bind(Json(&next.course))
    .bind(now)
    .bind(next.state != State::Pending)
    .bind(next.state.is_finished())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Freezes what the stable version did before.
pub(in super::super) async fn freeze_history(
    tx: &mut Tx,
    id: DeploymentId,
    baseline: &[i64],
    closed: i64,
    failed: i64,
) -> Result<(), DbError> {
    sqlx::query(
        "update deployments set baseline = $2, history_closed = $3, history_failed = $4 where id = $1",
    )
    .bind(id)
    .bind(baseline)
    .bind(closed)
    .bind(failed)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes when the alias was last seen to stand as it should.
pub(in super::super) async fn alias_read(
    conn: &mut PgConnection,
    id: DeploymentId,
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query("update deployments set alias_read_at = $2 where id = $1")
        .bind(id)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes what the alarms said.
pub(in super::super) async fn alarms_read(
    conn: &mut PgConnection,
    id: DeploymentId,
    alarms: &[AlarmReading],
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query("update deployments set alarms = $2, alarms_read_at = $3 where id = $1")
        .bind(id)
        .bind(Json(alarms))
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes what was said outside.
pub(in super::super) async fn set_outside(
    conn: &mut PgConnection,
    id: DeploymentId,
    outside: &Outside,
) -> Result<(), DbError> {
    sqlx::query("update deployments set outside = $2 where id = $1")
        .bind(id)
        .bind(Json(outside))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes whether the rollback helped.
pub(in super::super) async fn set_recovery(
    conn: &mut PgConnection,
    id: DeploymentId,
    recovery: &str,
) -> Result<(), DbError> {
    sqlx::query("update deployments set recovery = $2 where id = $1")
        .bind(id)
        .bind(recovery)
        .execute(conn)
        .await?;
    Ok(())
}
