//! Rules: How a run goes: loops, limits, waits.

use super::Example::{ExpressStates, State, States};
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::PollLoopWithoutWait,
        title: "Who asks again waits in between",
        text: "Each round costs transitions and calls.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun", "Parameters": {"JobName": "j"}, "Next": "W"}, "W": {"Type": "Wait", "Seconds": 5, "Next": "G"}, "G": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:getJobRun", "Next": "C"}, "C": {"Type": "Choice", "Choices": [{"Variable": "$.s", "StringEquals": "DONE", "Next": "Z"}], "Default": "G"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun", "Parameters": {"JobName": "j"}, "Next": "W"}, "W": {"Type": "Wait", "Seconds": 5, "Next": "G"}, "G": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:getJobRun", "Next": "C"}, "C": {"Type": "Choice", "Choices": [{"Variable": "$.s", "StringEquals": "DONE", "Next": "Z"}], "Default": "W"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::UseSyncIntegration,
        title: "A job is waited for by .sync",
        text: "Start, wait, ask, choose is four states for what one does, and one billed transition.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun", "Parameters": {"JobName": "j"}, "Next": "W"}, "W": {"Type": "Wait", "Seconds": 5, "Next": "G"}, "G": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:getJobRun", "Next": "C"}, "C": {"Type": "Choice", "Choices": [{"Variable": "$.s", "StringEquals": "DONE", "Next": "Z"}], "Default": "W"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun.sync", "Parameters": {"JobName": "j"}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::HistoryLimitRisk,
        title: "A run fits into its history",
        text: "25,000 events; an execution that writes more fails. Use a distributed Map, or child executions for parts of the rounds.",
        wrong: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 10000, "Next": "T"}], "Default": "Z"}, "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "C"}, "Z": {"Type": "Succeed"}}"#,
        ),
        right: States(
            r#"{"C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 10, "Next": "T"}], "Default": "Z"}, "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "C"}, "Z": {"Type": "Succeed"}}"#,
        ),
    },
    Rule {
        code: Code::PayloadSizeRisk,
        title: "Branches give back what is needed",
        text: "Each that gives the whole input back makes the result larger by that much; 256 KiB fail the execution.",
        wrong: State(
            r#"{"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 1, "End": true}}}, {"StartAt": "B", "States": {"B": {"Type": "Wait", "Seconds": 1, "End": true}}}], "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 1, "End": true}}}, {"StartAt": "B", "States": {"B": {"Type": "Wait", "Seconds": 1, "End": true}}}], "ResultPath": null, "End": true}"#,
        ),
    },
    Rule {
        code: Code::NoopPass,
        title: "A Pass state does something",
        text: "Each transition is billed.",
        wrong: States(r#"{"A": {"Type": "Pass", "Next": "Z"}, "Z": {"Type": "Succeed"}}"#),
        right: States(r#"{"A": {"Type": "Pass", "Result": 1, "Next": "Z"}, "Z": {"Type": "Succeed"}}"#),
    },
    Rule {
        code: Code::WaitInPast,
        title: "A time that is waited for is still to come",
        text: "A time that has passed is not waited for.",
        wrong: State(r#"{"Type": "Wait", "Timestamp": "2001-01-01T00:00:00Z", "End": true}"#),
        right: State(r#"{"Type": "Wait", "TimestampPath": "$.due", "End": true}"#),
    },
    Rule {
        code: Code::WaitExceedsOneYear,
        title: "A wait ends before the execution does",
        text: "Executions end after a year. Start a new one from a schedule instead.",
        wrong: State(r#"{"Type": "Wait", "Seconds": 40000000, "End": true}"#),
        right: State(r#"{"Type": "Wait", "Seconds": 86400, "End": true}"#),
    },
    Rule {
        code: Code::ExpressExceedsFiveMinutes,
        title: "An Express execution takes five minutes",
        text: "Waits and timeouts beyond that are never reached.",
        wrong: ExpressStates(r#"{"S": {"Type": "Wait", "Seconds": 600, "End": true}}"#),
        right: ExpressStates(r#"{"S": {"Type": "Wait", "Seconds": 60, "End": true}}"#),
    },
];
