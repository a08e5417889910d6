//! Rules: Tasks and what they call.

use super::Example::{ExpressStates, State, States};
use super::{Code, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A Resource is an ARN",
        text: "A substitution such as `${Function.Arn}` is an unknown value and never wrong.",
        wrong: State(r#"{"Type": "Task", "Resource": "my-function", "End": true}"#),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:my-function", "End": true}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A Resource is something a Task can call",
        text: "A service and action there are: an optimised integration, or `aws-sdk:<service>:<action>` of the catalogue. The ARN of a topic, a queue or a state machine is what a call is about, not a call.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:sns:eu-west-1:123456789012:orders", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders", "Message.$": "$"}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A call offers the pattern",
        text: "`.sync`, `.sync:2` and `.waitForTaskToken` are offered action by action.",
        wrong: State(r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.sync", "End": true}"#),
        right: State(r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}"#),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "Credentials name a role",
        text: "`RoleArn` or `RoleArn.$`; activities take none.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Credentials": {"Role": "r"}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Credentials": {"RoleArn": "arn:aws:iam::123456789012:role/r"}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A heartbeat is shorter than the timeout",
        text: "",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 60, "HeartbeatSeconds": 60, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 60, "HeartbeatSeconds": 20, "End": true}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "A call is given what its service demands",
        text: "From the service's own model, with Step Functions' spelling: names begin with a capital.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueURL": "q", "MessageBody.$": "$"}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": "q", "MessageBody.$": "$"}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::UnknownParameter,
        title: "A call is given what its service has",
        text: r#"AWS accepts the definition and fails the task when it runs: `The field "X" is not supported by Step Functions`."#,
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"Message": "m", "subject": "s"}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"Message": "m", "Subject": "s"}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::SchemaValidationFailed,
        title: "An Express machine does not wait for others",
        text: "No `.sync`, no `.waitForTaskToken`, no activity, no distributed Map.",
        wrong: ExpressStates(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true}}"#,
        ),
        right: ExpressStates(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask", "End": true}}"#,
        ),
    },
    Rule {
        code: Code::CallbackTokenNotPassed,
        title: "The token is passed on",
        text: "Nobody can answer who has not got it; the task can only time out.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": "q", "MessageBody.$": "$"}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::CallbackNoTimeout,
        title: "An answer is not waited for endlessly",
        text: "A lost answer holds the execution for up to a year.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}}, "HeartbeatSeconds": 3600, "End": true}"#,
        ),
    },
    Rule {
        code: Code::TaskNoTimeout,
        title: "A task has a timeout",
        text: "The default is 99999999 seconds: a call that hangs holds the execution.",
        wrong: State(r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}"#),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 60, "End": true}"#,
        ),
    },
    Rule {
        code: Code::TaskNoRetry,
        title: "A task is retried",
        text: "Calls fail for passing reasons. A Parallel without `Retry` is told of, too.",
        wrong: State(r#"{"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "End": true}"#),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": [{"ErrorEquals": ["States.ALL"]}], "End": true}"#,
        ),
    },
    Rule {
        code: Code::LambdaNoTransientRetry,
        title: "Lambda's passing faults are retried",
        text: "AWS recommends it: Lambda.ServiceException, Lambda.AWSLambdaException, Lambda.SdkClientException, Lambda.TooManyRequestsException.",
        wrong: State(r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}"#),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Retry": [{"ErrorEquals": ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 2, "JitterStrategy": "FULL"}], "End": true}"#,
        ),
    },
    Rule {
        code: Code::TaskNoCatch,
        title: "A failure is caught",
        text: "By the task itself, or by a Parallel or Map around it. Otherwise the execution fails with whatever the task failed with.",
        wrong: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}"#,
        ),
        right: States(
            r#"{"S": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "F"}], "End": true}, "F": {"Type": "Fail", "Error": "Refused"}}"#,
        ),
    },
    Rule {
        code: Code::HardcodedArn,
        title: "A definition fits every account",
        text: "An account or a region in the text ties it to one. Substitutions (`${FunctionArn}`) are filled in when it is deployed.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f", "End": true}"#,
        ),
        right: State(r#"{"Type": "Task", "Resource": "${FunctionArn}", "End": true}"#),
    },
    Rule {
        code: Code::PreferOptimizedIntegration,
        title: "Lambda is called by lambda:invoke",
        text: "The function's ARN as `Resource` works, without a choice of version, log type or payload.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f", "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "${Function}", "Payload.$": "$"}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::PreferSync2,
        title: "A child execution is waited for by .sync:2",
        text: "`.sync` gives the child's output as text within text.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync", "Parameters": {"StateMachineArn": "${Child}"}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Parameters": {"StateMachineArn": "${Child}"}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::NestedExecutionNotLinked,
        title: "A child execution knows its parent",
        text: "The console then shows one under the other.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": {"StateMachineArn": "${Child}", "Input": {"a": 1}}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": {"StateMachineArn": "${Child}", "Input": {"a": 1, "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id"}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::LambdaWrapsSdk,
        title: "A Task makes simple calls itself",
        text: "Told by the name of the function only: it may do more.",
        wrong: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "put-item-dynamodb"}, "End": true}"#,
        ),
        right: State(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Parameters": {"TableName": "t", "Item": {"id": {"S.$": "$.id"}}}, "End": true}"#,
        ),
    },
    Rule {
        code: Code::SecretInDefinition,
        title: "No credential is written in the text",
        text: "Everybody who may read the definition, its versions or its history has it. Make a new one, and read it from Secrets Manager or an EventBridge connection.",
        wrong: State(r#"{"Type": "Pass", "Parameters": {"password": "correct-horse-battery"}, "End": true}"#),
        right: State(r#"{"Type": "Pass", "Parameters": {"password": "${Password}"}, "End": true}"#),
    },
];
