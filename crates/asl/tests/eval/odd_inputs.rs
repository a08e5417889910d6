//! Whatever comes in, a step neither panics nor loops.

use std::sync::Arc;

use asl::eval::{Event, FailureKind, TaskId, TimerId};
use asl::intrinsics::Call;
use asl::json::{Payload, read, spanned};
use asl::jsonata::Expression;
use asl::paths::{Path, Query, ReferencePath};
use proptest::prelude::*;

use crate::harness::{ACTIVITY, Answer, Driver, LAMBDA};

/// One of each state, some of them inside of others.
fn everything() -> String {
    format!(
        r#"{{"StartAt":"Begin","TimeoutSeconds":1000,"States":{{
        "Begin":{{"Type":"Pass","Assign":{{"v.$":"$"}},"Next":"Par"}},
        "Par":{{"Type":"Parallel","Next":"Map","Retry":[{{"ErrorEquals":["States.ALL"],"MaxAttempts":1}}],"Catch":[{{"ErrorEquals":["States.ALL"],"ResultPath":"$.e","Next":"Map"}}],"Branches":[
            {{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{LAMBDA}","TimeoutSeconds":9,"Retry":[{{"ErrorEquals":["A"]}}],"End":true}}}}}},
            {{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":3,"Next":"X"}},"X":{{"Type":"Task","Resource":"{ACTIVITY}","HeartbeatSeconds":5,"End":true}}}}}}]}},
        "Map":{{"Type":"Map","ItemsPath":"$[0:3]","MaxConcurrency":2,"Catch":[{{"ErrorEquals":["States.ALL"],"Next":"End"}}],"Next":"End","ItemProcessor":{{"StartAt":"I","States":{{
            "I":{{"Type":"Choice","Choices":[{{"Variable":"$","IsNumeric":true,"Next":"J"}}],"Default":"K"}},
            "J":{{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{{"t.$":"$$.Task.Token"}},"End":true}},
            "K":{{"Type":"Pass","QueryLanguage":"JSONata","Output":"{{% $states.input.x %}}","End":true}}}}}}}},
        "End":{{"Type":"Succeed"}}}}}}"#
    )
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_filter_map("finite", |value| serde_json::Number::from_f64(value)
            .map(|n| n.to_string())),
        ".{0,8}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(("[a-ex]{1,2}", inner), 0..4).prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| format!("{key:?}:{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn event() -> impl Strategy<Value = Event> {
    let id = 0_u64..24;
    prop_oneof![
        id.clone().prop_map(|id| Event::TaskStarted { id: TaskId(id) }),
        (id.clone(), json()).prop_map(|(id, output)| Event::TaskSucceeded {
            id: TaskId(id),
            output: Payload::from_text(output).unwrap()
        }),
        (id.clone(), json()).prop_map(|(id, output)| Event::TaskSubmitted {
            id: TaskId(id),
            output: Payload::from_text(output).unwrap()
        }),
        (id.clone(), "[AB]?", 0..5).prop_map(|(id, error, kind)| Event::TaskFailed {
            id: TaskId(id),
            error: (!error.is_empty()).then(|| Arc::from(error)),
            cause: None,
            kind: match kind {
                0 => FailureKind::Failed,
                1 => FailureKind::ScheduleFailed,
                2 => FailureKind::StartFailed,
                3 => FailureKind::SubmitFailed,
                _ => FailureKind::TimedOut,
            },
        }),
        id.clone().prop_map(|id| Event::Heartbeat { id: TaskId(id) }),
        id.clone().prop_map(|id| Event::TimerFired { id: TimerId(id) }),
        id.prop_map(|id| Event::ActivityStarted {
            id: TaskId(id),
            worker: None
        }),
        Just(Event::Stopped {
            error: None,
            cause: None
        }),
        Just(Event::Redriven),
        Just(Event::Continue),
    ]
}

proptest! {
    #[test]
    fn any_events_in_any_order_are_survived(input in json(), events in prop::collection::vec(event(), 0..40)) {
        let definition = everything();
        let silent = vec![Answer::Silence; 64];
        let mut driver = Driver::new(&definition, &silent);
        driver.forgiving = true;
        driver.start(&input);
        for event in events {
            driver.now_ms += 700;
            driver.step(event);
        }
        let ids: Vec<u64> = driver.history.iter().map(|event| event.id).collect();
        let wanted: Vec<u64> = (1..=driver.history.len() as u64).collect();
        prop_assert_eq!(ids, wanted);
    }

    #[test]
    fn any_input_and_answers_come_to_an_end(input in json()) {
        let mut driver = Driver::new(&everything(), &[Answer::Error("A", ""), Answer::Echo, Answer::Silence]);
        driver.start(&input);
        driver.run();
        prop_assert!(driver.outcome.is_some());
    }

    #[test]
    fn parsers_refuse_without_panicking(text in ".{0,40}") {
        let _ = Path::parse(&text);
        let _ = Path::parse(&format!("$.{text}"));
        let _ = Path::parse(&format!("$[?(@.{text})]"));
        let _ = Query::parse(&format!("${text}"));
        let _ = ReferencePath::parse(&format!("$.{text}"));
        let _ = Call::parse(&format!("States.Array({text})"));
        let _ = Expression::parse(&text);
        let _ = read::read(&text);
        let _ = read::validate(&text);
    }

    #[test]
    fn reading_and_validating_agree(text in r#"[\[\]{}",:0-9a-e.\\ntrufals-]{0,24}"#) {
        prop_assert_eq!(read::read(&text).map(|_| ()), read::validate(&text));
    }

    #[test]
    fn what_is_printed_reads_back_the_same(text in json()) {
        let value = read::read(&text).unwrap();
        let printed = value.to_string();
        prop_assert_eq!(read::read(&printed).unwrap(), value);
    }

    #[test]
    fn broken_definitions_are_refused_without_panicking(at in 0_usize..1_600, with in r#"["{}\[\],:a$0]"#) {
        let mut definition = everything();
        let at = at.min(definition.len() - 1);
        definition.replace_range(at..=at, &with);
        if let Ok(node) = spanned::parse(&definition) {
            let _ = asl::machine::build(&node);
        }
    }
}
