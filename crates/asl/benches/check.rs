//! How many definitions a second are checked on one core: `cargo bench -p asl --bench check`.
//!
//! Each definition is checked over and over for a second after a warm-up, once for its diagnostics alone (what a validator
//! does) and once with its machine (what creating a state machine does). `cargo bench -p asl --bench check -- FILE…` measures
//! definitions of your own, each file in turn, and prints the mean.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use asl::CheckOptions;

/// How long each measurement runs.
const RUN: Duration = Duration::from_secs(1);
/// How long it runs before it counts.
const WARM_UP: Duration = Duration::from_millis(200);

const ORDER: &str = r#"{
  "Comment": "Takes an order",
  "StartAt": "Reserve",
  "States": {
    "Reserve": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
      "Parameters": {"FunctionName": "${Reserve}", "Payload": {"order.$": "$.order", "by.$": "$$.Execution.Id"}},
      "ResultSelector": {"reservation.$": "$.Payload.id"}, "ResultPath": "$.reserved", "TimeoutSeconds": 30,
      "Retry": [{"ErrorEquals": ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException"], "IntervalSeconds": 2, "MaxAttempts": 6, "BackoffRate": 2, "JitterStrategy": "FULL"}],
      "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Refuse"}], "Next": "In stock?"},
    "In stock?": {"Type": "Choice", "Choices": [
      {"And": [{"Variable": "$.reserved.reservation", "IsPresent": true}, {"Variable": "$.order.amount", "NumericGreaterThan": 0}],
        "Next": "Pay"}], "Default": "Refuse"},
    "Pay": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": {"QueueUrl": "${Queue}", "MessageBody": {"token.$": "$$.Task.Token",
        "text.$": "States.Format('Order {} over {}', $.order.id, $.order.amount)"}},
      "HeartbeatSeconds": 600, "ResultPath": null, "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}],
      "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Refuse"}], "Next": "Pause"},
    "Pause": {"Type": "Wait", "Seconds": 5, "Next": "Done"},
    "Done": {"Type": "Succeed"},
    "Refuse": {"Type": "Fail", "Error": "Refused", "CausePath": "$.error.Cause"}
  }
}"#;

const BATCH: &str = r#"{
  "StartAt": "List",
  "States": {
    "List": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2", "Parameters": {"Bucket.$": "$.bucket"},
      "TimeoutSeconds": 10, "ResultPath": "$.listed", "Next": "Each"},
    "Each": {"Type": "Map", "ItemsPath": "$.listed.Contents", "MaxConcurrency": 10,
      "ItemSelector": {"key.$": "$$.Map.Item.Value.Key", "bucket.$": "$.bucket"},
      "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Both", "States": {
        "Both": {"Type": "Parallel", "Branches": [
          {"StartAt": "Scan", "States": {"Scan": {"Type": "Task", "Resource": "${Scan}", "TimeoutSeconds": 60, "End": true}}},
          {"StartAt": "Read", "States": {"Read": {"Type": "Task", "Resource": "${Read}", "TimeoutSeconds": 60, "End": true}}}],
          "ResultSelector": {"scan.$": "$[0].result", "text.$": "$[1].text"}, "Next": "Keep"},
        "Keep": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem",
          "Parameters": {"TableName": "${Table}", "Item": {"key": {"S.$": "$.text"}}}, "TimeoutSeconds": 5, "End": true}}},
      "ResultPath": null, "Next": "Tell"},
    "Tell": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
      "Parameters": {"TopicArn": "${Topic}", "Message.$": "States.JsonToString($.listed)"}, "TimeoutSeconds": 5, "End": true}
  }
}"#;

const PRICES: &str = r#"{
  "QueryLanguage": "JSONata",
  "StartAt": "Split",
  "States": {
    "Split": {"Type": "Pass", "Assign": {"limit": "{% $states.input.limit %}"},
      "Output": "{% $states.input.items[price < $states.input.limit] %}", "Next": "Each"},
    "Each": {"Type": "Map", "Items": "{% $states.input %}", "MaxConcurrency": 5,
      "ItemProcessor": {"StartAt": "Quote", "States": {"Quote": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "quote", "Payload": {"name": "{% $uppercase($states.input.name) %}", "limit": "{% $limit %}"}},
        "Output": "{% $states.result.Payload %}", "TimeoutSeconds": 5, "End": true}}},
      "Output": "{% {'sum': $sum($states.result.price), 'names': $map($states.result, function($x) { $x.name })} %}", "End": true}
  }
}"#;

fn main() -> io::Result<()> {
    // `cargo bench` adds `--bench`.
    let files: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let mut definitions = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        definitions.push((file, text));
    }
    let mut out = io::stdout().lock();
    if definitions.is_empty() {
        for (name, text) in [("order", ORDER), ("batch", BATCH), ("prices (JSONata)", PRICES)] {
            row(&mut out, name, &[(name.to_owned(), text.to_owned())])?;
            definitions.push((name.to_owned(), text.to_owned()));
        }
    }
    row(&mut out, "all in turn", &definitions)
}

fn row(out: &mut dyn Write, name: &str, definitions: &[(String, String)]) -> io::Result<()> {
    let options = CheckOptions::default();
    let bytes: usize = definitions.iter().map(|(_, text)| text.len()).sum();
    let diagnosed = per_second(definitions, |text| {
        asl::diagnose(text, &options).diagnostics.len()
    });
    let built = per_second(definitions, |text| asl::check(text, &options).diagnostics.len());
    let mean = bytes / definitions.len().max(1);
    writeln!(
        out,
        "{name:<18} {mean:>7} bytes  {diagnosed:>9.0} diagnosed/s  {built:>9.0} with machine/s"
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock of the machine it is about"
)]
fn per_second(definitions: &[(String, String)], check: impl Fn(&str) -> usize) -> f64 {
    let run = |time: Duration| {
        let start = Instant::now();
        let mut count = 0_u32;
        while start.elapsed() < time {
            for (_, text) in definitions {
                std::hint::black_box(check(std::hint::black_box(text)));
                count += 1;
            }
        }
        f64::from(count) / start.elapsed().as_secs_f64()
    };
    run(WARM_UP);
    run(RUN)
}
