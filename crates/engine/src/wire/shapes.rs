//! What every member of every request may hold: the input shapes of the Step Functions model, as data.
//!
//! Taken from botocore 1.44's `stepfunctions/2016-11-23/service-2.json`; `constraints` checks requests against them.
//! A new operation or member is one line here.

use super::operation::Operation;

/// A rule on texts: AWS shows `text`, `matches` decides.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: &'static str,
    pub(super) matches: fn(&str) -> bool,
}

/// What a member may hold.
#[derive(Debug)]
pub(super) enum Shape {
    /// Characters from `min` to `max`; `sensitive` texts are not shown in errors.
    Text {
        min: usize,
        max: usize,
        values: &'static [&'static str],
        pattern: Option<Pattern>,
        sensitive: bool,
    },
    /// A whole number.
    Whole { min: i64, max: i64 },
    /// A number.
    Fraction { min: f64, max: f64 },
    /// true or false.
    Flag,
    /// Elements from `min` to `max`.
    List {
        min: usize,
        max: usize,
        item: &'static Shape,
    },
    /// An object; `name` is how AWS prints it.
    Structure {
        name: &'static str,
        members: &'static [Member],
    },
}

/// One member of an object.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) shape: &'static Shape,
}

const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member {
        name,
        required: true,
        shape,
    }
}

const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member {
        name,
        required: false,
        shape,
    }
}

const fn text(min: usize, max: usize) -> Shape {
    Shape::Text {
        min,
        max,
        values: &[],
        pattern: None,
        sensitive: false,
    }
}

const fn secret(min: usize, max: usize) -> Shape {
    Shape::Text {
        min,
        max,
        values: &[],
        pattern: None,
        sensitive: true,
    }
}

/// Words for people, not shown in errors.
const fn described(max: usize) -> Shape {
    Shape::Text {
        min: 0,
        max,
        values: &[],
        pattern: Some(Pattern {
            text: r"[^\u0000]*",
            matches: has_no_nul,
        }),
        sensitive: true,
    }
}

const fn pattern(min: usize, max: usize, pattern: Pattern) -> Shape {
    Shape::Text {
        min,
        max,
        values: &[],
        pattern: Some(pattern),
        sensitive: false,
    }
}

const fn one_of(values: &'static [&'static str]) -> Shape {
    Shape::Text {
        min: 0,
        max: usize::MAX,
        values,
        pattern: None,
        sensitive: false,
    }
}

/// `^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`: not digits alone, or it would read like a version.
fn alias_name(text: &str) -> bool {
    let special = |b: u8| matches!(b, b'_' | b'-' | b'.');
    text.bytes().all(|b| b.is_ascii_alphanumeric() || special(b))
        && text.bytes().any(|b| b.is_ascii_alphabetic() || special(b))
}

/// Postgres holds no U+0000 in a text.
pub(super) fn has_no_nul(text: &str) -> bool {
    !text.contains('\0')
}

/// `[!-~]+`: printable ASCII without the blank.
fn client_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (b'!'..=b'~').contains(&b))
}

const NAME: Shape = text(1, 80);
const TAG_KEY: Shape = text(1, 128);
const TAG_VALUE: Shape = text(0, 256);
const TAG: Shape = Shape::Structure {
    name: "Tag",
    // The model lets a key be absent, but then there is nothing to find the tag by.
    members: &[required("key", &TAG_KEY), optional("value", &TAG_VALUE)],
};
const TAG_LIST: Shape = Shape::List {
    min: 0,
    max: usize::MAX,
    item: &TAG,
};
const KMS_KEY_ID: Shape = text(1, 2_048);
const KMS_DATA_KEY_REUSE_PERIOD_SECONDS: Shape = Shape::Whole { min: 60, max: 900 };
const ENCRYPTION_TYPE: Shape = one_of(&["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"]);
const ENCRYPTION_CONFIGURATION: Shape = Shape::Structure {
    name: "EncryptionConfiguration",
    members: &[
        optional("kmsKeyId", &KMS_KEY_ID),
        optional("kmsDataKeyReusePeriodSeconds", &KMS_DATA_KEY_REUSE_PERIOD_SECONDS),
        required("type", &ENCRYPTION_TYPE),
    ],
};
const CREATE_ACTIVITY_INPUT: &[Member] = &[
    required("name", &NAME),
    optional("tags", &TAG_LIST),
    optional("encryptionConfiguration", &ENCRYPTION_CONFIGURATION),
];
const DEFINITION: Shape = secret(1, 1_048_576);
const ARN: Shape = text(1, 256);
const STATE_MACHINE_TYPE: Shape = one_of(&["STANDARD", "EXPRESS"]);
const LOG_LEVEL: Shape = one_of(&["ALL", "ERROR", "FATAL", "OFF"]);
const INCLUDE_EXECUTION_DATA: Shape = Shape::Flag;
const CLOUD_WATCH_LOGS_LOG_GROUP: Shape = Shape::Structure {
    name: "CloudWatchLogsLogGroup",
    members: &[optional("logGroupArn", &ARN)],
};
const LOG_DESTINATION: Shape = Shape::Structure {
    name: "LogDestination",
    members: &[optional("cloudWatchLogsLogGroup", &CLOUD_WATCH_LOGS_LOG_GROUP)],
};
const LOG_DESTINATION_LIST: Shape = Shape::List {
    min: 0,
    max: usize::MAX,
    item: &LOG_DESTINATION,
};
const LOGGING_CONFIGURATION: Shape = Shape::Structure {
    name: "LoggingConfiguration",
    members: &[
        optional("level", &LOG_LEVEL),
        optional("includeExecutionData", &INCLUDE_EXECUTION_DATA),
        optional("destinations", &LOG_DESTINATION_LIST),
    ],
};
const ENABLED: Shape = Shape::Flag;
const TRACING_CONFIGURATION: Shape = Shape::Structure {
    name: "TracingConfiguration",
    members: &[optional("enabled", &ENABLED)],
};
const PUBLISH: Shape = Shape::Flag;
const VERSION_DESCRIPTION: Shape = described(256);
const CREATE_STATE_MACHINE_INPUT: &[Member] = &[
    required("name", &NAME),
    required("definition", &DEFINITION),
    required("roleArn", &ARN),
    optional("type", &STATE_MACHINE_TYPE),
    optional("loggingConfiguration", &LOGGING_CONFIGURATION),
    optional("tags", &TAG_LIST),
    optional("tracingConfiguration", &TRACING_CONFIGURATION),
    optional("publish", &PUBLISH),
    optional("versionDescription", &VERSION_DESCRIPTION),
    optional("encryptionConfiguration", &ENCRYPTION_CONFIGURATION),
];
const ALIAS_DESCRIPTION: Shape = described(256);
const CHARACTER_RESTRICTED_NAME: Shape = pattern(
    1,
    80,
    Pattern {
        text: r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
        matches: alias_name,
    },
);
const VERSION_WEIGHT: Shape = Shape::Whole { min: 0, max: 100 };
const ROUTING_CONFIGURATION_LIST_ITEM: Shape = Shape::Structure {
    name: "RoutingConfigurationListItem",
    members: &[
        required("stateMachineVersionArn", &ARN),
        required("weight", &VERSION_WEIGHT),
    ],
};
const ROUTING_CONFIGURATION_LIST: Shape = Shape::List {
    min: 1,
    max: 2,
    item: &ROUTING_CONFIGURATION_LIST_ITEM,
};
const CREATE_STATE_MACHINE_ALIAS_INPUT: &[Member] = &[
    optional("description", &ALIAS_DESCRIPTION),
    required("name", &CHARACTER_RESTRICTED_NAME),
    required("routingConfiguration", &ROUTING_CONFIGURATION_LIST),
];
const DELETE_ACTIVITY_INPUT: &[Member] = &[required("activityArn", &ARN)];
const DELETE_STATE_MACHINE_INPUT: &[Member] = &[required("stateMachineArn", &ARN)];
const DELETE_STATE_MACHINE_ALIAS_INPUT: &[Member] = &[required("stateMachineAliasArn", &ARN)];
const LONG_ARN: Shape = text(1, 2_000);
const DELETE_STATE_MACHINE_VERSION_INPUT: &[Member] = &[required("stateMachineVersionArn", &LONG_ARN)];
const DESCRIBE_ACTIVITY_INPUT: &[Member] = &[required("activityArn", &ARN)];
const INCLUDED_DATA: Shape = one_of(&["ALL_DATA", "METADATA_ONLY"]);
const DESCRIBE_EXECUTION_INPUT: &[Member] = &[
    required("executionArn", &ARN),
    optional("includedData", &INCLUDED_DATA),
];
const DESCRIBE_MAP_RUN_INPUT: &[Member] = &[required("mapRunArn", &LONG_ARN)];
const DESCRIBE_STATE_MACHINE_INPUT: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("includedData", &INCLUDED_DATA),
];
const DESCRIBE_STATE_MACHINE_ALIAS_INPUT: &[Member] = &[required("stateMachineAliasArn", &ARN)];
const DESCRIBE_STATE_MACHINE_FOR_EXECUTION_INPUT: &[Member] = &[
    required("executionArn", &ARN),
    optional("includedData", &INCLUDED_DATA),
];
const GET_ACTIVITY_TASK_INPUT: &[Member] = &[required("activityArn", &ARN), optional("workerName", &NAME)];
const PAGE_SIZE: Shape = Shape::Whole { min: 0, max: 1000 };
const REVERSE_ORDER: Shape = Shape::Flag;
const PAGE_TOKEN: Shape = text(1, 1_024);
const INCLUDE_EXECUTION_DATA_GET_EXECUTION_HISTORY: Shape = Shape::Flag;
const GET_EXECUTION_HISTORY_INPUT: &[Member] = &[
    required("executionArn", &ARN),
    optional("maxResults", &PAGE_SIZE),
    optional("reverseOrder", &REVERSE_ORDER),
    optional("nextToken", &PAGE_TOKEN),
    optional(
        "includeExecutionData",
        &INCLUDE_EXECUTION_DATA_GET_EXECUTION_HISTORY,
    ),
];
const LIST_ACTIVITIES_INPUT: &[Member] = &[
    optional("maxResults", &PAGE_SIZE),
    optional("nextToken", &PAGE_TOKEN),
];
/// In the order of AWS's own message, which is not the model's.
const EXECUTION_STATUS: Shape = one_of(&[
    "SUCCEEDED",
    "TIMED_OUT",
    "PENDING_REDRIVE",
    "ABORTED",
    "FAILED",
    "RUNNING",
]);
const LIST_EXECUTIONS_PAGE_TOKEN: Shape = text(1, 3_096);
const EXECUTION_REDRIVE_FILTER: Shape = one_of(&["REDRIVEN", "NOT_REDRIVEN"]);
const LIST_EXECUTIONS_INPUT: &[Member] = &[
    optional("stateMachineArn", &ARN),
    optional("statusFilter", &EXECUTION_STATUS),
    optional("maxResults", &PAGE_SIZE),
    optional("nextToken", &LIST_EXECUTIONS_PAGE_TOKEN),
    optional("mapRunArn", &LONG_ARN),
    optional("redriveFilter", &EXECUTION_REDRIVE_FILTER),
];
const LIST_MAP_RUNS_INPUT: &[Member] = &[
    required("executionArn", &ARN),
    optional("maxResults", &PAGE_SIZE),
    optional("nextToken", &PAGE_TOKEN),
];
const LIST_STATE_MACHINE_ALIASES_INPUT: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("nextToken", &PAGE_TOKEN),
    optional("maxResults", &PAGE_SIZE),
];
const LIST_STATE_MACHINE_VERSIONS_INPUT: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("nextToken", &PAGE_TOKEN),
    optional("maxResults", &PAGE_SIZE),
];
const LIST_STATE_MACHINES_INPUT: &[Member] = &[
    optional("maxResults", &PAGE_SIZE),
    optional("nextToken", &PAGE_TOKEN),
];
const LIST_TAGS_FOR_RESOURCE_INPUT: &[Member] = &[required("resourceArn", &ARN)];
const REVISION_ID: Shape = text(0, usize::MAX);
const PUBLISH_STATE_MACHINE_VERSION_INPUT: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("revisionId", &REVISION_ID),
    optional("description", &VERSION_DESCRIPTION),
];
const CLIENT_TOKEN: Shape = pattern(
    1,
    64,
    Pattern {
        text: "[!-~]+",
        matches: client_token,
    },
);
const REDRIVE_EXECUTION_INPUT: &[Member] = &[
    required("executionArn", &ARN),
    optional("clientToken", &CLIENT_TOKEN),
];
const TASK_TOKEN: Shape = secret(1, 2_048);
const SENSITIVE_ERROR: Shape = secret(0, 256);
const SENSITIVE_CAUSE: Shape = secret(0, 32_768);
const SEND_TASK_FAILURE_INPUT: &[Member] = &[
    required("taskToken", &TASK_TOKEN),
    optional("error", &SENSITIVE_ERROR),
    optional("cause", &SENSITIVE_CAUSE),
];
const SEND_TASK_HEARTBEAT_INPUT: &[Member] = &[required("taskToken", &TASK_TOKEN)];
const SENSITIVE_DATA: Shape = secret(0, 262_144);
const SEND_TASK_SUCCESS_INPUT: &[Member] = &[
    required("taskToken", &TASK_TOKEN),
    required("output", &SENSITIVE_DATA),
];
const TRACE_HEADER: Shape = pattern(
    0,
    256,
    Pattern {
        text: r"\p{ASCII}*",
        matches: str::is_ascii,
    },
);
const START_EXECUTION_INPUT: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("name", &NAME),
    optional("input", &SENSITIVE_DATA),
    optional("traceHeader", &TRACE_HEADER),
];
const START_SYNC_EXECUTION_INPUT: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("name", &NAME),
    optional("input", &SENSITIVE_DATA),
    optional("traceHeader", &TRACE_HEADER),
    optional("includedData", &INCLUDED_DATA),
];
const STOP_EXECUTION_INPUT: &[Member] = &[
    required("executionArn", &ARN),
    optional("error", &SENSITIVE_ERROR),
    optional("cause", &SENSITIVE_CAUSE),
];
const TAG_RESOURCE_INPUT: &[Member] = &[required("resourceArn", &ARN), required("tags", &TAG_LIST)];
const INSPECTION_LEVEL: Shape = one_of(&["INFO", "DEBUG", "TRACE"]);
const REVEAL_SECRETS: Shape = Shape::Flag;
const TEST_STATE_STATE_NAME: Shape = secret(1, 80);
const MOCK_ERROR_OUTPUT: Shape = Shape::Structure {
    name: "MockErrorOutput",
    members: &[
        optional("error", &SENSITIVE_ERROR),
        optional("cause", &SENSITIVE_CAUSE),
    ],
};
const MOCK_RESPONSE_VALIDATION_MODE: Shape = one_of(&["STRICT", "PRESENT", "NONE"]);
const MOCK_INPUT: Shape = Shape::Structure {
    name: "MockInput",
    members: &[
        optional("result", &SENSITIVE_DATA),
        optional("errorOutput", &MOCK_ERROR_OUTPUT),
        optional("fieldValidationMode", &MOCK_RESPONSE_VALIDATION_MODE),
    ],
};
const RETRIER_RETRY_COUNT: Shape = Shape::Whole {
    min: 0,
    max: i32::MAX as i64,
};
const MAP_ITERATION_FAILURE_COUNT: Shape = Shape::Whole {
    min: 0,
    max: i32::MAX as i64,
};
const TEST_STATE_CONFIGURATION: Shape = Shape::Structure {
    name: "TestStateConfiguration",
    members: &[
        optional("retrierRetryCount", &RETRIER_RETRY_COUNT),
        optional("errorCausedByState", &TEST_STATE_STATE_NAME),
        optional("mapIterationFailureCount", &MAP_ITERATION_FAILURE_COUNT),
        optional("mapItemReaderData", &SENSITIVE_DATA),
    ],
};
const TEST_STATE_INPUT: &[Member] = &[
    required("definition", &DEFINITION),
    optional("roleArn", &ARN),
    optional("input", &SENSITIVE_DATA),
    optional("inspectionLevel", &INSPECTION_LEVEL),
    optional("revealSecrets", &REVEAL_SECRETS),
    optional("variables", &SENSITIVE_DATA),
    optional("stateName", &TEST_STATE_STATE_NAME),
    optional("mock", &MOCK_INPUT),
    optional("context", &SENSITIVE_DATA),
    optional("stateConfiguration", &TEST_STATE_CONFIGURATION),
];
const TAG_KEY_LIST: Shape = Shape::List {
    min: 0,
    max: usize::MAX,
    item: &TAG_KEY,
};
const UNTAG_RESOURCE_INPUT: &[Member] = &[required("resourceArn", &ARN), required("tagKeys", &TAG_KEY_LIST)];
const MAX_CONCURRENCY: Shape = Shape::Whole {
    min: 0,
    max: i32::MAX as i64,
};
const TOLERATED_FAILURE_PERCENTAGE: Shape = Shape::Fraction { min: 0.0, max: 100.0 };
const TOLERATED_FAILURE_COUNT: Shape = Shape::Whole {
    min: 0,
    max: i64::MAX,
};
const UPDATE_MAP_RUN_INPUT: &[Member] = &[
    required("mapRunArn", &LONG_ARN),
    optional("maxConcurrency", &MAX_CONCURRENCY),
    optional("toleratedFailurePercentage", &TOLERATED_FAILURE_PERCENTAGE),
    optional("toleratedFailureCount", &TOLERATED_FAILURE_COUNT),
];
const UPDATE_STATE_MACHINE_INPUT: &[Member] = &[
    required("stateMachineArn", &ARN),
    optional("definition", &DEFINITION),
    optional("roleArn", &ARN),
    optional("loggingConfiguration", &LOGGING_CONFIGURATION),
    optional("tracingConfiguration", &TRACING_CONFIGURATION),
    optional("publish", &PUBLISH),
    optional("versionDescription", &VERSION_DESCRIPTION),
    optional("encryptionConfiguration", &ENCRYPTION_CONFIGURATION),
];
const UPDATE_STATE_MACHINE_ALIAS_INPUT: &[Member] = &[
    required("stateMachineAliasArn", &ARN),
    optional("description", &ALIAS_DESCRIPTION),
    optional("routingConfiguration", &ROUTING_CONFIGURATION_LIST),
];
const VALIDATE_STATE_MACHINE_DEFINITION_SEVERITY: Shape = one_of(&["ERROR", "WARNING"]);
const VALIDATE_STATE_MACHINE_DEFINITION_MAX_RESULT: Shape = Shape::Whole { min: 0, max: 100 };
const VALIDATE_STATE_MACHINE_DEFINITION_INPUT: &[Member] = &[
    required("definition", &DEFINITION),
    optional("type", &STATE_MACHINE_TYPE),
    optional("severity", &VALIDATE_STATE_MACHINE_DEFINITION_SEVERITY),
    optional("maxResults", &VALIDATE_STATE_MACHINE_DEFINITION_MAX_RESULT),
];

/// The members of an operation's request.
pub(super) fn members(operation: Operation) -> &'static [Member] {
    match operation {
        Operation::CreateActivity => CREATE_ACTIVITY_INPUT,
        Operation::CreateStateMachine => CREATE_STATE_MACHINE_INPUT,
        Operation::CreateStateMachineAlias => CREATE_STATE_MACHINE_ALIAS_INPUT,
        Operation::DeleteActivity => DELETE_ACTIVITY_INPUT,
        Operation::DeleteStateMachine => DELETE_STATE_MACHINE_INPUT,
        Operation::DeleteStateMachineAlias => DELETE_STATE_MACHINE_ALIAS_INPUT,
        Operation::DeleteStateMachineVersion => DELETE_STATE_MACHINE_VERSION_INPUT,
        Operation::DescribeActivity => DESCRIBE_ACTIVITY_INPUT,
        Operation::DescribeExecution => DESCRIBE_EXECUTION_INPUT,
        Operation::DescribeMapRun => DESCRIBE_MAP_RUN_INPUT,
        Operation::DescribeStateMachine => DESCRIBE_STATE_MACHINE_INPUT,
        Operation::DescribeStateMachineAlias => DESCRIBE_STATE_MACHINE_ALIAS_INPUT,
        Operation::DescribeStateMachineForExecution => DESCRIBE_STATE_MACHINE_FOR_EXECUTION_INPUT,
        Operation::GetActivityTask => GET_ACTIVITY_TASK_INPUT,
        Operation::GetExecutionHistory => GET_EXECUTION_HISTORY_INPUT,
        Operation::ListActivities => LIST_ACTIVITIES_INPUT,
        Operation::ListExecutions => LIST_EXECUTIONS_INPUT,
        Operation::ListMapRuns => LIST_MAP_RUNS_INPUT,
        Operation::ListStateMachineAliases => LIST_STATE_MACHINE_ALIASES_INPUT,
        Operation::ListStateMachineVersions => LIST_STATE_MACHINE_VERSIONS_INPUT,
        Operation::ListStateMachines => LIST_STATE_MACHINES_INPUT,
        Operation::ListTagsForResource => LIST_TAGS_FOR_RESOURCE_INPUT,
        Operation::PublishStateMachineVersion => PUBLISH_STATE_MACHINE_VERSION_INPUT,
        Operation::RedriveExecution => REDRIVE_EXECUTION_INPUT,
        Operation::SendTaskFailure => SEND_TASK_FAILURE_INPUT,
        Operation::SendTaskHeartbeat => SEND_TASK_HEARTBEAT_INPUT,
        Operation::SendTaskSuccess => SEND_TASK_SUCCESS_INPUT,
        Operation::StartExecution => START_EXECUTION_INPUT,
        Operation::StartSyncExecution => START_SYNC_EXECUTION_INPUT,
        Operation::StopExecution => STOP_EXECUTION_INPUT,
        Operation::TagResource => TAG_RESOURCE_INPUT,
        Operation::TestState => TEST_STATE_INPUT,
        Operation::UntagResource => UNTAG_RESOURCE_INPUT,
        Operation::UpdateMapRun => UPDATE_MAP_RUN_INPUT,
        Operation::UpdateStateMachine => UPDATE_STATE_MACHINE_INPUT,
        Operation::UpdateStateMachineAlias => UPDATE_STATE_MACHINE_ALIAS_INPUT,
        Operation::ValidateStateMachineDefinition => VALIDATE_STATE_MACHINE_DEFINITION_INPUT,
    }
}
