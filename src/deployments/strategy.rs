//! Strategies: what a person writes ([`Strategy`]), and the course it means ([`Course`]), with every default filled in.
//!
//! Everything about traffic is done with one alias and two versions (Step Functions developer guide, "State machine
//! versions and aliases"); a strategy only says which weights, for how long, and what must be seen before the next.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::judge::Analysis;

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

/// How the weight moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrategyKind {
    /// All at once.
    Direct,
    /// Tested beside the old version, then all at once; the old version stays ready.
    BlueGreen,
    /// Step by step, judged against the old version at each.
    Canary,
    /// In equal steps.
    Linear,
    /// In waves over environments.
    Rolling,
}

impl StrategyKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Direct,
        Self::BlueGreen,
        Self::Canary,
        Self::Linear,
        Self::Rolling,
    ];

    /// Reads what [`Self::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// As written in requests, answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::BlueGreen => "blue_green",
            Self::Canary => "canary",
            Self::Linear => "linear",
            Self::Rolling => "rolling",
        }
    }
}

/// One step of a canary, as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StrategyStep {
    /// The new version's share of the starts, percent, 1 to 100.
    pub weight: u8,
    /// How long to stay, seconds. Default 300; 0 for the last step, whose bake is `final_bake_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_seconds: Option<u64>,
    /// Executions of the new version that must have closed. Default 30 for bakes of a minute or longer, else 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_samples: Option<u64>,
}

/// A strategy as written. Fields that do not belong to its type are refused. A bare name stands for all defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Strategy {
    /// Which.
    #[serde(rename = "type")]
    pub kind: StrategyKind,
    /// canary: the steps. Default 10, 50, 100 percent, five minutes each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<StrategyStep>>,
    /// canary: go no further than this weight without a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_weight: Option<u8>,
    /// linear: percent per step, 1 to 99. Default 10; 25 for rolling over one environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub increment: Option<u8>,
    /// linear: seconds per step. Default 60; 300 for rolling over one environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u64>,
    /// rolling: environments, wave by wave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waves: Option<Vec<Vec<String>>>,
    /// rolling: the strategy within each environment. Default direct.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub inner: Option<Box<Strategy>>,
    /// rolling: environments moved at the same time within a wave. Default all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// rolling: what to take back when a wave fails. Default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// blue_green: an alias that leads to the new version before it gets traffic, for people to look at it. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
    /// Starts this soon after a change of weights count in no comparison: the alias is eventually consistent. Default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settling_seconds: Option<u64>,
    /// How long all traffic is watched at the end. Default 600, blue_green 1800; rolling: between waves, 900.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_bake_seconds: Option<u64>,
    /// How long a step may wait for its samples. Default six hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bake_seconds: Option<u64>,
}

/// What is taken back when one of several deployments fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Everything that was moved.
    #[default]
    RollbackAll,
    /// Only what failed.
    RollbackFailed,
    /// Nothing more than what takes itself back; the rest is not started.
    Stop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "type")]
    kind: StrategyKind,
    steps: Option<Vec<StrategyStep>>,
    max_weight: Option<u8>,
    increment: Option<u8>,
    interval_seconds: Option<u64>,
    waves: Option<Vec<Vec<String>>>,
    inner: Option<Box<Strategy>>,
    max_parallel: Option<u32>,
    on_failure: Option<OnFailure>,
    preview: Option<String>,
    settling_seconds: Option<u64>,
    final_bake_seconds: Option<u64>,
    max_bake_seconds: Option<u64>,
}

impl From<Written> for Strategy {
    fn from(written: Written) -> Self {
        let Written {
            kind,
            steps,
            max_weight,
            increment,
            interval_seconds,
            waves,
            inner,
            max_parallel,
            on_failure,
            preview,
            settling_seconds,
            final_bake_seconds,
            max_bake_seconds,
        } = written;
        Self {
            kind,
            steps,
            max_weight,
            increment,
            interval_seconds,
            waves,
            inner,
            max_parallel,
            on_failure,
            preview,
            settling_seconds,
            final_bake_seconds,
            max_bake_seconds,
        }
    }
}

impl<'de> Deserialize<'de> for Strategy {
    /// Takes a bare name too. By hand, so that an unknown field of an object is still named with its place.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Strategy;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a strategy: an object with `type`, or the type's name")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Strategy, E> {
                StrategyKind::deserialize(serde::de::value::StrDeserializer::new(name)).map(Strategy::of)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Strategy, A::Error> {
                Written::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Strategy::from)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The strategy of a request: written out, or the name of one that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum StrategyChoice {
    /// `PUT /v1/strategies/{id}` kept it.
    Named(String),
    /// Written out, or a bare type.
    Written(Box<Strategy>),
}

impl From<Strategy> for StrategyChoice {
    fn from(strategy: Strategy) -> Self {
        Self::Written(Box::new(strategy))
    }
}

impl<'de> Deserialize<'de> for StrategyChoice {
    /// A text that is no type is a name. By hand, so that an unknown field of an object is still named with its place.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = StrategyChoice;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "a strategy: an object with `type`, the type's name, or the name of one that is kept",
                )
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<StrategyChoice, E> {
                Ok(match StrategyKind::parse(name) {
                    Some(kind) => Strategy::of(kind).into(),
                    None => StrategyChoice::Named(name.to_owned()),
                })
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<StrategyChoice, A::Error> {
                Written::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(|written| Strategy::from(written).into())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A strategy that can't be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`strategy.{field}` {reason}")]
pub struct StrategyError {
    /// The field, as a path below `strategy`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

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
    /// A strategy with all defaults.
    pub fn of(kind: StrategyKind) -> Self {
        Self {
            kind,
            steps: None,
            max_weight: None,
            increment: None,
            interval_seconds: None,
            waves: None,
            inner: None,
            max_parallel: None,
            on_failure: None,
            preview: None,
            settling_seconds: None,
            final_bake_seconds: None,
            max_bake_seconds: None,
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Strategy {
        serde_json::from_str(json).unwrap()
    }

    fn course(json: &str) -> Course {
        match read(json).resolve(&Analysis::default()) {
            Ok(Resolved::Course(course)) => course,
            other => panic!("{other:?}"),
        }
    }

    fn weights(course: &Course) -> Vec<u8> {
        course.steps.iter().map(|step| step.weight).collect()
    }

    #[test]
    fn the_contracts_canary_is_read_as_written() {
        let course = course(
            r#"{"type": "canary", "settling_seconds": 30, "final_bake_seconds": 600, "max_bake_seconds": 21600,
                "steps": [{"weight": 10, "bake_seconds": 300, "min_samples": 30}, {"weight": 50, "bake_seconds": 300},
                          {"weight": 100}]}"#,
        );
        assert_eq!(weights(&course), [10, 50, 100]);
        assert_eq!(
            course
                .steps
                .iter()
                .map(|step| step.min_samples)
                .collect::<Vec<_>>(),
            [30, 30, 0]
        );
        assert_eq!(
            course
                .steps
                .iter()
                .map(|step| step.evidence_of_health)
                .collect::<Vec<_>>(),
            [false, true, false]
        );
    }

    #[test]
    fn a_bare_name_means_its_defaults() {
        assert_eq!(weights(&course(r#""canary""#)), [10, 50, 100]);
        assert_eq!(weights(&course(r#""direct""#)), [100]);
        assert_eq!(course(r#""blue_green""#).final_bake_seconds, 1_800);
        assert_eq!(weights(&course(r#""rolling""#)), [25, 50, 75, 100]);
    }

    #[test]
    fn a_rehearsal_with_zero_durations_asks_for_nothing() {
        let course = course(
            r#"{"type": "canary", "settling_seconds": 0, "final_bake_seconds": 0,
                "steps": [{"weight": 50, "bake_seconds": 0}, {"weight": 100}]}"#,
        );
        assert!(
            course
                .steps
                .iter()
                .all(|step| step.min_samples == 0 && !step.evidence_of_health)
        );
    }

    #[test]
    fn linear_steps_ascend_to_all_of_it() {
        assert_eq!(
            weights(&course(r#"{"type": "linear", "increment": 30}"#)),
            [30, 60, 90, 100]
        );
        assert_eq!(
            weights(&course(r#"{"type": "linear", "increment": 99}"#)),
            [99, 100]
        );
        assert_eq!(
            weights(&course(r#"{"type": "linear", "increment": 1}"#)).len(),
            100
        );
    }

    #[test]
    fn steps_that_stop_short_end_at_all_of_it() {
        assert_eq!(
            weights(&course(r#"{"type": "canary", "steps": [{"weight": 5}]}"#)),
            [5, 100]
        );
    }

    #[test]
    fn what_can_not_be_followed_is_said_with_its_place() {
        for (json, field) in [
            (
                r#"{"type": "canary", "steps": [{"weight": 50}, {"weight": 10}]}"#,
                "steps[1].weight",
            ),
            (
                r#"{"type": "canary", "steps": [{"weight": 0}]}"#,
                "steps[0].weight",
            ),
            (r#"{"type": "direct", "increment": 10}"#, "increment"),
            (r#"{"type": "linear", "increment": 100}"#, "increment"),
            (r#"{"type": "rolling", "waves": [["a"], ["a"]]}"#, "waves"),
            (
                r#"{"type": "rolling", "waves": [["a"]], "inner": {"type": "canary", "steps": []}}"#,
                "inner.steps",
            ),
            (
                r#"{"type": "canary", "final_bake_seconds": 99999999}"#,
                "final_bake_seconds",
            ),
        ] {
            let errors = read(json).resolve(&Analysis::default()).unwrap_err();
            assert_eq!(errors[0].field, field, "{json}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let refused = serde_json::from_str::<Strategy>(r#"{"type": "canary", "weights": [1]}"#).unwrap_err();
        assert!(refused.to_string().contains("`weights`"), "{refused}");
    }
}
