//! AWS and our records as the proofs simulate them.

use chrono::{DateTime, Utc};

use super::super::super::judge::{Finding, FindingKind, OnInsufficientData, Verdict};
use super::super::super::model::{AliasSeen, Deployment, Mark, Routing, State};
use super::super::super::strategy::{Course, CourseStep, StrategyKind};
use super::super::*;
use crate::ids::DeploymentId;

/// A course with these weights and a bake of ten seconds each.
pub(in super::super) fn deployment(weights: &[u8]) -> Deployment {
    let step = |&weight| CourseStep {
        weight,
        bake_seconds: 10,
        min_samples: 0,
        evidence_of_health: false,
    };
    Deployment {
        id: DeploymentId::generate(),
        state: State::Validating,
        course: Course {
            kind: StrategyKind::Canary,
            steps: weights.iter().map(step).collect(),
            settling_seconds: 1,
            final_bake_seconds: 10,
            max_bake_seconds: 60,
            max_weight: None,
            preview: Some("preview".into()),
        },
        has_tests: true,
        has_gate: true,
        has_full_gate: false,
        rollback_enabled: true,
        step: 0,
        from_version: None,
        to_version: None,
        standing: None,
        intent: None,
        may_overwrite: None,
        bake: None,
        promoted: false,
        pause: None,
        rollback: None,
        error: None,
    }
}

pub(super) fn harm() -> Verdict {
    Verdict::Harm(Finding {
        kind: FindingKind::Failures,
        detail: "it fails".into(),
    })
}

/// AWS, our records, and everything that was ever asked of AWS.
pub(super) struct World {
    pub(super) deployment: Deployment,
    pub(super) alias: Option<AliasSeen>,
    pub(super) published: bool,
    pub(super) tests_run: bool,
    pub(super) previewed: bool,
    pub(super) unqualified: Remainder,
    pub(super) in_flight: Remainder,
    pub(super) now: DateTime<Utc>,
    pub(super) calls: Vec<(Routing, Mark)>,
    /// What the alias was, change by change.
    pub(super) trail: Vec<Routing>,
    pub(super) finished: u32,
}

impl World {
    pub(super) fn new(deployment: Deployment) -> Self {
        let alias = AliasSeen {
            routing: Routing::single("v1"),
            mark: None,
        };
        Self {
            deployment,
            trail: vec![alias.routing.clone()],
            alias: Some(alias),
            published: false,
            tests_run: false,
            previewed: false,
            unqualified: Remainder::Left,
            in_flight: Remainder::Left,
            now: DateTime::UNIX_EPOCH,
            calls: Vec::new(),
            finished: 0,
        }
    }

    pub(super) fn observed(&self) -> Observed {
        Observed {
            alias: self.alias.clone().map_or(AliasState::Absent, AliasState::Stands),
            published: self.published.then(|| "v2".to_owned()),
            tests: if self.tests_run {
                TestsState::Passed
            } else {
                TestsState::Unfinished
            },
            gate: GateState::Approved,
            closed: None,
            preview: if self.previewed {
                Remainder::Settled
            } else {
                Remainder::Left
            },
            unqualified: self.unqualified,
            in_flight: self.in_flight,
        }
    }

    pub(super) fn set(&mut self, routing: Routing, mark: Mark) {
        if self
            .alias
            .as_ref()
            .is_none_or(|seen| !seen.routing.is_same(&routing))
        {
            self.trail.push(routing.clone());
        }
        self.alias = Some(AliasSeen {
            routing,
            mark: Some(mark),
        });
    }

    pub(super) fn decide(&self, verdict: &Verdict) -> Step {
        next_step(
            &self.deployment,
            &self.observed(),
            verdict,
            OnInsufficientData::Hold,
            self.now,
        )
    }

    pub(super) fn perform(&mut self, step: &Step) {
        match step {
            Step::Intend(transition) => self.deployment = transition.next.clone(),
            Step::Finish(transition) => {
                assert!(transition.next.state.is_finished());
                self.deployment = transition.next.clone();
                self.finished += 1;
            }
            Step::Converge(call) => match call {
                Converge::Publish => self.published = true,
                Converge::Tests => self.tests_run = true,
                Converge::Alias { to, mark } => {
                    self.calls.push((to.clone(), *mark));
                    self.set(to.clone(), *mark);
                }
                Converge::Preview => self.previewed = true,
                Converge::Unqualified => self.unqualified = Remainder::Settled,
                Converge::InFlight => self.in_flight = Remainder::Settled,
            },
            Step::Wait { until } => self.now = self.now.max(*until),
            Step::Rest => {}
        }
    }

    /// Runs to the end; `verdict` by step of the course.
    pub(super) fn run(
        &mut self,
        verdict: impl Fn(&Deployment) -> Verdict,
        mut before: impl FnMut(&mut Self, u32),
    ) {
        for turn in 0..5_000 {
            before(self, turn);
            let step = self.decide(&verdict(&self.deployment));
            if step == Step::Rest {
                return;
            }
            self.perform(&step);
        }
        panic!("it does not end: {:?}", self.deployment.state);
    }
}

pub(super) fn weights_of(trail: &[Routing]) -> Vec<u8> {
    trail.iter().map(|routing| routing.weight_of("v2")).collect()
}

pub(super) fn failing_at_half(deployment: &Deployment) -> Verdict {
    if deployment.step == 1 && deployment.is_watching() {
        harm()
    } else {
        Verdict::Pass
    }
}
