//! Asks outside for a deployment that is watched: guards (webhooks, Prometheus, CloudWatch's throttles), the template's error
//! budget, CloudWatch's counts of Express executions. Each at its own pace; what was said is kept beside the deployment, so
//! that a look in between repeats it. Where receivers may be is guarded as for webhooks (`outbound`).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::judge::{
    AskMethod, Guard, GuardReading, GuardState, OnBreach, Period, PrometheusGuard, Slo, Spending,
    WebhookGuard,
};
use super::limits::{BUDGET_INTERVAL, BUDGET_RECENT, GUARD_TIMEOUT, MEASURED_INTERVAL};
use super::store::record::{self, Record};
use super::store::slos;
use super::{measured, tests};
use crate::app::App;
use crate::cloudwatch::{StatesMetric, sums};
use crate::db::DbError;
use crate::environments::Target;
use crate::outbound::{Answer, PostError};

/// Characters of an answer that are shown in a finding.
const SHOWN_MAX: usize = 300;

/// Something that was asked, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked<T> {
    at: DateTime<Utc>,
    said: T,
}

impl<T> Asked<T> {
    fn is_fresh(&self, now: DateTime<Utc>, interval: TimeDelta) -> bool {
        now - self.at < interval
    }
}

/// Everything that was asked outside.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Outside {
    guards: Vec<Asked<GuardReading>>,
    budget: Option<Asked<Option<(Slo, Spending)>>>,
    measured: Option<Asked<Vec<Period>>>,
}

impl Outside {
    /// What the guards said, in the order of the analysis.
    pub(super) fn readings(&self) -> Vec<GuardReading> {
        self.guards.iter().map(|asked| asked.said.clone()).collect()
    }

    /// The promise and what was spent of it.
    pub(super) fn budget(&self) -> Option<(Slo, Spending)> {
        self.budget.as_ref().and_then(|asked| asked.said)
    }

    /// CloudWatch's counts by weight period.
    pub(super) fn measured(&self) -> Vec<Period> {
        self.measured
            .as_ref()
            .map(|asked| asked.said.clone())
            .unwrap_or_default()
    }
}

/// What is said outside now: what is due is asked, at the same time, the rest is as it was said last.
pub(super) async fn read(app: &App, target: &Target, read: &Record) -> Result<Outside, DbError> {
    let known = &read.outside.0;
    if read.deployment().intent.is_none() {
        return Ok(known.clone());
    }
    let now = app.clock.now();
    let guards = read.analysis.0.guards.iter().map(async |guard| {
        let before = known.guards.iter().find(|asked| asked.said.name == guard.name());
        let interval = TimeDelta::seconds(guard.interval_seconds().into());
        match before.filter(|asked| asked.is_fresh(now, interval)) {
            Some(asked) => asked.clone(),
            None => Asked {
                at: now,
                said: ask(app, target, read, guard).await,
            },
        }
    });
    let budget = async {
        match known
            .budget
            .as_ref()
            .filter(|asked| asked.is_fresh(now, BUDGET_INTERVAL))
        {
            Some(asked) => Ok(asked.clone()),
            None => spending(app, target, read, now).await,
        }
    };
    let counts = async {
        let fresh = known.measured.as_ref();
        match fresh.filter(|asked| asked.is_fresh(now, MEASURED_INTERVAL)) {
            Some(asked) => Ok(asked.clone()),
            None => Ok::<_, DbError>(Asked {
                at: now,
                said: measured::read(app, target, read, now).await?,
            }),
        }
    };
    let (guards, budget, counts) = futures::join!(futures::future::join_all(guards), budget, counts);
    let outside = Outside {
        guards,
        budget: Some(budget?),
        measured: Some(counts?),
    };
    if outside != *known {
        let mut conn = app.db.pool().acquire().await?;
        record::set_outside(&mut conn, read.id, &outside).await?;
    }
    Ok(outside)
}

async fn spending(
    app: &App,
    target: &Target,
    read: &Record,
    now: DateTime<Utc>,
) -> Result<Asked<Option<(Slo, Spending)>>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    let said = match slos::find(&mut conn, &read.template).await? {
        None => None,
        Some(slo) => {
            let since = read.created_at.max(now - BUDGET_RECENT);
            let place = (read.template.as_str(), read.environment.as_str());
            let alias = target.alias_arn(&read.template);
            Some((
                slo,
                slos::spending(&mut conn, place, &alias, slo, (now, since)).await?,
            ))
        }
    };
    Ok(Asked { at: now, said })
}

/// Asks one guard. What can't be understood says nothing, which is said.
async fn ask(app: &App, target: &Target, read: &Record, guard: &Guard) -> GuardReading {
    let answer = async {
        match guard {
            Guard::Webhook(guard) => webhook(app, read, guard).await,
            Guard::Prometheus(guard) => prometheus(app, target, read, guard).await,
            Guard::Throttled(guard) => throttled(app, target, read, guard.max).await,
        }
    };
    let timeout = Duration::from_millis(GUARD_TIMEOUT.num_milliseconds().unsigned_abs());
    let said = match tokio::time::timeout(timeout, answer).await {
        Ok(said) => said,
        Err(_) => Said::unknown(format!("no answer within {} s", GUARD_TIMEOUT.num_seconds())),
    };
    if said.state != GuardState::Quiet {
        tracing::info!(deployment = %read.id, guard = guard.name(), state = ?said.state, detail = said.detail, "a guard spoke");
    }
    GuardReading {
        name: guard.name().to_owned(),
        state: said.state,
        on_breach: said.on_breach.unwrap_or(guard.on_breach()),
        detail: said.detail,
    }
}

/// What a guard said.
#[derive(Debug, PartialEq)]
struct Said {
    state: GuardState,
    /// Where the answer itself says what is to be done.
    on_breach: Option<OnBreach>,
    detail: String,
}

impl Said {
    fn of(breached: bool, detail: String) -> Self {
        let state = if breached {
            GuardState::Breached
        } else {
            GuardState::Quiet
        };
        Self {
            state,
            on_breach: None,
            detail,
        }
    }

    fn unknown(detail: String) -> Self {
        Self {
            state: GuardState::Unknown,
            on_breach: None,
            detail,
        }
    }
}

async fn webhook(app: &App, read: &Record, guard: &WebhookGuard) -> Said {
    let deployment = read.deployment();
    let asked = match guard.method {
        AskMethod::Get => app.outbound.get(&guard.url).await,
        AskMethod::Post => {
            let body = json!({
                "deployment_id": read.id,
                "template": read.template,
                "environment": read.environment,
                "revision": read.revision,
                "state": deployment.state,
                "step": deployment.step + 1,
                "weights": deployment.standing.as_ref().map(super::model::Routing::lines),
                "from_version_arn": read.from_version,
                "to_version_arn": read.to_version,
            });
            app.outbound
                .post(&guard.url, http::HeaderMap::new(), body.to_string())
                .await
        }
    };
    match understood(asked) {
        Ok(body) => verdict(&body, guard.expected.as_ref()),
        Err(said) => said,
    }
}

/// What a receiver's body means.
fn verdict(body: &Value, expected: Option<&Value>) -> Said {
    if let Some(expected) = expected {
        let wrong = tests::matcher::compare(body, expected);
        let told: Vec<_> = wrong.iter().take(3).map(ToString::to_string).collect();
        return Said::of(!wrong.is_empty(), told.join("; "));
    }
    let reason = body.get("reason").and_then(Value::as_str).unwrap_or_default();
    let reason: String = reason.chars().take(SHOWN_MAX).collect();
    match body.get("verdict").and_then(Value::as_str) {
        Some("pass") => Said::of(false, reason),
        Some("fail") => Said::of(true, reason),
        Some("hold") => Said {
            on_breach: Some(OnBreach::Hold),
            ..Said::of(true, reason)
        },
        Some("unknown") => Said::unknown(reason),
        _ => Said::unknown("its answer has no `verdict` of pass, fail, hold or unknown".to_owned()),
    }
}

/// The JSON of a good answer.
fn understood(asked: Result<Answer, PostError>) -> Result<Value, Said> {
    match asked {
        Ok(answer) if (200..300).contains(&answer.status) => serde_json::from_str(&answer.body)
            .map_err(|_| Said::unknown("its answer is not JSON, or too long".to_owned())),
        Ok(answer) => Err(Said::unknown(format!("it answered {}", answer.status))),
        Err(error) => Err(Said::unknown(super::converge::chain(&error))),
    }
}

async fn prometheus(app: &App, target: &Target, read: &Record, guard: &PrometheusGuard) -> Said {
    let Ok(mut url) = url::Url::parse(&guard.url) else {
        return Said::unknown("its URL can't be read".to_owned());
    };
    match url.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(["api", "v1", "query"]);
        }
        Err(()) => return Said::unknown("its URL takes no path".to_owned()),
    }
    let version = read.to_version.as_deref().unwrap_or_default();
    // Longer names first: `$version` begins `$version_arn`.
    let filled = [
        ("$version_arn", version.to_owned()),
        (
            "$version",
            version.rsplit(':').next().unwrap_or_default().to_owned(),
        ),
        ("$alias_arn", target.alias_arn(&read.template)),
        ("$template", read.template.clone()),
        ("$environment", read.environment.clone()),
        ("$deployment", read.id.to_string()),
    ]
    .into_iter()
    .fold(guard.query.clone(), |query, (name, value)| {
        query.replace(name, &value)
    });
    url.query_pairs_mut().append_pair("query", &filled);
    match understood(app.outbound.get(url.as_str()).await) {
        Ok(body) => within(&body, guard),
        Err(said) => said,
    }
}

/// Whether every value of a Prometheus answer (HTTP API, "Instant queries") is within the bounds.
fn within(body: &Value, guard: &PrometheusGuard) -> Said {
    let data = body.get("data");
    let result = data.and_then(|data| data.get("result"));
    let number = |sample: &Value| sample.get(1)?.as_str()?.parse::<f64>().ok();
    let values: Vec<f64> = match data
        .and_then(|data| data.get("resultType"))
        .and_then(Value::as_str)
    {
        Some("vector") => result
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|series| number(series.get("value")?))
            .collect(),
        Some("scalar") => result.and_then(number).into_iter().collect(),
        _ => {
            let error = body.get("error").and_then(Value::as_str);
            return Said::unknown(error.map_or_else(
                || "its answer is no vector and no scalar".to_owned(),
                ToOwned::to_owned,
            ));
        }
    };
    if values.is_empty() {
        return Said::unknown("the query gives no value".to_owned());
    }
    // A value that is no number compares with nothing.
    if values.iter().any(|value| value.is_nan()) {
        return Said::unknown("the query gives a value that is no number".to_owned());
    }
    let over = values
        .iter()
        .find(|value| guard.above.is_some_and(|most| **value > most));
    let under = values
        .iter()
        .find(|value| guard.below.is_some_and(|least| **value < least));
    match (over, under) {
        (Some(value), _) => Said::of(
            true,
            format!("{value} is above {}", guard.above.unwrap_or_default()),
        ),
        (None, Some(value)) => Said::of(
            true,
            format!("{value} is below {}", guard.below.unwrap_or_default()),
        ),
        (None, None) => Said::of(false, format!("{values:?}")),
    }
}

async fn throttled(app: &App, target: &Target, read: &Record, max: u64) -> Said {
    let metric = StatesMetric {
        name: "ExecutionThrottled",
        dimensions: vec![("StateMachineArn", target.state_machine_arn(&read.template))],
    };
    let now = app.clock.now();
    // Whole minutes: the one in which it began counts.
    let from = measured::minute(read.started_at.unwrap_or(read.created_at));
    match sums(app, target, &[metric], (from, now)).await {
        Ok(series) => {
            let count: f64 = series.iter().flatten().map(|point| point.1).sum();
            Said::of(
                count > super::judge::real(max),
                format!("{count} starts and retries were throttled since the deployment began"),
            )
        }
        Err(error) => Said::unknown(error.to_string()),
    }
}

#[cfg(test)]
mod tests_of_answers {
    use super::*;

    #[test]
    fn a_receivers_verdict_is_taken_at_its_word_and_anything_else_is_unknown() {
        let state = |body: Value| verdict(&body, None).state;
        assert_eq!(state(json!({"verdict": "pass"})), GuardState::Quiet);
        assert_eq!(
            state(json!({"verdict": "fail", "reason": "r"})),
            GuardState::Breached
        );
        assert_eq!(state(json!({"verdict": "yes"})), GuardState::Unknown);
        let hold = verdict(&json!({"verdict": "hold"}), None);
        assert_eq!(
            (hold.state, hold.on_breach),
            (GuardState::Breached, Some(OnBreach::Hold))
        );
        let expected = json!({"errors": {"$lt": 5}});
        assert_eq!(
            verdict(&json!({"errors": 4}), Some(&expected)).state,
            GuardState::Quiet
        );
        let wrong = verdict(&json!({"errors": 7}), Some(&expected));
        assert_eq!(wrong.state, GuardState::Breached);
        assert!(wrong.detail.contains("/errors"), "{}", wrong.detail);
    }

    #[test]
    fn prometheus_values_are_held_against_their_bounds_and_no_value_is_no_verdict() {
        let guard: PrometheusGuard =
            serde_json::from_value(json!({"name": "p", "url": "http://x", "query": "q", "above": 0.05}))
                .unwrap();
        let vector = |values: &[&str]| {
            let series: Vec<_> = values
                .iter()
                .map(|value| json!({"metric": {}, "value": [1.0, value]}))
                .collect();
            json!({"status": "success", "data": {"resultType": "vector", "result": series}})
        };
        assert_eq!(
            within(&vector(&["0.01", "0.02"]), &guard).state,
            GuardState::Quiet
        );
        assert_eq!(
            within(&vector(&["0.01", "0.2"]), &guard).detail,
            "0.2 is above 0.05"
        );
        assert_eq!(within(&vector(&[]), &guard).state, GuardState::Unknown);
        assert_eq!(within(&vector(&["NaN"]), &guard).state, GuardState::Unknown);
        let scalar = json!({"data": {"resultType": "scalar", "result": [1.0, "9"]}});
        assert_eq!(within(&scalar, &guard).state, GuardState::Breached);
        let failed = json!({"status": "error", "error": "parse error"});
        assert_eq!(within(&failed, &guard).detail, "parse error");
    }
}
