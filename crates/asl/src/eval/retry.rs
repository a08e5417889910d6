//! Retry and Catch.

use super::compute::Seen;
use super::frame::{Phase, ScopeIx};
use super::problem::Problem;
use super::run::Run;
use crate::json::Payload;
use crate::machine::{Io, Retrier, State};

impl<'m> Run<'m, '_, '_> {
    /// Whether another attempt is on its way.
    pub(crate) fn retry(&mut self, at: ScopeIx, state: &State, problem: &Problem) -> bool {
        let found = state
            .retry
            .iter()
            .position(|retrier| problem.matches(&retrier.errors));
        let Some((place, retrier)) = found.and_then(|place| Some((place, state.retry.get(place)?))) else {
            return false;
        };
        self.inspect(|seen| seen.retry_index = Some(place));
        let given = self.given_retry_count();
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return false;
        };
        scope.retries.resize(state.retry.len(), 0);
        let Some(attempts) = scope.retries.get_mut(place) else {
            return false;
        };
        if let Some(made) = given {
            *attempts = made;
        }
        if *attempts >= retrier.max_attempts {
            return false;
        }
        let made = *attempts;
        *attempts += 1;
        scope.retry_count += 1;
        let delay_ms = self.delay_ms(retrier, made);
        self.inspect(|seen| seen.retry_seconds = Some(delay_ms / 1_000));
        self.drop_children(at);
        if delay_ms == 0 {
            if let Some(scope) = self.frame.scopes.get_mut(at) {
                scope.phase = Phase::Again;
            }
            self.make_ready(at);
            return true;
        }
        let timer = self.start_timer_at(self.env.now_ms.saturating_add(delay_ms), Some(at));
        if let Some(scope) = self.frame.scopes.get_mut(at) {
            scope.phase = Phase::RetryWait { timer };
        }
        true
    }

    /// The interval, grown by the rate for each attempt made, cut to the maximum, anywhere below that with full jitter.
    fn delay_ms(&mut self, retrier: &Retrier, made: u64) -> i64 {
        #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^52")]
        let (interval, longest) = (
            retrier.interval_seconds as f64,
            retrier
                .max_delay_seconds
                .map_or(f64::INFINITY, |seconds| seconds as f64),
        );
        let grown = interval * retrier.backoff_rate.powi(i32::try_from(made).unwrap_or(i32::MAX));
        #[expect(clippy::cast_precision_loss, reason = "the bound only needs to be near")]
        let bound = self.env.limits.wait_seconds_max as f64;
        #[expect(clippy::cast_possible_truncation, reason = "the bound keeps it in range")]
        let delay_ms = (grown.min(longest).clamp(0.0, bound) * 1_000.0) as i64;
        if !retrier.jitter {
            return delay_ms;
        }
        let width = u64::try_from(delay_ms).unwrap_or_default().saturating_add(1);
        i64::try_from((self.env.random)() % width).unwrap_or_default()
    }

    /// Whether a catcher took it.
    pub(crate) fn catch(
        &mut self,
        at: ScopeIx,
        state: &'m State,
        problem: &Problem,
    ) -> Result<bool, Problem> {
        let found = state
            .catch
            .iter()
            .position(|catcher| problem.matches(&catcher.errors));
        let Some((place, catcher)) = found.and_then(|place| Some((place, state.catch.get(place)?))) else {
            return Ok(false);
        };
        self.inspect(|seen| seen.catch_index = Some(place));
        self.drop_children(at);
        let error = Payload::from_json(Run::error_output(problem));
        let input = self.input_of(at);
        let (output, assigned) = match &state.io {
            Io::JsonPath(_) => {
                let assigned = self.assign_json_path(at, &catcher.assign, &error)?;
                (
                    super::place::place(&catcher.result_path, &input, error)?,
                    assigned,
                )
            }
            Io::Jsonata(_) => {
                let seen = Seen::error(&error);
                let within = format!("Catch[{place}]/");
                let assigned = self.assign_jsonata(at, &catcher.assign, &within, &seen)?;
                let output = match &catcher.output {
                    Some(template) => {
                        let location = format!("{within}Output");
                        Payload::from_json(self.fill_jsonata(at, template, &location, &seen)?)
                    }
                    None => error,
                };
                (output, assigned)
            }
        };
        self.leave(at, state, output, assigned, Some(catcher.next))?;
        Ok(true)
    }
}
