//! The plan of a deployment: what will happen, in which steps, what each step can see, and what is worth knowing before.
//! Its digest is what people approve: any change of what will be done changes it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::judge::{Analysis, Share, Traffic, detectable_rate, executions_to_detect};
use super::model::InFlightPolicy;
use super::strategy::{Course, CourseStep, StrategyKind};
use super::tests::{Replay, Tests};
use crate::approvals::Gate;
use crate::audit::canonical_json;

/// The part of alpha that watches failures.
const FAILURES_PART: f64 = 0.5;

/// Fewer canary executions than this in a whole step can't even show a total outage.
const CANARIES_MIN: f64 = 5.0;

/// Facts a plan is made of.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// How often the plan was changed before.
    pub changes: usize,
    /// Name of the template.
    pub template: &'a str,
    /// Its revision.
    pub revision: i32,
    /// The revision's digest.
    pub revision_digest: &'a str,
    /// The definition to be deployed.
    pub definition: &'a Value,
    /// Where.
    pub environment: &'a str,
    /// The version behind the alias, as last recorded.
    pub from_version: Option<&'a str>,
    /// The revision behind the alias.
    pub from_revision: Option<i32>,
    /// The steps.
    pub course: &'a Course,
    /// How strictly they are judged.
    pub analysis: &'a Analysis,
    /// Tests beforehand.
    pub tests: &'a Tests,
    /// The gates: who must agree, and when.
    pub gates: &'a [Gate],
    /// Why a gate could never be passed.
    pub obstacles: &'a [String],
    /// Whether it takes itself back.
    pub rollback_enabled: bool,
    /// Whether executions are judged at all.
    pub monitoring_enabled: bool,
    /// What happens to running executions in a rollback.
    pub in_flight: InFlightPolicy,
    /// Traffic of the alias.
    pub traffic: Traffic,
    /// Share of the starts that bypass the alias, 0 to 1.
    pub bypass_share: f64,
    /// Whether the old definition is restored for them.
    pub protect_unqualified: bool,
    /// Until when no traffic is moved here, and why.
    pub frozen: Option<(String, String)>,
    /// Whether this revision was taken back in this environment before, and why.
    pub quarantined: Option<&'a str>,
}

/// Something worth knowing before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// Stable code.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// What a step can see at the traffic of the last days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepPower {
    /// The step's weight, percent.
    pub weight: u8,
    /// Executions of the new version expected in `max_bake_seconds`.
    pub canary_executions_expected: f64,
    /// The smallest failure rate of the new version that would be found within the bake; absent: not even a total failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detectable_failure_rate: Option<f64>,
    /// The same within `max_bake_seconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detectable_failure_rate_at_most: Option<f64>,
    /// Seconds until a version that always fails is found; absent without traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_to_find_total_failure: Option<f64>,
}

/// What will happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// `sha256:` and the hex SHA-256 of the canonical JSON of everything that will be done.
    pub digest: String,
    /// Name of the template.
    pub template: String,
    /// Its revision.
    pub revision: i32,
    /// The revision's digest.
    pub revision_digest: String,
    /// Where.
    pub environment: String,
    /// The version behind the alias; absent at the first deployment.
    pub from_version_arn: Option<String>,
    /// Its revision.
    pub from_revision: Option<i32>,
    /// The steps with every default filled in.
    pub course: Course,
    /// How strictly they are judged.
    pub analysis: Analysis,
    /// Names of the tests.
    pub tests: Vec<String>,
    /// What is replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// Who must agree, and when.
    pub gates: Vec<Gate>,
    /// Whether it takes itself back.
    pub rollback_enabled: bool,
    /// What happens to running executions then.
    pub in_flight: InFlightPolicy,
    /// Whether the old definition is restored for starts that bypass the alias.
    pub protect_unqualified: bool,
    /// How often the plan was changed while the deployment waited; each change asks people again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub changes: usize,
    /// What each step can see.
    pub power: Vec<StepPower>,
    /// Worth knowing.
    pub warnings: Vec<Warning>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Makes the plan.
pub fn plan(facts: &Facts<'_>) -> Plan {
    let mut content = json!({
        "template": facts.template,
        "revision": facts.revision,
        "revision_digest": facts.revision_digest,
        "environment": facts.environment,
        "from_version": facts.from_version,
        "course": facts.course,
        "analysis": facts.analysis,
        "tests": facts.tests,
        "gates": facts.gates,
        "rollback_enabled": facts.rollback_enabled,
        "in_flight": facts.in_flight,
        "protect_unqualified": facts.protect_unqualified,
    });
    if let (1.., Value::Object(members)) = (facts.changes, &mut content) {
        members.insert("changes".to_owned(), json!(facts.changes));
    }
    let digest = digest(&content);
    let power: Vec<_> = facts
        .course
        .steps
        .iter()
        .filter_map(|step| power(facts, *step))
        .collect();
    Plan {
        digest,
        template: facts.template.to_owned(),
        revision: facts.revision,
        revision_digest: facts.revision_digest.to_owned(),
        environment: facts.environment.to_owned(),
        from_version_arn: facts.from_version.map(ToOwned::to_owned),
        from_revision: facts.from_revision,
        course: facts.course.clone(),
        analysis: facts.analysis.clone(),
        tests: facts.tests.cases.iter().map(|case| case.name.clone()).collect(),
        replay: facts.tests.replay.clone(),
        gates: facts.gates.to_vec(),
        rollback_enabled: facts.rollback_enabled,
        in_flight: facts.in_flight,
        protect_unqualified: facts.protect_unqualified,
        changes: facts.changes,
        warnings: warnings(facts, &power),
        power,
    }
}

/// `sha256:` and the hex digest of the canonical JSON.
pub fn digest(value: &Value) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(canonical_json(value))))
}

/// What a step of `weight` percent can see; none for 100, where there is nothing to compare with.
pub fn step_power(
    traffic: Traffic,
    weight: u8,
    bake_seconds: u64,
    max_bake_seconds: u64,
    alpha: f64,
) -> Option<StepPower> {
    let share = Share::of_percent(weight)?;
    let seconds = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let longest = bake_seconds.max(max_bake_seconds);
    let alpha = alpha * FAILURES_PART;
    let detectable = |time: u64| {
        detectable_rate(
            traffic.failure_rate,
            traffic.per_second * seconds(time),
            share,
            alpha,
        )
    };
    let total = executions_to_detect(traffic.failure_rate, 1.0, share, alpha);
    Some(StepPower {
        weight,
        canary_executions_expected: traffic.per_second * seconds(longest) * share.get(),
        detectable_failure_rate: detectable(bake_seconds),
        detectable_failure_rate_at_most: detectable(longest),
        seconds_to_find_total_failure: total
            .filter(|_| traffic.per_second > 0.0)
            .map(|executions| executions / traffic.per_second),
    })
}

fn power(facts: &Facts<'_>, step: CourseStep) -> Option<StepPower> {
    step_power(
        facts.traffic,
        step.weight,
        step.bake_seconds,
        facts.course.max_bake_seconds,
        facts.analysis.alpha,
    )
}

fn warnings(facts: &Facts<'_>, power: &[StepPower]) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |code: &str, message: String| {
        found.push(Warning {
            code: code.to_owned(),
            message,
        });
    };
    if facts.from_version.is_none() {
        warn(
            "first_deployment",
            "the alias does not exist yet: all traffic goes to the new version at once, and there is nothing to go back to"
                .to_owned(),
        );
    }
    if facts.from_revision == Some(facts.revision) {
        warn(
            "no_change",
            format!("revision {} serves all traffic already", facts.revision),
        );
    }
    if let Some((until, reason)) = &facts.frozen {
        warn(
            "frozen",
            format!("no traffic is moved here until {until}{reason}"),
        );
    }
    if let Some(reason) = facts.quarantined {
        warn(
            "quarantined",
            format!("this revision was taken back here before: {reason}"),
        );
    }
    for step in power
        .iter()
        .filter(|step| step.canary_executions_expected < CANARIES_MIN)
    {
        warn(
            "low_traffic",
            format!(
                "at the traffic of the last days the step at {} % sees {:.1} executions of the new version: not even one \
                 that always fails would be found; ask for tests or a gate",
                step.weight, step.canary_executions_expected
            ),
        );
    }
    if facts.bypass_share > 0.0 {
        let kept = if facts.protect_unqualified {
            "the old definition is restored for them after publishing"
        } else {
            "they get the new definition at once"
        };
        warn(
            "bypass",
            format!(
                "{:.0} % of the starts bypass the alias: {kept}",
                facts.bypass_share * 100.0
            ),
        );
    }
    for obstacle in facts.obstacles {
        warn("no_other_approver", obstacle.clone());
    }
    if !facts.rollback_enabled {
        warn(
            "no_rollback",
            "rollback is disabled: a worse version pauses the deployment and stays".to_owned(),
        );
    }
    if !facts.monitoring_enabled {
        warn(
            "not_judged",
            "monitoring is disabled: no step is judged".to_owned(),
        );
    }
    if matches!(facts.course.kind, StrategyKind::Direct | StrategyKind::BlueGreen) && facts.monitoring_enabled
    {
        warn(
            "no_control_arm",
            "all traffic moves at once: only guards and the comparison with the past can find a regression"
                .to_owned(),
        );
    }
    if facts.in_flight == InFlightPolicy::StopAndRestart {
        warn(
            "restarts",
            "in a rollback running executions are stopped and started again with the same input: the workflow must be \
             idempotent"
                .to_owned(),
        );
    }
    found.extend(about_definition(facts));
    found
}

/// Warnings about the definition and its tests.
fn about_definition(facts: &Facts<'_>) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |code: &str, message: String| {
        found.push(Warning {
            code: code.to_owned(),
            message,
        });
    };
    for function in unpinned(facts.definition) {
        warn(
            "unpinned_code",
            format!("`{function}` names no version: a rollback of this workflow does not restore its code"),
        );
    }
    if facts.tests.replay.is_some() && facts.from_version.is_none() {
        warn(
            "replay_without_past",
            "no version serves yet, so there are no past executions to replay".to_owned(),
        );
    }
    found
}

/// Lambda functions named without version or alias.
fn unpinned(definition: &Value) -> Vec<String> {
    fn walk(value: &Value, found: &mut std::collections::BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let named = matches!(name.as_str(), "Resource" | "FunctionName");
                    match value.as_str() {
                        Some(arn) if named && is_unpinned_lambda(arn) => {
                            found.insert(arn.to_owned());
                        }
                        _ => walk(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = std::collections::BTreeSet::new();
    walk(definition, &mut found);
    found.into_iter().collect()
}

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME` without `:QUALIFIER`, or with `$LATEST`.
fn is_unpinned_lambda(arn: &str) -> bool {
    let parts: Vec<_> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "lambda", _, _, "function", _] => true,
        ["arn", _, "lambda", _, _, "function", _, qualifier] => *qualifier == "$LATEST",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::strategy::{Resolved, Strategy};
    use super::*;

    fn course(kind: StrategyKind) -> Course {
        match Strategy::of(kind).resolve(&Analysis::default()) {
            Ok(Resolved::Course(course)) => course,
            other => panic!("{other:?}"),
        }
    }

    fn with<T>(change: impl FnOnce(&mut Facts<'_>) -> T) -> Plan {
        let (course, analysis, tests) = (
            course(StrategyKind::Canary),
            Analysis::default(),
            Tests::default(),
        );
        let definition =
            json!({"States": {"A": {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:A"}}});
        let mut facts = Facts {
            changes: 0,
            template: "orders",
            revision: 2,
            revision_digest: "sha256:x",
            definition: &definition,
            environment: "production",
            from_version: Some("v1"),
            from_revision: Some(1),
            course: &course,
            analysis: &analysis,
            tests: &tests,
            gates: &[],
            obstacles: &[],
            rollback_enabled: true,
            monitoring_enabled: true,
            in_flight: InFlightPolicy::Leave,
            traffic: Traffic {
                per_second: 2.0,
                failure_rate: 0.01,
            },
            bypass_share: 0.0,
            protect_unqualified: false,
            frozen: None,
            quarantined: None,
        };
        change(&mut facts);
        plan(&facts)
    }

    fn codes(plan: &Plan) -> Vec<&str> {
        plan.warnings
            .iter()
            .map(|warning| warning.code.as_str())
            .collect()
    }

    #[test]
    fn whatever_will_be_done_differently_changes_the_digest_and_nothing_else_does() {
        let plain = with(|_| ());
        assert_eq!(plain.digest, with(|facts| facts.traffic.per_second = 9.0).digest);
        assert_eq!(plain.digest, with(|facts| facts.bypass_share = 0.5).digest);
        assert_ne!(plain.digest, with(|facts| facts.revision = 3).digest);
        assert_ne!(plain.digest, with(|facts| facts.from_version = Some("v9")).digest);
        assert_ne!(plain.digest, with(|facts| facts.rollback_enabled = false).digest);
        assert_ne!(plain.digest, with(|facts| facts.changes = 1).digest);
    }

    #[test]
    fn each_thing_worth_knowing_is_said() {
        assert_eq!(codes(&with(|_| ())), ["unpinned_code"]);
        assert!(codes(&with(|facts| facts.from_version = None)).contains(&"first_deployment"));
        assert!(codes(&with(|facts| facts.from_revision = Some(2))).contains(&"no_change"));
        assert!(codes(&with(|facts| facts.traffic.per_second = 0.0)).contains(&"low_traffic"));
        assert!(codes(&with(|facts| facts.bypass_share = 0.2)).contains(&"bypass"));
        assert!(codes(&with(|facts| facts.quarantined = Some("it failed"))).contains(&"quarantined"));
        let frozen = Some(("tomorrow".to_owned(), ": holidays".to_owned()));
        assert!(codes(&with(|facts| facts.frozen = frozen)).contains(&"frozen"));
        assert!(codes(&with(|facts| facts.rollback_enabled = false)).contains(&"no_rollback"));
    }

    #[test]
    fn a_step_says_what_it_can_see_and_when() {
        let plan = with(|_| ());
        let weights: Vec<_> = plan.power.iter().map(|step| step.weight).collect();
        assert_eq!(weights, [10, 50], "at 100 there is nothing to compare with");
        let ten = &plan.power[0];
        assert!(ten.seconds_to_find_total_failure.unwrap() < 60.0, "{ten:?}");
        assert!(ten.detectable_failure_rate.unwrap() > ten.detectable_failure_rate_at_most.unwrap());
    }
}
