//! Traffic moves: shift, bake, judge, the last bake, pauses.

use chrono::TimeDelta;

use super::super::judge::{Finding, FindingKind, OnInsufficientData, Verdict};
use super::super::model::{Bake, Intent, PauseReason, Routing, State};
use super::decide::{At, BLOCKED, LOOK, Place, finish, moved, next_epoch, show};
use super::{Converge, Remainder, Step};
use crate::config::Closed;

impl At<'_> {
    /// Writes where the alias is to stand for `step`.
    pub(super) fn shift_to(&self, step: u16, detail: &str) -> Step {
        let mut next = self.deployment.clone();
        next.step = step;
        let (Some(course), Some(to)) = (next.course_step(), next.to_version.clone()) else {
            return self.fail("the course has no such step".to_owned());
        };
        let held = next.course.max_weight.filter(|most| course.weight > *most);
        if let Some(most) = held.filter(|_| !self.deployment.promoted) {
            let detail = format!("{most} % is as far as it goes without a person");
            return self.pause(PauseReason::HoldBack, detail, None);
        }
        let routing = Routing::shifted(next.from_version.as_deref(), &to, course.weight);
        next.intent = Some(Intent {
            to: routing,
            epoch: next_epoch(self.deployment),
        });
        next.promoted = false;
        next.bake = None;
        let what = format!(
            "{detail}; {} % of the starts are to go to the new version",
            course.weight
        );
        moved(next, State::Shifting, "deployment.shifting", &what)
    }

    pub(super) fn shifting(&self) -> Step {
        let Some(intent) = &self.deployment.intent else {
            return self.shift_to(self.deployment.step, "begins");
        };
        match self.place(intent) {
            Place::Unknown => self.look(),
            Place::NotYet => match &self.observed.closed {
                Some(closed) => self.wait_for_opening(closed),
                None => self.converge(intent),
            },
            Place::Foreign(seen) => self.drift(seen),
            Place::There => self.shifted(intent),
        }
    }

    pub(super) fn shifted(&self, intent: &Intent) -> Step {
        let mut next = self.deployment.clone();
        let Some(course) = next.course_step() else {
            return self.fail("the course has no such step".to_owned());
        };
        next.standing = Some(intent.to.clone());
        next.may_overwrite = None;
        let seconds = |count: u64| TimeDelta::seconds(i64::try_from(count).unwrap_or(i64::MAX / 1_000_000));
        let settled = self.now + seconds(next.course.settling_seconds);
        let last = course.weight >= 100;
        let bake = course.bake_seconds + if last { next.course.final_bake_seconds } else { 0 };
        // A final bake without duration is over at once: nothing is compared in it that settling could spoil.
        let from = if last { self.now } else { settled };
        let until = from + seconds(bake);
        let max_until = until.max(from + seconds(next.course.max_bake_seconds));
        next.bake = Some(Bake {
            from,
            until,
            max_until,
        });
        let state = if last { State::FinalBake } else { State::Baking };
        moved(
            next,
            state,
            "deployment.shifted",
            &format!("the alias routes {}", show(&intent.to)),
        )
    }

    pub(super) fn baking(&self) -> Step {
        if let Some(step) = self.interrupted() {
            return step;
        }
        let Some(bake) = self.deployment.bake else {
            return self.shift_to(self.deployment.step, "begins again");
        };
        if self.now < bake.until && !self.deployment.promoted {
            return Step::Wait {
                until: bake.until.min(self.now + LOOK),
            };
        }
        self.enter(State::Judging, "deployment.judging", "the step's time is over")
    }

    pub(super) fn judging(&self) -> Step {
        if let Some(step) = self.interrupted() {
            return step;
        }
        let Some(bake) = self.deployment.bake else {
            return self.shift_to(self.deployment.step, "begins again");
        };
        let missing = match self.verdict {
            Verdict::Pass => return self.next_weight("nothing speaks against it"),
            Verdict::InsufficientData { missing } => missing,
            // `interrupted` dealt with these.
            Verdict::Harm(_) | Verdict::Hold(_) => return self.look(),
        };
        if self.deployment.promoted {
            return self.next_weight("promoted by hand");
        }
        if self.now < bake.max_until {
            return Step::Wait {
                until: bake.max_until.min(self.now + LOOK),
            };
        }
        match self.policy {
            OnInsufficientData::Hold => self.pause(
                PauseReason::Inconclusive,
                format!("too little was seen: {missing}"),
                None,
            ),
            OnInsufficientData::Promote => {
                self.next_weight("too little was seen, and the policy is to go on")
            }
            OnInsufficientData::Rollback => self.roll_back(
                format!("too little was seen: {missing}"),
                State::RolledBack,
                false,
            ),
            OnInsufficientData::Extend => {
                let mut next = self.deployment.clone();
                let longer = bake.max_until - bake.from;
                next.bake = Some(Bake {
                    max_until: self.now + longer,
                    ..bake
                });
                moved(
                    next,
                    State::Judging,
                    "deployment.extended",
                    &format!("too little was seen: {missing}"),
                )
            }
        }
    }

    pub(super) fn next_weight(&self, detail: &str) -> Step {
        if let Some(closed) = &self.observed.closed {
            return self.wait_for_opening(closed);
        }
        let step = self.deployment.step.saturating_add(1);
        let weight = self
            .deployment
            .course
            .steps
            .get(usize::from(step))
            .map(|step| step.weight);
        if self.deployment.has_full_gate && weight == Some(100) {
            return self.enter(State::Gate, "deployment.gate_opened", detail);
        }
        self.shift_to(step, detail)
    }

    pub(super) fn final_bake(&self) -> Step {
        if let Some(step) = self.interrupted() {
            return step;
        }
        let over = self.deployment.bake.is_none_or(|bake| self.now >= bake.until);
        if over || self.deployment.promoted {
            return match self.observed.unqualified {
                // Those that bypass the alias kept the old definition until now.
                Remainder::Left => Step::Converge(Converge::Unqualified),
                Remainder::Settled => finish(
                    self.deployment.clone(),
                    State::Succeeded,
                    "deployment.succeeded",
                    "the new version serves all traffic",
                ),
            };
        }
        let until = self.deployment.bake.map_or(self.now, |bake| bake.until);
        Step::Wait {
            until: until.min(self.now + LOOK),
        }
    }

    /// Pauses until traffic may be moved again; says when that is.
    pub(super) fn wait_for_opening(&self, closed: &Closed) -> Step {
        let until = closed.until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let detail = format!("{}: it goes on by itself at {until}", closed.reason);
        self.pause(PauseReason::Freeze, detail, None)
    }

    pub(super) fn paused(&self) -> Step {
        let paused_for = self.deployment.pause.as_ref().map(|pause| pause.reason);
        let drifted = paused_for == Some(PauseReason::Drift);
        let frozen = paused_for == Some(PauseReason::Freeze);
        if frozen && self.observed.closed.is_none() {
            let mut next = self.deployment.clone();
            let resume = next.pause.take().map_or(State::Shifting, |pause| pause.resume);
            let detail = "traffic may be moved again";
            return moved(next, resume, "deployment.resumed", detail);
        }
        // With weights unknown nothing can be judged; otherwise a paused canary is still guarded.
        if !drifted && self.deployment.standing.is_some() && self.deployment.intent.is_some() {
            if let Verdict::Harm(finding) = self.verdict
                && self.can_go_back()
            {
                return self.harm(finding);
            }
            return Step::Wait {
                until: self.now + LOOK,
            };
        }
        if frozen {
            return Step::Wait {
                until: self.now + BLOCKED,
            };
        }
        Step::Rest
    }

    /// What may end a time of watching early: drift, harm, oddities.
    pub(super) fn interrupted(&self) -> Option<Step> {
        let intent = self.deployment.intent.as_ref()?;
        match self.place(intent) {
            Place::Foreign(seen) => return Some(self.drift(seen)),
            // A late call of ours undid the step: make it again.
            Place::NotYet => return Some(self.shift_to(self.deployment.step, "an old call arrived late")),
            Place::Unknown | Place::There => {}
        }
        match self.verdict {
            Verdict::Harm(finding) => Some(self.harm(finding)),
            Verdict::Hold(finding) if !self.deployment.promoted => {
                let reason = match finding.kind {
                    FindingKind::Budget => PauseReason::Budget,
                    _ => PauseReason::Odd,
                };
                Some(self.pause(reason, finding.detail.clone(), None))
            }
            Verdict::Hold(_) | Verdict::Pass | Verdict::InsufficientData { .. } => None,
        }
    }

    pub(super) fn harm(&self, finding: &Finding) -> Step {
        if self.can_go_back() {
            return self.roll_back(finding.detail.clone(), State::RolledBack, true);
        }
        self.pause(PauseReason::NoWayBack, finding.detail.clone(), None)
    }

    pub(super) fn can_go_back(&self) -> bool {
        self.deployment.rollback_enabled && self.deployment.from_version.is_some()
    }
}
