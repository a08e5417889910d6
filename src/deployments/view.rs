//! Deployments as the API shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::judge::{Budget, Comparison, Evidence, Finding, Reading, Tally, TestReading, Verdict, compare};
use super::model::{Bake, Pause, Rollback, State, VersionWeight};
use super::store;
use super::store::evidence::LookRow;
use super::store::record::Record;
use super::store::timeline::{CallRow, EventRow};
use super::tests::TestReport;
use crate::approvals::Standing;
use crate::db::Db;
use crate::db::DbError;
use crate::ids::DeploymentId;

/// One version's closed and failed executions.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct ArmView {
    /// Closed executions.
    pub n: u64,
    /// Of those, failed or timed out.
    pub failed: u64,
    /// Stopped by somebody: neutral.
    pub aborted: u64,
    /// Still running.
    pub open: u64,
}

/// The two versions.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct ArmsView {
    /// The version that served before.
    pub stable: ArmView,
    /// The new one.
    pub canary: ArmView,
}

/// What the judge says.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct AnalysisView {
    /// `pass`, `harm`, `hold` or `insufficient_data`; absent before anything was seen.
    pub verdict: Option<String>,
    /// Why, when it is not a pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the two versions did, in the comparable stretches of time.
    pub arms: ArmsView,
    /// The three comparisons: e-values against their thresholds.
    pub tests: Vec<TestReading>,
    /// Reasons to roll back.
    pub harm: Vec<Finding>,
    /// Reasons to hold.
    pub hold: Vec<Finding>,
    /// When it looked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<DateTime<Utc>>,
}

/// A deployment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeploymentView {
    /// Its id.
    pub id: DeploymentId,
    /// The template.
    pub template: String,
    /// The revision.
    pub revision: i32,
    /// Where.
    pub environment: String,
    /// The strategy as asked for.
    #[schema(value_type = Object)]
    pub strategy: Value,
    /// Where it stands.
    pub state: State,
    /// The step at hand, from 1.
    pub step: u16,
    /// How many there are.
    pub step_count: usize,
    /// What served before.
    pub from_version_arn: Option<String>,
    /// What is deployed.
    pub to_version_arn: Option<String>,
    /// Where the alias sends starts, by this deployment's doing.
    pub weights: Vec<VersionWeight>,
    /// The tests.
    pub test_results: TestReport,
    /// What the judge says.
    pub analysis: AnalysisView,
    /// How its gates stand.
    pub approvals: Vec<Standing>,
    /// The watching at hand.
    pub bake: Option<Bake>,
    /// Why it is paused.
    pub pause: Option<Pause>,
    /// Its way back.
    pub rollback: Option<Rollback>,
    /// Whether the rollback helped: `recovered`, `probably_not_the_deployment`, `unknown`; some minutes after it.
    pub recovery: Option<String>,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// The plan's digest.
    pub plan_digest: String,
    /// The release it belongs to.
    pub parent: Option<String>,
    /// Who asked for it.
    pub requester: String,
    /// Why.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it left the line.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

/// One line of the timeline.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventView {
    /// Counts from 1, without gaps.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What: `deployment.shifted`.
    pub event: String,
    /// The state afterwards.
    pub state: String,
    /// Who.
    pub actor: String,
    /// A sentence.
    pub detail: String,
    /// Step, weights and the like.
    #[schema(value_type = Object)]
    pub data: Value,
}

impl From<EventRow> for EventView {
    fn from(row: EventRow) -> Self {
        let EventRow {
            seq,
            at,
            event,
            state,
            actor,
            detail,
            data,
        } = row;
        Self {
            seq,
            at,
            event,
            state,
            actor,
            detail,
            data: data.0,
        }
    }
}

/// One call to the environment's Step Functions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallView {
    /// Counts up.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// The operation.
    pub operation: String,
    /// On what.
    pub subject: String,
    /// `ok` or `failed`.
    pub outcome: String,
    /// What it did, or why it failed.
    pub detail: Option<String>,
}

impl From<CallRow> for CallView {
    fn from(row: CallRow) -> Self {
        let CallRow {
            id,
            at,
            operation,
            subject,
            outcome,
            detail,
        } = row;
        Self {
            id,
            at,
            operation,
            subject,
            outcome,
            detail,
        }
    }
}

/// One look of the judge.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LookView {
    /// Counts up.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// The step at hand, from 1.
    pub step: i16,
    /// The deployment's state.
    pub state: String,
    /// The counts: enough to compute the rest again.
    pub evidence: Evidence,
    /// What was computed.
    pub reading: Reading,
    /// What was concluded.
    pub verdict: Verdict,
}

impl From<LookRow> for LookView {
    fn from(row: LookRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at,
            step: row.step + 1,
            state: row.state,
            evidence: row.evidence.0,
            reading: row.reading.0,
            verdict: row.verdict.0,
        }
    }
}

/// Everything the judge knows at its last look.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FullAnalysis {
    /// In short.
    #[serde(flatten)]
    pub summary: AnalysisView,
    /// The counts.
    pub evidence: Option<Evidence>,
    /// What was computed from them.
    pub reading: Option<Reading>,
    /// The usual numbers, for reading: nothing is decided by them.
    pub comparison: Option<Comparison>,
    /// The template's error budget, where it has an SLO.
    pub error_budget: Option<Budget>,
    /// The weights in force, outside of settling windows.
    #[schema(value_type = Vec<Object>)]
    pub periods: Value,
}

/// The deployment as shown, with its tests, its gates and the last look.
pub(super) async fn view(db: &Db, record: &Record) -> Result<DeploymentView, DbError> {
    let mut conn = db.pool().acquire().await?;
    let tests = store::tests::load(&mut conn, record.id).await?;
    let look = store::evidence::last_look(&mut conn, record.id).await?;
    drop(conn);
    let approvals = crate::approvals::standings(db, &record.id.to_string()).await?;
    let deployment = record.deployment();
    let strategy = record
        .request
        .0
        .get("strategy")
        .filter(|strategy| !strategy.is_null())
        .cloned();
    Ok(DeploymentView {
        id: record.id,
        template: record.template.clone(),
        revision: record.revision,
        environment: record.environment.clone(),
        strategy: strategy.unwrap_or_else(|| json!({"type": record.strategy})),
        state: deployment.state,
        step: deployment.step + 1,
        step_count: deployment.course.steps.len(),
        from_version_arn: deployment.from_version.clone(),
        to_version_arn: deployment.to_version.clone(),
        weights: deployment
            .standing
            .as_ref()
            .map(super::model::Routing::lines)
            .unwrap_or_default(),
        test_results: TestReport::of(tests.iter().map(store::tests::TestRow::result).collect()),
        analysis: look.as_ref().map(analysis).unwrap_or_default(),
        approvals,
        bake: deployment.bake,
        pause: deployment.pause,
        rollback: deployment.rollback,
        recovery: record.recovery.clone(),
        error: deployment.error,
        plan_digest: record.plan_digest.clone(),
        parent: record.parent.clone(),
        requester: record.requester.clone(),
        reason: record.reason.clone(),
        created_at: record.created_at,
        started_at: record.started_at,
        finished_at: record.finished_at,
        updated_at: record.updated_at,
    })
}

/// A look in short.
pub(super) fn analysis(look: &LookRow) -> AnalysisView {
    let mut arms = ArmsView::default();
    for period in &look.evidence.0.periods {
        for (arm, counts) in [
            (&mut arms.stable, &period.stable),
            (&mut arms.canary, &period.canary),
        ] {
            let Tally { closed, failed } = counts.tally;
            arm.n += closed;
            arm.failed += failed;
            arm.aborted += counts.aborted;
            arm.open += counts.open;
        }
    }
    let (verdict, reason) = match &look.verdict.0 {
        Verdict::Pass => ("pass", None),
        Verdict::Harm(finding) => ("harm", Some(finding.detail.clone())),
        Verdict::Hold(finding) => ("hold", Some(finding.detail.clone())),
        Verdict::InsufficientData { missing } => ("insufficient_data", Some(missing.clone())),
    };
    let reading = &look.reading.0;
    AnalysisView {
        verdict: Some(verdict.to_owned()),
        reason,
        arms,
        tests: reading.tests.clone(),
        harm: reading.harm.clone(),
        hold: reading.hold.clone(),
        looked_at: Some(look.at),
    }
}

/// Everything the judge knows of a deployment.
pub(super) async fn full_analysis(db: &Db, record: &Record) -> Result<FullAnalysis, DbError> {
    let mut conn = db.pool().acquire().await?;
    let look = store::evidence::last_look(&mut conn, record.id).await?;
    let periods = store::evidence::period_rows(&mut conn, record.id).await?;
    let budget = look.as_ref().and_then(|look| look.evidence.0.budget);
    Ok(FullAnalysis {
        summary: look.as_ref().map(analysis).unwrap_or_default(),
        comparison: look
            .as_ref()
            .map(|look| compare(&look.evidence.0.periods, &record.baseline)),
        error_budget: budget.map(|(slo, spending)| Budget::of(slo, spending)),
        evidence: look.as_ref().map(|look| look.evidence.0.clone()),
        reading: look.map(|look| look.reading.0),
        periods,
    })
}

/// One line for bots and terminals.
pub(super) fn line(view: &DeploymentView) -> String {
    let weight = view
        .weights
        .iter()
        .find(|line| Some(&line.version_arn) == view.to_version_arn.as_ref())
        .map_or(0, |line| line.weight);
    let arms = view.analysis.arms;
    let mut text = format!(
        "{} {}/{} revision {}: {}, {weight} % on the new version (step {} of {}); failed: new {} of {}, old {} of {}",
        view.id,
        view.template,
        view.environment,
        view.revision,
        view.state.as_str(),
        view.step,
        view.step_count,
        arms.canary.failed,
        arms.canary.n,
        arms.stable.failed,
        arms.stable.n,
    );
    let why = view
        .pause
        .as_ref()
        .map(|pause| pause.detail.as_str())
        .or(view.error.as_deref());
    if let Some(why) = why {
        text.push_str("; ");
        text.push_str(why);
    }
    text.push('\n');
    text
}
