//! What a person may do with a deployment: pure too. A command changes our records only; the worker makes AWS follow.

use super::super::model::{Deployment, Intent, Pause, PauseReason, State};
use super::Transition;
use super::back::going_back;
use super::decide::next_epoch;

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Leave the step at hand without waiting for its time or samples. Harm still takes it back.
    Promote,
    /// Go to all traffic at once.
    PromoteFull,
    /// Stop moving. The alias stays, and a harmful canary is still taken back.
    Pause,
    /// Go on.
    Resume,
    /// End it: the old version serves all again.
    Abort,
    /// Take it back, also after it has succeeded.
    Rollback,
    /// End it in favour of a newer one.
    Supersede,
    /// Drift: leave the alias as someone else made it, and end.
    Adopt,
    /// Drift: make the alias again what it was.
    Restore,
    /// Drift: someone has put the alias right; look again.
    AckDrift,
    /// Leave out the step that would come next.
    SkipStep,
}

impl Command {
    /// As written in routes and the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::PromoteFull => "promote-full",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Rollback => "rollback",
            Self::Supersede => "supersede",
            Self::Adopt => "adopt",
            Self::Restore => "restore",
            Self::AckDrift => "ack-drift",
            Self::SkipStep => "skip-step",
        }
    }
}

/// A command that makes no sense now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a deployment that is `{}` can't be told to {}: {why}", state.as_str(), command.as_str())]
pub struct CommandError {
    /// The command.
    pub command: Command,
    /// The state it met.
    pub state: State,
    /// What would have to be otherwise.
    pub why: &'static str,
}

/// What the command does to the deployment. `who` and `reason` go into sentences.
pub fn command(
    deployment: &Deployment,
    command: Command,
    who: &str,
    reason: Option<&str>,
) -> Result<Transition, CommandError> {
    let because = reason.map_or_else(|| format!("by {who}"), |reason| format!("by {who}: {reason}"));
    let changed = match command {
        Command::Promote | Command::PromoteFull => {
            promote(deployment, command == Command::PromoteFull, &because)
        }
        Command::Pause => pause(deployment, &because),
        Command::Resume => resume(deployment, &because),
        Command::Abort | Command::Rollback | Command::Supersede => take_back(deployment, command, &because),
        Command::Adopt => adopt(deployment, &because),
        Command::Restore => restore(deployment, &because),
        Command::AckDrift => look_again(deployment, &because),
        Command::SkipStep => skip_step(deployment, &because),
    };
    changed.map_err(|why| CommandError {
        command,
        state: deployment.state,
        why,
    })
}

/// A changed deployment, or why the command makes no sense.
type Changed = Result<Transition, &'static str>;

#[expect(clippy::unnecessary_wraps, reason = "each command ends with it")]
fn changed(next: Deployment, event: &'static str, detail: String) -> Changed {
    Ok(Transition { next, event, detail })
}

fn promote(deployment: &Deployment, fully: bool, because: &str) -> Changed {
    let mut next = deployment.clone();
    match deployment.state {
        State::Baking | State::Judging | State::FinalBake => {}
        State::Paused if deployment.bake.is_some() && !is_drift(deployment) => {
            next.state = resumed(deployment);
            next.pause = None;
        }
        _ => return Err("only a step that is being watched can be left early"),
    }
    next.promoted = true;
    if fully && next.state != State::FinalBake {
        next.step = u16::try_from(next.course.steps.len())
            .unwrap_or(u16::MAX)
            .saturating_sub(2);
        next.course.max_weight = None;
    }
    changed(next, "deployment.promoted", format!("promoted {because}"))
}

fn pause(deployment: &Deployment, because: &str) -> Changed {
    let resume = deployment.state;
    let moving = !matches!(
        resume,
        State::Paused | State::RollingBack | State::RollbackBlocked | State::Pending
    );
    if resume.is_finished() || !moving {
        return Err("it is not moving forward");
    }
    let mut next = deployment.clone();
    let detail = format!("paused {because}");
    next.pause = Some(Pause {
        reason: PauseReason::Manual,
        detail: detail.clone(),
        resume,
        found: None,
    });
    next.state = State::Paused;
    changed(next, "deployment.paused", detail)
}

fn resume(deployment: &Deployment, because: &str) -> Changed {
    if deployment.state != State::Paused {
        return Err("it is not paused");
    }
    let mut next = deployment.clone();
    next.state = resumed(deployment);
    // A person has looked at what was odd, or said to go past the hold-back.
    next.promoted = deployment.pause.as_ref().is_some_and(|pause| {
        matches!(
            pause.reason,
            PauseReason::Odd | PauseReason::HoldBack | PauseReason::Inconclusive | PauseReason::Budget
        )
    });
    next.pause = None;
    changed(next, "deployment.resumed", format!("resumed {because}"))
}

/// Abort, rollback and supersede: before traffic moved they end it, afterwards they go back first.
fn take_back(deployment: &Deployment, command: Command, because: &str) -> Changed {
    let (outcome, event) = match command {
        Command::Rollback => (State::RolledBack, "deployment.rolled_back"),
        Command::Supersede => (State::Superseded, "deployment.superseded"),
        _ => (State::Aborted, "deployment.aborted"),
    };
    let detail = format!("{} {because}", outcome.as_str().replace('_', " "));
    let finished = deployment.state.is_finished();
    if !finished && !deployment.has_shifted() {
        if command == Command::Rollback {
            return Err("no traffic has moved yet; abort it");
        }
        let mut next = deployment.clone();
        next.state = outcome;
        next.pause = None;
        next.error = Some(detail.clone());
        return changed(next, event, detail);
    }
    if finished && !(deployment.state == State::Succeeded && command == Command::Rollback) {
        return Err("it has ended");
    }
    if matches!(deployment.state, State::RollingBack | State::RollbackBlocked) {
        return Err("it is on its way back already");
    }
    match going_back(deployment, detail.clone(), outcome, command == Command::Rollback) {
        Some(mut next) => {
            if let Some(rollback) = &mut next.rollback {
                rollback.by_hand = true;
            }
            changed(next, "deployment.rolling_back", detail)
        }
        None => Err("there is no earlier version to go back to"),
    }
}

fn adopt(deployment: &Deployment, because: &str) -> Changed {
    if !(is_drift(deployment) || deployment.state == State::RollbackBlocked) {
        return Err("nobody else moved the alias");
    }
    let mut next = deployment.clone();
    let detail = format!("the alias was left as someone else made it {because}");
    next.state = State::Aborted;
    next.bake = None;
    next.pause = None;
    next.error = Some(detail.clone());
    changed(next, "deployment.aborted", detail)
}

fn restore(deployment: &Deployment, because: &str) -> Changed {
    let Some(found) = deployment.pause.as_ref().and_then(|pause| pause.found.clone()) else {
        return Err("nobody else moved the alias");
    };
    let mut next = deployment.clone();
    next.may_overwrite = Some(found.routing);
    next.pause = None;
    next.bake = None;
    next.state = State::Shifting;
    next.intent = deployment.intent.clone().map(|intent| Intent {
        epoch: next_epoch(deployment),
        ..intent
    });
    changed(
        next,
        "deployment.restoring",
        format!("the alias is restored {because}"),
    )
}

/// The worker reads the alias again and goes on only if it stands where it should: nothing is overwritten.
fn look_again(deployment: &Deployment, because: &str) -> Changed {
    if !is_drift(deployment) {
        return Err("nobody else moved the alias");
    }
    let mut next = deployment.clone();
    next.pause = None;
    next.bake = None;
    next.state = State::Shifting;
    let detail = format!("the alias is looked at again {because}");
    changed(next, "deployment.drift_acknowledged", detail)
}

/// Takes the next step out of the course. The step at hand still bakes and is judged; the last one can't be left out.
fn skip_step(deployment: &Deployment, because: &str) -> Changed {
    let ahead = match deployment.state {
        State::Baking | State::Judging | State::Paused => usize::from(deployment.step) + 1,
        _ => return Err("only while a step is being watched, or paused, the next one can be left out"),
    };
    let mut next = deployment.clone();
    if ahead + 1 >= next.course.steps.len() {
        return Err("what comes next is the last step: all traffic");
    }
    let skipped = next.course.steps.remove(ahead);
    let detail = format!("the step to {} % is left out {because}", skipped.weight);
    changed(next, "deployment.step_skipped", detail)
}

fn is_drift(deployment: &Deployment) -> bool {
    deployment
        .pause
        .as_ref()
        .is_some_and(|pause| pause.reason == PauseReason::Drift)
}

fn resumed(deployment: &Deployment) -> State {
    deployment
        .pause
        .as_ref()
        .map_or(State::Shifting, |pause| pause.resume)
}

#[cfg(test)]
mod tests {
    use super::super::proofs::world::deployment;
    use super::*;

    #[test]
    fn a_command_that_makes_no_sense_is_refused_with_its_reason() {
        let mut finished = deployment(&[10, 100]);
        finished.state = State::RolledBack;
        for verb in [
            Command::Promote,
            Command::Pause,
            Command::Resume,
            Command::Abort,
            Command::Rollback,
        ] {
            assert!(command(&finished, verb, "alice", None).is_err(), "{verb:?}");
        }
        let fresh = deployment(&[10, 100]);
        let refused = command(&fresh, Command::Rollback, "alice", None).unwrap_err();
        assert!(refused.to_string().contains("no traffic has moved"), "{refused}");
    }

    #[test]
    fn a_skipped_step_is_taken_out_and_the_last_one_stays() {
        let mut baking = deployment(&[10, 50, 100]);
        baking.state = State::Baking;
        let next = command(&baking, Command::SkipStep, "alice", None).unwrap().next;
        let weights: Vec<_> = next.course.steps.iter().map(|step| step.weight).collect();
        assert_eq!((weights, next.state), (vec![10, 100], State::Baking));
        assert!(command(&next, Command::SkipStep, "alice", None).is_err());
    }

    #[test]
    fn drift_is_acknowledged_by_looking_again_without_leave_to_overwrite() {
        let mut drifted = deployment(&[10, 100]);
        assert!(command(&drifted, Command::AckDrift, "alice", None).is_err());
        drifted.state = State::Paused;
        drifted.pause = Some(Pause {
            reason: PauseReason::Drift,
            detail: String::new(),
            resume: State::Baking,
            found: None,
        });
        let next = command(&drifted, Command::AckDrift, "alice", None).unwrap().next;
        assert_eq!((next.state, next.may_overwrite), (State::Shifting, None));
    }

    #[test]
    fn an_abort_before_traffic_ends_at_once_and_says_who_and_why() {
        let fresh = deployment(&[10, 100]);
        let transition = command(&fresh, Command::Abort, "alice", Some("wrong ticket")).unwrap();
        assert_eq!(transition.next.state, State::Aborted);
        assert_eq!(transition.detail, "aborted by alice: wrong ticket");
    }
}
