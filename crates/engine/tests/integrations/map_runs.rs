//! A distributed Map's `ItemReader` and `ResultWriter`, against a stand-in for S3.

use serde_json::{Value, json};
use signalbox_engine::integrations::config::IntegrationsConfig;

use crate::harness::{Answer, Api, StandIn, endpoints, failure, output};

async fn api(status: u16, body: &'static str) -> (Api, StandIn) {
    let s3 = StandIn::start(Answer {
        status,
        headers: vec![("x-amz-request-id", "R1"), ("x-amz-id-2", "R2")],
        body,
    })
    .await;
    let api = Api::start(IntegrationsConfig {
        endpoints: endpoints([("S3", &s3.url)]),
        ..IntegrationsConfig::default()
    })
    .await;
    (api, s3)
}

fn reading(config: Value, members: Value) -> Value {
    let mut map = members;
    map["Type"] = json!("Map");
    map["End"] = json!(true);
    map["MaxConcurrency"] = json!(1);
    map["ItemReader"] = json!({
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": config,
        "Parameters": {"Bucket": "things", "Key.$": "$.key"},
    });
    map["ItemProcessor"] = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "End": true}},
    });
    json!({"M": map})
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_read_and_results_are_written_with_a_manifest() {
    let (api, s3) = api(200, "a,b\n1,2\n3,4\n5,6\n").await;
    let writer = json!({"ResultWriter": {
        "Resource": "arn:aws:states:::s3:putObject",
        "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"},
        "Parameters": {"Bucket": "out", "Prefix": "some/where"},
    }});
    let states = reading(
        json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 2}),
        writer,
    );
    let machine = api.machine("m", "M", states).await;
    let described = api.run(&machine, json!({"key": "in put.csv"})).await;
    let output = output(&described);
    let run = output["MapRunArn"].as_str().unwrap();
    let id = run.rsplit(':').next().unwrap();
    let folder = format!("some/where/{id}");
    assert_eq!(
        output["ResultWriterDetails"],
        json!({"Bucket": "out", "Key": format!("{folder}/manifest.json")})
    );
    let sent = s3.sent();
    let paths: Vec<(&str, &str)> = sent
        .iter()
        .map(|sent| (sent.method.as_str(), sent.path.split('?').next().unwrap()))
        .collect();
    let results = format!("/out/{folder}/SUCCEEDED_0.json");
    let manifest = format!("/out/{folder}/manifest.json");
    assert_eq!(
        paths,
        [
            ("GET", "/things/in%20put.csv"),
            ("PUT", results.as_str()),
            ("PUT", manifest.as_str())
        ]
    );
    assert_eq!(sent[1].body, r#"[{"a":"1","b":"2"},{"a":"3","b":"4"}]"#);
    let manifest: Value = serde_json::from_str(&sent[2].body).unwrap();
    assert_eq!(
        manifest,
        json!({
            "DestinationBucket": "out",
            "MapRunArn": run,
            "ResultFiles": {
                "FAILED": [],
                "PENDING": [],
                "SUCCEEDED": [{"Key": format!("{folder}/SUCCEEDED_0.json"), "Size": sent[1].body.len()}],
            },
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_s3_refuses_fails_the_reader_in_its_words() {
    let (api, _s3) = api(
        404,
        "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>",
    )
    .await;
    let machine = api
        .machine("m", "M", reading(json!({"InputType": "JSON"}), json!({})))
        .await;
    let described = api.run(&machine, json!({"key": "k"})).await;
    assert_eq!(
        failure(&described),
        (
            "States.ItemReaderFailed".to_owned(),
            "The specified key does not exist. (Service: S3, Status Code: 404, Request ID: R1, Extended Request ID: R2)"
                .to_owned()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_is_refused_where_it_is_read() {
    let (api, s3) = api(200, "PAR1").await;
    let machine = api
        .machine("m", "M", reading(json!({"InputType": "PARQUET"}), json!({})))
        .await;
    let described = api.run(&machine, json!({"key": "k"})).await;
    let (error, cause) = failure(&described);
    assert_eq!(error, "States.ItemReaderFailed");
    assert!(cause.contains("PARQUET"), "{cause}");
    assert!(s3.sent().is_empty());
}
