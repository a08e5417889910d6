//! The course that a strategy means, with every default filled in, or what can't be followed about it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::judge::Analysis;
use super::{OnFailure, Strategy, StrategyError, StrategyKind, StrategyStep};

/// A bake shorter than this is a rehearsal: it asks for no samples and no evidence of health unless told to.
const REHEARSAL_SECONDS: u64 = 60;

/// Canary executions that must close in a step unless it says otherwise.
const MIN_SAMPLES: u64 = 30;

/// From this weight on a step is to show that the new version is healthy, not only that it is not known to be worse.
const HEALTH_FROM_WEIGHT: u8 = 50;

/// Longest duration a strategy may name, seconds: thirty days.
const SECONDS_MAX: u64 = 30 * 24 * 3600;

/// Most steps of a course: one per percent.
const STEPS_MAX: usize = 100;

/// One step of a course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CourseStep {
    /// The new version's share, percent, 1 to 100.
    pub weight: u8,
    /// How long at least, seconds.
    pub bake_seconds: u64,
    /// Closed executions of the new version, at least.
    pub min_samples: u64,
    /// Whether the new version must be shown to be healthy.
    pub evidence_of_health: bool,
}

/// What will be done, with every default filled in. The last step's weight is 100.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Course {
    /// The strategy it came from.
    pub kind: StrategyKind,
    /// The steps; weights ascend to 100.
    pub steps: Vec<CourseStep>,
    /// See [`Strategy::settling_seconds`].
    pub settling_seconds: u64,
    /// See [`Strategy::final_bake_seconds`].
    pub final_bake_seconds: u64,
    /// See [`Strategy::max_bake_seconds`].
    pub max_bake_seconds: u64,
    /// See [`Strategy::max_weight`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_weight: Option<u8>,
    /// See [`Strategy::preview`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub preview: Option<String>,
}

/// Waves over environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waves {
    /// Environments, wave by wave; none twice.
    pub waves: Vec<Vec<String>>,
    /// The strategy within each.
    pub inner: Strategy,
    /// At the same time within a wave.
    pub max_parallel: u32,
    /// When one fails.
    pub on_failure: OnFailure,
    /// Between waves and after the last, seconds.
    pub bake_seconds: u64,
}

/// What a strategy means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// One alias moves.
    Course(Course),
    /// Deployments over several environments.
    Waves(Waves),
}

impl Strategy {
    /// Fills in every default, or says what can't be followed.
    pub fn resolve(&self, analysis: &Analysis) -> Result<Resolved, Vec<StrategyError>> {
        let mut errors = self.foreign_fields();
        for (field, value) in [
            ("settling_seconds", self.settling_seconds),
            ("final_bake_seconds", self.final_bake_seconds),
            ("max_bake_seconds", self.max_bake_seconds),
            ("interval_seconds", self.interval_seconds),
        ] {
            if value.is_some_and(|seconds| seconds > SECONDS_MAX) {
                errors.push(error(field, format!("is more than {SECONDS_MAX}")));
            }
        }
        if self
            .preview
            .as_deref()
            .is_some_and(|name| !crate::config::is_alias(name))
        {
            errors.push(error(
                "preview",
                "has 1 to 80 letters, digits, `-`, `_` and `.`, and is no number",
            ));
        }
        if self.kind == StrategyKind::Rolling && self.waves.is_some() {
            let waves = self.waves(&mut errors, analysis);
            return if errors.is_empty() {
                Ok(Resolved::Waves(waves))
            } else {
                Err(errors)
            };
        }
        let steps = match self.kind {
            StrategyKind::Direct | StrategyKind::BlueGreen => vec![last_step(0)],
            StrategyKind::Canary => self.canary(&mut errors, analysis),
            StrategyKind::Linear => self.linear(&mut errors, analysis, 10, 60),
            StrategyKind::Rolling => self.linear(&mut errors, analysis, 25, 300),
        };
        if !errors.is_empty() {
            return Err(errors);
        }
        let final_bake = if self.kind == StrategyKind::BlueGreen {
            1_800
        } else {
            600
        };
        Ok(Resolved::Course(Course {
            kind: self.kind,
            steps,
            settling_seconds: self.settling_seconds.unwrap_or(30),
            final_bake_seconds: self.final_bake_seconds.unwrap_or(final_bake),
            max_bake_seconds: self.max_bake_seconds.unwrap_or(6 * 3600),
            max_weight: self.max_weight,
            preview: self.preview.clone(),
        }))
    }

    /// Fields that are given but mean nothing for this type: better refused than ignored.
    fn foreign_fields(&self) -> Vec<StrategyError> {
        use StrategyKind::{BlueGreen, Canary, Linear, Rolling};
        let given: [(&str, bool, &[StrategyKind]); 9] = [
            ("preview", self.preview.is_some(), &[BlueGreen]),
            ("steps", self.steps.is_some(), &[Canary]),
            ("max_weight", self.max_weight.is_some(), &[Canary, Linear]),
            ("increment", self.increment.is_some(), &[Linear, Rolling]),
            (
                "interval_seconds",
                self.interval_seconds.is_some(),
                &[Linear, Rolling],
            ),
            ("waves", self.waves.is_some(), &[Rolling]),
            ("inner", self.inner.is_some(), &[Rolling]),
            ("max_parallel", self.max_parallel.is_some(), &[Rolling]),
            ("on_failure", self.on_failure.is_some(), &[Rolling]),
        ];
        given
            .into_iter()
            .filter(|(_, given, kinds)| *given && !kinds.contains(&self.kind))
            .map(|(field, ..)| error(field, format!("means nothing for `{}`", self.kind.as_str())))
            .collect()
    }

    fn canary(&self, errors: &mut Vec<StrategyError>, analysis: &Analysis) -> Vec<CourseStep> {
        let default = [10, 50, 100].map(|weight| StrategyStep {
            weight,
            bake_seconds: None,
            min_samples: None,
        });
        let written = self.steps.as_deref().unwrap_or(&default);
        if written.is_empty() || written.len() > STEPS_MAX {
            errors.push(error("steps", format!("needs 1 to {STEPS_MAX} steps")));
        }
        let mut before = 0;
        let mut steps = Vec::with_capacity(written.len() + 1);
        for (number, step) in written.iter().enumerate() {
            if step.weight <= before || step.weight > 100 {
                let reason = format!("is {}: weights ascend from 1 to 100, percent", step.weight);
                errors.push(error(format!("steps[{number}].weight"), reason));
            }
            if step.bake_seconds.is_some_and(|seconds| seconds > SECONDS_MAX) {
                errors.push(error(
                    format!("steps[{number}].bake_seconds"),
                    format!("is more than {SECONDS_MAX}"),
                ));
            }
            before = step.weight;
            let bake_seconds = step
                .bake_seconds
                .unwrap_or(if step.weight == 100 { 0 } else { 300 });
            let samples = if bake_seconds >= REHEARSAL_SECONDS {
                MIN_SAMPLES
            } else {
                0
            };
            steps.push(CourseStep {
                weight: step.weight,
                bake_seconds,
                min_samples: step.min_samples.unwrap_or(samples),
                evidence_of_health: analysis
                    .require_evidence_of_health
                    .unwrap_or(bake_seconds >= REHEARSAL_SECONDS && step.weight < 100)
                    && step.weight >= HEALTH_FROM_WEIGHT,
            });
        }
        if before < 100 {
            steps.push(last_step(0));
        }
        self.check_max_weight(errors);
        steps
    }

    fn linear(
        &self,
        errors: &mut Vec<StrategyError>,
        analysis: &Analysis,
        increment: u8,
        interval: u64,
    ) -> Vec<CourseStep> {
        let increment = self.increment.unwrap_or(increment);
        let bake_seconds = self.interval_seconds.unwrap_or(interval);
        if !(1..=99).contains(&increment) {
            errors.push(error("increment", "is not within 1 to 99, percent"));
            return Vec::new();
        }
        self.check_max_weight(errors);
        (1..100)
            .map_while(|step: u8| step.checked_mul(increment).filter(|weight| *weight < 100))
            .map(|weight| CourseStep {
                weight,
                bake_seconds,
                min_samples: 0,
                evidence_of_health: analysis.require_evidence_of_health == Some(true)
                    && weight >= HEALTH_FROM_WEIGHT,
            })
            .chain([last_step(0)])
            .collect()
    }

    fn check_max_weight(&self, errors: &mut Vec<StrategyError>) {
        if self.max_weight.is_some_and(|weight| !(1..=100).contains(&weight)) {
            errors.push(error("max_weight", "is not within 1 to 100, percent"));
        }
    }

    fn waves(&self, errors: &mut Vec<StrategyError>, analysis: &Analysis) -> Waves {
        let waves = self.waves.clone().unwrap_or_default();
        let mut seen = std::collections::BTreeSet::new();
        if waves.is_empty() || waves.iter().any(Vec::is_empty) {
            errors.push(error(
                "waves",
                "needs at least one wave, and each at least one environment",
            ));
        }
        for name in waves.iter().flatten() {
            if !seen.insert(name) {
                errors.push(error("waves", format!("has `{name}` twice")));
            }
        }
        let inner = self
            .inner
            .as_deref()
            .cloned()
            .unwrap_or_else(|| Self::of(StrategyKind::Direct));
        match inner.resolve(analysis) {
            Ok(Resolved::Course(_)) => {}
            Ok(Resolved::Waves(_)) => errors.push(error("inner", "can't itself go in waves")),
            Err(inner) => errors.extend(
                inner
                    .into_iter()
                    .map(|fault| error(format!("inner.{}", fault.field), fault.reason)),
            ),
        }
        if self.max_parallel == Some(0) {
            errors.push(error("max_parallel", "must be at least 1"));
        }
        Waves {
            waves,
            inner,
            max_parallel: self.max_parallel.unwrap_or(u32::MAX),
            on_failure: self.on_failure.unwrap_or_default(),
            bake_seconds: self.final_bake_seconds.unwrap_or(900),
        }
    }
}

fn last_step(bake_seconds: u64) -> CourseStep {
    CourseStep {
        weight: 100,
        bake_seconds,
        min_samples: 0,
        evidence_of_health: false,
    }
}

fn error(field: impl Into<String>, reason: impl Into<String>) -> StrategyError {
    StrategyError {
        field: field.into(),
        reason: reason.into(),
    }
}
