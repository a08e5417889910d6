//! What an answer means: pure.

use serde_json::Value;

use super::super::judge::{GuardState, OnBreach, PrometheusGuard};
use super::super::tests::matcher;
use crate::outbound::{Answer, PostError};

/// Characters of an answer that are shown in a finding.
const SHOWN_MAX: usize = 300;

/// What a guard said.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    pub(super) state: GuardState,
    /// Where the answer itself says what is to be done.
    pub(super) on_breach: Option<OnBreach>,
    pub(super) detail: String,
}

impl Said {
    pub(super) fn of(breached: bool, detail: String) -> Self {
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

    pub(super) fn unknown(detail: String) -> Self {
        Self {
            state: GuardState::Unknown,
            on_breach: None,
            detail,
        }
    }
}

/// The JSON of a good answer.
pub(super) fn understood(asked: Result<Answer, PostError>) -> Result<Value, Said> {
    match asked {
        Ok(answer) if (200..300).contains(&answer.status) => serde_json::from_str(&answer.body)
            .map_err(|_| Said::unknown("its answer is not JSON, or too long".to_owned())),
        Ok(answer) => Err(Said::unknown(format!("it answered {}", answer.status))),
        Err(error) => Err(Said::unknown(super::super::converge::chain(&error))),
    }
}

/// What a receiver's body means.
pub(super) fn verdict(body: &Value, expected: Option<&Value>) -> Said {
    if let Some(expected) = expected {
        let wrong = matcher::compare(body, expected);
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

/// Whether every value of a Prometheus answer (HTTP API, "Instant queries") is within the bounds.
pub(super) fn within(body: &Value, guard: &PrometheusGuard) -> Said {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

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
