//! Wait: until a moment, or for some seconds.

use super::frame::{Phase, ScopeIx};
use super::problem::Problem;
use super::run::Run;
use super::time;
use crate::json::Json;
use crate::machine::{Amount, State, Wait};
use crate::paths::Query;

impl<'m> Run<'m, '_, '_> {
    pub(crate) fn wait(&mut self, at: ScopeIx, state: &'m State, wait: &Wait) -> Result<(), Problem> {
        let effective = self.effective_input(at, state)?;
        let seconds = match wait {
            Wait::Until(due_ms) => return self.wait_until(at, *due_ms),
            Wait::UntilAt(query) => {
                let found = self.view(at, effective.json().clone()).look(query);
                let due_ms = timestamp_at(query, found)?;
                return self.wait_until(at, due_ms);
            }
            Wait::UntilComputed(expression) => {
                let value = self.compute_text(at, expression, "Timestamp")?;
                let text = value.as_str().unwrap_or_default();
                let due_ms = time::parse_ms(text).ok_or_else(|| {
                    Problem::query_value(
                        "Timestamp",
                        format!("The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"),
                    )
                })?;
                return self.wait_until(at, due_ms);
            }
            Wait::Seconds(Amount::Fixed(seconds)) => i64::try_from(*seconds).unwrap_or(i64::MAX),
            Wait::Seconds(Amount::At(query)) => {
                let found = self.view(at, effective.json().clone()).look(query);
                seconds_at(query, found)?
            }
            #[expect(clippy::cast_possible_truncation, reason = "a fraction is cut off")]
            Wait::Seconds(Amount::Fraction(seconds)) => *seconds as i64,
            Wait::Seconds(Amount::Computed(expression)) => {
                self.compute_whole(at, expression, "Seconds", 0)?
            }
        };
        let due_ms = self.env.now_ms.saturating_add(seconds.saturating_mul(1_000));
        self.wait_until(at, due_ms)
    }

    fn wait_until(&mut self, at: ScopeIx, due_ms: i64) -> Result<(), Problem> {
        let longest_ms = self.env.limits.wait_seconds_max.saturating_mul(1_000);
        if due_ms.saturating_sub(self.env.now_ms) > longest_ms {
            return Err(Problem::runtime("Wait state delay is too long.".to_owned()));
        }
        if due_ms <= self.env.now_ms {
            self.wait_over(at);
            return Ok(());
        }
        let timer = self.start_timer_at(due_ms, Some(at));
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.phase = Phase::Wait { timer };
        }
        Ok(())
    }

    pub(crate) fn wait_over(&mut self, at: ScopeIx) {
        let Some(state) = self.state_of(at) else { return };
        let finished = match self.effective_input(at, state) {
            Ok(effective) => self.finish(at, state, effective),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = finished {
            self.state_failed(at, state, problem);
        }
    }
}

fn seconds_at(query: &Query, found: Result<Json, String>) -> Result<i64, Problem> {
    let path = &query.text;
    let value = found.map_err(|_| {
        Problem::runtime(format!(
            "The SecondsPath parameter does not reference an input value: {path}"
        ))
    })?;
    match super::amount::whole(&value) {
        Some(seconds) if seconds < 0 => Err(Problem::runtime(format!(
            "The SecondsPath parameter references a negative value: {path} == {value}"
        ))),
        Some(seconds) => Ok(seconds),
        None => Err(Problem::runtime(format!(
            "The SecondsPath parameter cannot be parsed as a long value: {path} == {}",
            super::amount::bare(&value)
        ))),
    }
}

fn timestamp_at(query: &Query, found: Result<Json, String>) -> Result<i64, Problem> {
    let path = &query.text;
    let value = found.map_err(|_| {
        Problem::runtime(format!(
            "The TimestampPath parameter does not reference an input value: {path}"
        ))
    })?;
    let text = super::amount::bare(&value);
    time::parse_ms(&text).ok_or_else(|| {
        Problem::runtime(format!(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {path} == {text}"
        ))
    })
}
