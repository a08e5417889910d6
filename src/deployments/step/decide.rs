//! [`next_step`]: one function per state, in `before.rs`, `forth.rs` and `back.rs`; here is what they share.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::judge::{OnInsufficientData, Verdict};
use super::super::model::{AliasSeen, Deployment, Intent, Mark, Pause, PauseReason, Routing, State};
use super::{AliasState, Converge, Observed, Step, Transition};

/// How soon to look at people, tests and executions again when nothing else says so.
pub(super) const LOOK: TimeDelta = TimeDelta::milliseconds(250);

/// How soon to try a blocked rollback again.
pub(super) const BLOCKED: TimeDelta = TimeDelta::seconds(10);

/// What to do next. `policy` is the analysis' `on_insufficient_data`; `verdict` is the judge's at this look.
pub fn next_step(
    deployment: &Deployment,
    observed: &Observed,
    verdict: &Verdict,
    policy: OnInsufficientData,
    now: DateTime<Utc>,
) -> Step {
    let at = At {
        deployment,
        observed,
        verdict,
        policy,
        now,
    };
    match deployment.state {
        State::Pending => at.enter(State::Validating, "deployment.started", "its turn has come"),
        State::Validating => at.validating(),
        State::Publishing => at.publishing(),
        State::Testing => at.testing(),
        State::Gate => at.gate(),
        State::Shifting => at.shifting(),
        State::Baking => at.baking(),
        State::Judging => at.judging(),
        State::FinalBake => at.final_bake(),
        State::Paused => at.paused(),
        State::RollingBack | State::RollbackBlocked => at.rolling_back(),
        State::Succeeded | State::RolledBack | State::Failed | State::Aborted | State::Superseded => {
            Step::Rest
        }
    }
}

/// What ends a deployment whose state makes no progress: it stands since `since`, `deadline` is how long it may. A step's own
/// time, gates, pauses and closed windows do not count; a rollback has no deadline.
pub fn past_deadline(
    deployment: &Deployment,
    deadline: TimeDelta,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<Step> {
    let working = matches!(
        deployment.state,
        State::Validating | State::Publishing | State::Testing | State::Shifting | State::Judging
    );
    if !working || now - since < deadline {
        return None;
    }
    let reason = format!(
        "no progress in `{}` for {} s",
        deployment.state.as_str(),
        deadline.num_seconds()
    );
    let at = At {
        deployment,
        observed: &Observed::default(),
        verdict: &Verdict::Pass,
        policy: OnInsufficientData::Hold,
        now,
    };
    Some(if !deployment.has_shifted() {
        at.fail(reason)
    } else if at.can_go_back() {
        at.roll_back(reason, State::RolledBack, false)
    } else {
        at.pause(PauseReason::NoWayBack, reason, None)
    })
}

/// Everything known at one decision.
pub(super) struct At<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) observed: &'a Observed,
    pub(super) verdict: &'a Verdict,
    pub(super) policy: OnInsufficientData,
    pub(super) now: DateTime<Utc>,
}

/// The alias compared with what we want and what we left.
pub(super) enum Place<'a> {
    /// Not asked.
    Unknown,
    /// Where it is to stand, by our hand.
    There,
    /// Where it stood before, or where an earlier (late) call of ours put it.
    NotYet,
    /// Somewhere else: someone else's doing.
    Foreign(Option<&'a AliasSeen>),
}

impl At<'_> {
    pub(super) fn place(&self, intent: &Intent) -> Place<'_> {
        let seen = match &self.observed.alias {
            AliasState::NotAsked => return Place::Unknown,
            AliasState::Absent if self.deployment.standing.is_none() => return Place::NotYet,
            AliasState::Absent | AliasState::Unreadable => return Place::Foreign(None),
            AliasState::Stands(seen) => seen,
        };
        let same = seen.routing.is_same(&intent.to);
        let ours = seen.mark.filter(|mark| mark.deployment == self.deployment.id);
        if same && ours.is_some_and(|mark| mark.epoch == intent.epoch) {
            return Place::There;
        }
        let expected = [&self.deployment.standing, &self.deployment.may_overwrite];
        let left = expected
            .into_iter()
            .flatten()
            .any(|routing| routing.is_same(&seen.routing));
        let late = ours.is_some_and(|mark| mark.epoch < intent.epoch && self.was_ours(mark, &seen.routing));
        if left || late {
            Place::NotYet
        } else {
            Place::Foreign(Some(seen))
        }
    }

    /// Whether a call of ours with this mark can have made this routing. Who changes an alias without its description leaves
    /// our mark on it, so the mark alone proves nothing.
    pub(super) fn was_ours(&self, mark: Mark, routing: &Routing) -> bool {
        let Deployment {
            from_version: from,
            to_version: Some(to),
            course,
            ..
        } = self.deployment
        else {
            return false;
        };
        let step = course.steps.get(usize::from(mark.step));
        let forward = step.map(|step| Routing::shifted(from.as_deref(), to, step.weight));
        let back = from.as_deref().map(Routing::single);
        [forward, back]
            .into_iter()
            .flatten()
            .any(|known| known.is_same(routing))
    }

    pub(super) fn converge(&self, intent: &Intent) -> Step {
        let mark = self.deployment.mark(intent.epoch);
        Step::Converge(Converge::Alias {
            to: intent.to.clone(),
            mark,
        })
    }

    pub(super) fn drift(&self, seen: Option<&AliasSeen>) -> Step {
        let detail = format!(
            "someone else moved the alias ({}): it is not overwritten",
            found(seen)
        );
        self.pause(PauseReason::Drift, detail, seen.cloned())
    }

    pub(super) fn pause(&self, reason: PauseReason, detail: String, found: Option<AliasSeen>) -> Step {
        let mut next = self.deployment.clone();
        next.pause = Some(Pause {
            reason,
            detail: detail.clone(),
            resume: self.deployment.state,
            found,
        });
        moved(next, State::Paused, "deployment.paused", &detail)
    }

    pub(super) fn fail(&self, why: String) -> Step {
        let mut next = self.deployment.clone();
        next.error = Some(why.clone());
        finish(next, State::Failed, "deployment.failed", &why)
    }

    pub(super) fn enter(&self, state: State, event: &'static str, detail: &str) -> Step {
        moved(self.deployment.clone(), state, event, detail)
    }

    pub(super) fn look(&self) -> Step {
        Step::Wait {
            until: self.now + LOOK,
        }
    }
}

pub(super) fn moved(mut next: Deployment, state: State, event: &'static str, detail: &str) -> Step {
    next.state = state;
    Step::Intend(Box::new(Transition {
        next,
        event,
        detail: detail.to_owned(),
    }))
}

pub(super) fn next_epoch(deployment: &Deployment) -> u32 {
    deployment
        .intent
        .as_ref()
        .map_or(1, |intent| intent.epoch.saturating_add(1))
}

pub(super) fn finish(mut next: Deployment, state: State, event: &'static str, detail: &str) -> Step {
    next.state = state;
    next.bake = None;
    next.pause = None;
    Step::Finish(Box::new(Transition {
        next,
        event,
        detail: detail.to_owned(),
    }))
}

/// A routing for people: `90 % …:3, 10 % …:4`.
pub(in super::super) fn show(routing: &Routing) -> String {
    let lines: Vec<_> = routing
        .lines()
        .iter()
        .map(|line| {
            format!(
                "{} % to version {}",
                line.weight,
                line.version_arn.rsplit(':').next().unwrap_or_default()
            )
        })
        .collect();
    lines.join(", ")
}

pub(super) fn found(seen: Option<&AliasSeen>) -> String {
    seen.map_or_else(
        || "it is gone or unreadable".to_owned(),
        |seen| show(&seen.routing),
    )
}
