//! The way back: the alias, the definition that unqualified starts get, the executions in flight.

use super::super::model::{
    AliasSeen, Deployment, Intent, PauseReason, Rollback, RollbackStage, Routing, State,
};
use super::decide::{At, BLOCKED, Place, finish, found, moved, next_epoch};
use super::{Converge, Remainder, Step};

impl At<'_> {
    pub(super) fn roll_back(&self, reason: String, outcome: State, quarantine: bool) -> Step {
        match going_back(self.deployment, reason.clone(), outcome, quarantine) {
            Some(next) => moved(next, State::RollingBack, "deployment.rolling_back", &reason),
            None => self.pause(PauseReason::NoWayBack, reason, None),
        }
    }

    pub(super) fn rolling_back(&self) -> Step {
        let (Some(rollback), Some(intent)) = (&self.deployment.rollback, &self.deployment.intent) else {
            return self.fail("a rollback without a way back".to_owned());
        };
        match rollback.stage {
            RollbackStage::Routing => match self.place(intent) {
                Place::Unknown => self.look(),
                Place::NotYet => self.converge(intent),
                Place::There => self.stage(
                    RollbackStage::Unqualified,
                    Some(intent),
                    "the old version serves all starts",
                ),
                // Someone else went back already: what we wanted is so.
                Place::Foreign(Some(seen)) if seen.routing.is_same(&intent.to) => self.stage(
                    RollbackStage::Unqualified,
                    Some(intent),
                    "the old version serves all starts already",
                ),
                Place::Foreign(seen) => self.blocked(seen),
            },
            RollbackStage::Unqualified => match self.observed.unqualified {
                Remainder::Left => Step::Converge(Converge::Unqualified),
                Remainder::Settled => {
                    self.stage(RollbackStage::InFlight, None, "unqualified starts are settled")
                }
            },
            RollbackStage::InFlight => match self.observed.in_flight {
                Remainder::Left => Step::Converge(Converge::InFlight),
                Remainder::Settled => {
                    let mut next = self.deployment.clone();
                    next.error = Some(rollback.reason.clone());
                    let event = match rollback.outcome {
                        State::Aborted => "deployment.aborted",
                        State::Superseded => "deployment.superseded",
                        _ => "deployment.rolled_back",
                    };
                    finish(next, rollback.outcome, event, &rollback.reason)
                }
            },
        }
    }

    pub(super) fn stage(&self, stage: RollbackStage, stands: Option<&Intent>, detail: &str) -> Step {
        let mut next = self.deployment.clone();
        if let Some(intent) = stands {
            next.standing = Some(intent.to.clone());
            next.may_overwrite = None;
        }
        if let Some(rollback) = &mut next.rollback {
            rollback.stage = stage;
        }
        moved(next, State::RollingBack, "deployment.rollback_progressed", detail)
    }

    pub(super) fn blocked(&self, seen: Option<&AliasSeen>) -> Step {
        if self.deployment.state == State::RollbackBlocked {
            return Step::Wait {
                until: self.now + BLOCKED,
            };
        }
        let detail = format!(
            "someone else moved the alias ({}): it is not overwritten",
            found(seen)
        );
        self.enter(State::RollbackBlocked, "deployment.rollback_blocked", &detail)
    }
}

/// The deployment on its way back, if there is one: the intent is the version from before.
pub(super) fn going_back(
    deployment: &Deployment,
    reason: String,
    outcome: State,
    quarantine: bool,
) -> Option<Deployment> {
    let from = deployment.from_version.clone()?;
    let mut next = deployment.clone();
    next.intent = Some(Intent {
        to: Routing::single(from),
        epoch: next_epoch(deployment),
    });
    next.rollback = Some(Rollback {
        stage: RollbackStage::Routing,
        reason,
        outcome,
        quarantine,
        by_hand: false,
    });
    next.pause = None;
    next.bake = None;
    next.promoted = false;
    next.state = State::RollingBack;
    Some(next)
}
