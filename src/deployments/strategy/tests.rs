//! What strategies mean.

use super::super::judge::Analysis;
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
