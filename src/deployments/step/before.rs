//! Before traffic moves: look at the alias, publish, test, ask people.

use super::super::model::{AliasSeen, Routing, State};
use super::decide::{At, finish, moved, show};
use super::{AliasState, Converge, GateState, Remainder, Step, TestsState};

impl At<'_> {
    pub(super) fn validating(&self) -> Step {
        let (standing, from) = match &self.observed.alias {
            AliasState::NotAsked => return self.look(),
            AliasState::Absent => (None, None),
            AliasState::Stands(AliasSeen {
                routing: Routing::Single { version },
                ..
            }) => (Some(Routing::single(version.clone())), Some(version.clone())),
            AliasState::Stands(AliasSeen { routing, .. }) => {
                return self.fail(format!(
                    "the alias already splits traffic ({}): finish that first",
                    show(routing)
                ));
            }
            AliasState::Unreadable => {
                return self.fail("the alias has a routing that can't be read".to_owned());
            }
        };
        let mut next = self.deployment.clone();
        next.standing = standing;
        next.from_version = from;
        moved(
            next,
            State::Publishing,
            "deployment.validated",
            "the alias was read",
        )
    }

    pub(super) fn publishing(&self) -> Step {
        let Some(version) = &self.observed.published else {
            return Step::Converge(Converge::Publish);
        };
        let mut next = self.deployment.clone();
        next.to_version = Some(version.clone());
        if next.from_version.as_ref() == Some(version) {
            return finish(
                next,
                State::Succeeded,
                "deployment.succeeded",
                "this version serves all traffic already",
            );
        }
        let detail = format!("published as {version}");
        if next.from_version.is_none() {
            // Nothing to split with: the alias is created with the new version alone.
            next.step = u16::try_from(next.course.steps.len().saturating_sub(1)).unwrap_or(u16::MAX);
        }
        moved(next, State::Testing, "deployment.published", &detail)
    }

    pub(super) fn testing(&self) -> Step {
        if self.deployment.course.preview.is_some() && self.observed.preview == Remainder::Left {
            return Step::Converge(Converge::Preview);
        }
        if !self.deployment.has_tests {
            return self.after_tests("there are no tests");
        }
        match &self.observed.tests {
            TestsState::Unfinished => Step::Converge(Converge::Tests),
            TestsState::Passed => self.after_tests("all tests passed"),
            TestsState::Failed(which) => self.fail(which.clone()),
        }
    }

    pub(super) fn after_tests(&self, detail: &str) -> Step {
        if self.deployment.has_gate {
            return self.enter(State::Gate, "deployment.gate_opened", detail);
        }
        self.shift_to(self.deployment.step, detail)
    }

    pub(super) fn gate(&self) -> Step {
        let before_all = self.deployment.has_shifted();
        if let Some(step) = self.interrupted() {
            return step;
        }
        let moved = match &self.observed.alias {
            AliasState::Stands(seen) => Some(&seen.routing) != self.deployment.standing.as_ref(),
            AliasState::NotAsked | AliasState::Absent | AliasState::Unreadable => false,
        };
        if moved && !before_all {
            // What people were asked about is no longer what would happen: begin again, and ask again.
            return self.enter(
                State::Validating,
                "deployment.replanned",
                "the alias was moved meanwhile",
            );
        }
        match &self.observed.gate {
            GateState::Waiting => self.look(),
            GateState::Approved if before_all => {
                self.shift_to(self.deployment.step.saturating_add(1), "approved")
            }
            GateState::Approved => self.shift_to(self.deployment.step, "approved"),
            GateState::Refused(why) if before_all => self.roll_back(why.clone(), State::RolledBack, false),
            GateState::Refused(why) => self.fail(why.clone()),
        }
    }
}
