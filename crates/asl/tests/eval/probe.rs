//! One state on its own.

use std::sync::Arc;

use asl::eval::probe::{Mock, Probed, Setup, Verdict, go_on, probe};
use asl::eval::{Command, Env, Event, Failure, MachineKind, TaskId};
use asl::json::{Json, Payload, read};
use asl::limits::Limits;
use asl::machine::Machine;

use crate::harness::{LAMBDA, START_MS, build, facts};

fn setup(input: &str) -> Setup {
    Setup {
        facts: facts(input, MachineKind::Express),
        has_role: true,
        shown_name: "StateName".into(),
        context: None,
        variables: Vec::new(),
        mock: None,
        retry_count: 0,
        failed_iterations: None,
        reader_data: None,
    }
}

fn with_env<T>(step: impl FnOnce(&mut Env<'_>) -> T) -> T {
    let id = || -> Arc<str> { "id".into() };
    step(&mut Env {
        now_ms: START_MS,
        random: &mut || 7,
        new_token: &mut id.clone(),
        new_uuid: &mut id.clone(),
        has_activity: &|_| true,
        limits: &Limits::AWS,
    })
}

fn begin(machine: &Machine, name: &str, setup: Setup) -> Probed {
    let state = machine.testable(name).unwrap();
    with_env(|env| probe(machine, state, setup, env))
}

fn machine_of(state: &str) -> Machine {
    build(&format!(
        r#"{{"StartAt":"S","States":{{"S":{state},"N":{{"Type":"Succeed"}}}}}}"#
    ))
}

fn output(probed: &Probed) -> &str {
    match probed.verdict() {
        Some(Verdict::Succeeded { output, .. } | Verdict::Caught { output, .. }) => output.text(),
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_task_without_a_mock_asks_for_its_call_and_goes_on_with_the_answer() {
    let machine = machine_of(&format!(
        r#"{{"Type":"Task","Resource":"{LAMBDA}","TimeoutSeconds":5,"ResultPath":"$.r","Next":"N"}}"#
    ));
    let probed = begin(&machine, "S", setup(r#"{"a": 1}"#));
    assert!(probed.verdict().is_none());
    let call = probed.commands.iter().find_map(|command| match command {
        Command::Schedule(call) => Some(call.id),
        _ => None,
    });
    assert_eq!(call, Some(TaskId(1)));
    let timer = probed.commands.iter().find_map(|command| match command {
        Command::StartTimer { id, due_ms } => Some((*id, *due_ms)),
        _ => None,
    });
    let (timer, due_ms) = timer.unwrap();
    assert_eq!(due_ms, START_MS + 5_000);
    let answered = Event::TaskSucceeded {
        id: TaskId(1),
        output: Payload::from_text("[1, 2]").unwrap(),
    };
    let done = with_env(|env| go_on(&machine, probed.clone(), answered, env));
    assert_eq!(output(&done), r#"{"a":1,"r":[1,2]}"#);
    let late = with_env(|env| go_on(&machine, probed, Event::TimerFired { id: timer }, env));
    let Some(Verdict::Failed(failure)) = late.verdict() else {
        panic!("{:?}", late.verdict());
    };
    assert_eq!(failure.error.as_deref(), Some("States.Timeout"));
}

#[test]
fn the_context_object_can_be_given_whole() {
    let machine = machine_of(r#"{"Type":"Pass","Parameters":{"seen.$":"$$"},"End":true}"#);
    let given = Setup {
        context: Some(read::read(r#"{"State":{"Name":"Mine"}}"#).unwrap()),
        ..setup("{}")
    };
    assert_eq!(
        output(&begin(&machine, "S", given)),
        r#"{"seen":{"State":{"Name":"Mine"}}}"#
    );
    let made = Setup {
        has_role: false,
        ..setup("{}")
    };
    let probed = begin(&machine, "S", made);
    let seen = read::read(output(&probed)).unwrap();
    let context = seen.get("seen").unwrap();
    let name = context.get("State").and_then(|state| state.get("Name"));
    assert_eq!(name.and_then(Json::as_str), Some("StateName"));
    let role = context
        .get("Execution")
        .and_then(|execution| execution.get("RoleArn"));
    assert_eq!(role, Some(&Json::Null));
}

#[test]
fn a_mocked_error_is_told_apart_by_its_name() {
    let machine = machine_of(&format!(
        r#"{{"Type":"Task","Resource":"{LAMBDA}","Catch":[{{"ErrorEquals":["States.TaskFailed"],"Next":"N"}}],"End":true}}"#
    ));
    let verdict = |error: &str| {
        let failure = Failure {
            error: Some(error.into()),
            cause: None,
        };
        let mocked = Setup {
            mock: Some(Mock::Error(failure)),
            ..setup("{}")
        };
        begin(&machine, "S", mocked).verdict().cloned()
    };
    assert!(matches!(verdict("Mine"), Some(Verdict::Caught { .. })));
    assert!(matches!(verdict("States.Timeout"), Some(Verdict::Failed(_))));
    assert!(matches!(verdict("States.Runtime"), Some(Verdict::Failed(_))));
}

#[test]
fn what_fails_in_a_state_is_told_without_a_place_in_a_history() {
    let machine = machine_of(r#"{"Type":"Pass","InputPath":"$.no","End":true}"#);
    let probed = begin(&machine, "S", setup("{}"));
    let Some(Verdict::Failed(failure)) = probed.verdict() else {
        panic!("{:?}", probed.verdict());
    };
    assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
    assert_eq!(
        failure.cause.as_deref(),
        Some("Invalid path '$.no' : No results for path: $['no']")
    );
}

#[test]
fn items_are_shown_as_they_were_written() {
    let machine = machine_of(
        r#"{"Type":"Map","ItemsPath":"$.i","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}"#,
    );
    let mocked = Setup {
        mock: Some(Mock::Result(Payload::from_text("[]").unwrap())),
        ..setup(r#"{"o": [1], "i": [1, "a"]}"#)
    };
    let probed = begin(&machine, "S", mocked);
    let items = probed.inspection().after_items_path.clone().unwrap();
    assert_eq!(&**items.text(), r#"[1, "a"]"#);
}
