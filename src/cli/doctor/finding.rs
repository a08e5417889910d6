//! What a check found.

use std::borrow::Cow;

use serde::Serialize;

/// How it stands with one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at: `database`, `environment production: StartExecution`.
    pub(super) check: String,
    /// How it is.
    pub(super) state: State,
    /// What was seen.
    pub(super) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<Cow<'static, str>>,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// It works, but somebody should look at it; or it could not be told.
    Warning,
    /// It will not work.
    Broken,
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>, detail: String) -> Self {
        Self {
            check: check.into(),
            state: State::Ok,
            detail,
            fix: None,
        }
    }

    pub(super) fn warning(
        check: impl Into<String>,
        detail: String,
        fix: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            check: check.into(),
            state: State::Warning,
            detail,
            fix: Some(fix.into()),
        }
    }

    pub(super) fn broken(
        check: impl Into<String>,
        detail: String,
        fix: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            check: check.into(),
            state: State::Broken,
            detail,
            fix: Some(fix.into()),
        }
    }

    pub(super) fn as_text(&self) -> String {
        let state = match self.state {
            State::Ok => "ok     ",
            State::Warning => "warning",
            State::Broken => "BROKEN ",
        };
        let fix = self
            .fix
            .as_ref()
            .map(|fix| format!("\n         to do: {fix}"))
            .unwrap_or_default();
        format!("{state}  {}: {}{fix}", self.check, self.detail)
    }
}

/// A finding about two clocks that should agree; `limit_seconds` is where signatures are refused.
pub(super) fn skew(check: String, seconds: i64, limit_seconds: i64) -> Finding {
    let detail = format!("this machine's clock is {seconds} s from that one's");
    if seconds.abs() >= limit_seconds {
        Finding::broken(
            check,
            detail,
            "set this machine's clock (NTP): signed requests are refused",
        )
    } else if seconds.abs() * 4 >= limit_seconds {
        Finding::warning(check, detail, "set this machine's clock (NTP)")
    } else {
        Finding::ok(check, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_broken_where_signatures_are_refused_and_a_warning_before() {
        let states = [0, 60, -80, 300, -301].map(|seconds| skew("clock".into(), seconds, 300).state);
        assert_eq!(
            states,
            [State::Ok, State::Ok, State::Warning, State::Broken, State::Broken]
        );
    }
}
