//! [`next_step`]: one function per state.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::judge::{Finding, FindingKind, OnInsufficientData, Verdict};
use super::super::model::{
    AliasSeen, Bake, Deployment, Intent, Mark, Pause, PauseReason, Rollback, RollbackStage, Routing, State,
};
use super::{AliasState, Converge, GateState, Observed, Remainder, Step, TestsState, Transition};
use crate::config::Closed;

/// How soon to look at people, tests and executions again when nothing else says so.
const LOOK: TimeDelta = TimeDelta::milliseconds(250);

/// How soon to try a blocked rollback again.
const BLOCKED: TimeDelta = TimeDelta::seconds(10);

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
struct At<'a> {
    deployment: &'a Deployment,
    observed: &'a Observed,
    verdict: &'a Verdict,
    policy: OnInsufficientData,
    now: DateTime<Utc>,
}

/// The alias compared with what we want and what we left.
enum Place<'a> {
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
    // ── before traffic moves ──

    fn validating(&self) -> Step {
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

    fn publishing(&self) -> Step {
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

    fn testing(&self) -> Step {
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

    fn after_tests(&self, detail: &str) -> Step {
        if self.deployment.has_gate {
            return self.enter(State::Gate, "deployment.gate_opened", detail);
        }
        self.shift_to(self.deployment.step, detail)
    }

    fn gate(&self) -> Step {
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

    // ── moving traffic ──

    /// Writes where the alias is to stand for `step`.
    fn shift_to(&self, step: u16, detail: &str) -> Step {
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

    fn shifting(&self) -> Step {
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

    fn shifted(&self, intent: &Intent) -> Step {
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

    fn baking(&self) -> Step {
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

    fn judging(&self) -> Step {
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

    fn next_weight(&self, detail: &str) -> Step {
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

    fn final_bake(&self) -> Step {
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
    fn wait_for_opening(&self, closed: &Closed) -> Step {
        let until = closed.until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let detail = format!("{}: it goes on by itself at {until}", closed.reason);
        self.pause(PauseReason::Freeze, detail, None)
    }

    fn paused(&self) -> Step {
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
    fn interrupted(&self) -> Option<Step> {
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

    fn harm(&self, finding: &Finding) -> Step {
        if self.can_go_back() {
            return self.roll_back(finding.detail.clone(), State::RolledBack, true);
        }
        self.pause(PauseReason::NoWayBack, finding.detail.clone(), None)
    }

    fn can_go_back(&self) -> bool {
        self.deployment.rollback_enabled && self.deployment.from_version.is_some()
    }

    // ── going back ──

    fn roll_back(&self, reason: String, outcome: State, quarantine: bool) -> Step {
        match going_back(self.deployment, reason.clone(), outcome, quarantine) {
            Some(next) => moved(next, State::RollingBack, "deployment.rolling_back", &reason),
            None => self.pause(PauseReason::NoWayBack, reason, None),
        }
    }

    fn rolling_back(&self) -> Step {
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

    fn stage(&self, stage: RollbackStage, stands: Option<&Intent>, detail: &str) -> Step {
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

    fn blocked(&self, seen: Option<&AliasSeen>) -> Step {
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

    // ── parts ──

    fn place(&self, intent: &Intent) -> Place<'_> {
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
    fn was_ours(&self, mark: Mark, routing: &Routing) -> bool {
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

    fn converge(&self, intent: &Intent) -> Step {
        let mark = self.deployment.mark(intent.epoch);
        Step::Converge(Converge::Alias {
            to: intent.to.clone(),
            mark,
        })
    }

    fn drift(&self, seen: Option<&AliasSeen>) -> Step {
        let detail = format!(
            "someone else moved the alias ({}): it is not overwritten",
            found(seen)
        );
        self.pause(PauseReason::Drift, detail, seen.cloned())
    }

    fn pause(&self, reason: PauseReason, detail: String, found: Option<AliasSeen>) -> Step {
        let mut next = self.deployment.clone();
        next.pause = Some(Pause {
            reason,
            detail: detail.clone(),
            resume: self.deployment.state,
            found,
        });
        moved(next, State::Paused, "deployment.paused", &detail)
    }

    fn fail(&self, why: String) -> Step {
        let mut next = self.deployment.clone();
        next.error = Some(why.clone());
        finish(next, State::Failed, "deployment.failed", &why)
    }

    fn enter(&self, state: State, event: &'static str, detail: &str) -> Step {
        moved(self.deployment.clone(), state, event, detail)
    }

    fn look(&self) -> Step {
        Step::Wait {
            until: self.now + LOOK,
        }
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

fn moved(mut next: Deployment, state: State, event: &'static str, detail: &str) -> Step {
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

fn found(seen: Option<&AliasSeen>) -> String {
    seen.map_or_else(
        || "it is gone or unreadable".to_owned(),
        |seen| show(&seen.routing),
    )
}
