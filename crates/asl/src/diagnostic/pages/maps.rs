//! Rules: Maps.

use super::Example::State;
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A Map has one item processor and one item selector",
        text: "`ItemProcessor` (or its old name `Iterator`), and at most one of `ItemSelector` and `Parameters`.",
        wrong: State(r#"{"Type": "Map", "MaxConcurrency": 1, "End": true}"#),
        right: State(
            r#"{"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A distributed Map says what its items run as",
        text: "`ExecutionType` STANDARD or EXPRESS; an inline Map has none.",
        wrong: State(
            r#"{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "An item reader says what it reads",
        text: "`s3:getObject` or `s3:listObjectsV2`; a CSV says where its headers are.",
        wrong: State(
            r#"{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "CSV"}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A result writer says where or how it writes",
        text: "`Resource` with `Parameters`, or a `WriterConfig` with both `Transformation` and `OutputType`.",
        wrong: State(
            r#"{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "ResultWriter": {}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "ResultWriter": {"WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::DistributedOnlyField,
        title: "Fields of the distributed mode stand on a distributed Map",
        text: "AWS accepts `ItemReader`, `ItemBatcher`, `ResultWriter`, `Label` and the tolerances on an inline one, where they do nothing.",
        wrong: State(
            r#"{"Type": "Map", "Label": "l", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "Label": "l", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::DeprecatedIterator,
        title: "ItemProcessor is the name of Iterator",
        text: "The old name works; only the new one takes a `ProcessorConfig` in all tools.",
        wrong: State(
            r#"{"Type": "Map", "Iterator": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::DeprecatedMapParameters,
        title: "ItemSelector is the name of Parameters on a Map",
        text: "",
        wrong: State(
            r#"{"Type": "Map", "Parameters": {"a": 1}, "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "ItemSelector": {"a": 1}, "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::MapUnboundedConcurrency,
        title: "A Map that calls something limited has a bound",
        text: "Without `MaxConcurrency` up to 40 items (inline) or 10,000 (distributed) run at once against a function or an API that throttles.",
        wrong: State(
            r#"{"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "MaxConcurrency": 5, "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::DistributedNoToleratedFailure,
        title: "A distributed Map tolerates failures",
        text: "Without `ToleratedFailurePercentage` or `ToleratedFailureCount` one failed item fails the whole run.",
        wrong: State(
            r#"{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "ToleratedFailurePercentage": 5, "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::DistributedNoResultWriter,
        title: "A distributed Map writes its results away",
        text: "Without a `ResultWriter` they go back into the execution, and more than 256 KiB of them fail it.",
        wrong: State(
            r#"{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "results"}}, "End": true}"#,
        ),
    },
];
