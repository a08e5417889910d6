//! A distributed Map's `ItemReader` and `ResultWriter`, against a stand-in for S3.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};
use signalbox_engine::integrations::config::IntegrationsConfig;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::harness::{Answer, Api, StandIn, endpoints, failure, output, serve};

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

/// An S3 of these objects; a listing of them where nothing else is asked for.
async fn s3_of(objects: Vec<(&'static str, Vec<u8>)>) -> (Api, JoinSet<()>) {
    let objects: Arc<HashMap<String, Vec<u8>>> = Arc::new(
        objects
            .into_iter()
            .map(|(key, body)| (key.to_owned(), body))
            .collect(),
    );
    let router = Router::new().fallback(move |request: Request| {
        let objects = Arc::clone(&objects);
        async move {
            let path = request
                .uri()
                .path()
                .trim_start_matches("/things")
                .trim_start_matches('/');
            if let Some(body) = objects.get(path) {
                return body.clone().into_response();
            }
            let mut keys: Vec<&String> = objects.keys().filter(|key| key.starts_with("data/")).collect();
            keys.sort();
            let mut listing = "<ListBucketResult>".to_owned();
            for key in keys {
                listing.extend(["<Contents><Key>", key, "</Key><Size>1</Size></Contents>"]);
            }
            (listing + "</ListBucketResult>").into_response()
        }
    });
    let (url, server) = serve(router).await;
    let api = Api::start(IntegrationsConfig {
        endpoints: endpoints([("S3", &url)]),
        ..IntegrationsConfig::default()
    })
    .await;
    (api, server)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_athena_manifest_leads_to_the_rows_of_all_files_packed_or_not() {
    let manifest = "s3://things/data/1.gz\ns3://things/data/2\n";
    let (api, _s3) = s3_of(vec![
        ("manifest.csv", manifest.into()),
        ("data/1.gz", gzip("{\"a\":1}\n{\"a\":2}\n")),
        ("data/2", "{\"a\":3}\n".into()),
    ])
    .await;
    let config = json!({"ManifestType": "ATHENA_DATA", "InputType": "JSONL"});
    let machine = api.machine("m", "M", reading(config, json!({}))).await;
    let described = api.run(&machine, json!({"key": "manifest.csv"})).await;
    assert_eq!(output(&described), json!([{"a": 1}, {"a": 2}, {"a": 3}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_objects_are_loaded_each_with_a_header_of_its_own_up_to_as_many_items_as_wanted() {
    let (api, _s3) = s3_of(vec![
        ("data/", Vec::new()),
        ("data/1.csv", "a\n1\n2\n".into()),
        ("data/2.csv", "b\n3\n4\n".into()),
    ])
    .await;
    let config = json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "Transformation": "LOAD_AND_FLATTEN", "MaxItems": 3});
    let mut states = reading(config, json!({}));
    states["M"]["ItemReader"]["Resource"] = json!("arn:aws:states:::s3:listObjectsV2");
    states["M"]["ItemReader"]["Parameters"] = json!({"Bucket": "things", "Prefix": "data/"});
    let machine = api.machine("m", "M", states).await;
    let described = api.run(&machine, json!({})).await;
    assert_eq!(output(&described), json!([{"a": "1"}, {"a": "2"}, {"b": "3"}]));
}

/// A file whose rows come when they are sent. It breaks when the sender is dropped.
async fn slow_file() -> (Api, mpsc::UnboundedSender<String>, JoinSet<()>) {
    let (rows, come) = mpsc::unbounded_channel::<String>();
    let come = Arc::new(Mutex::new(Some(come)));
    let router = Router::new().fallback(move || {
        let come = come.lock().unwrap().take().unwrap();
        async move {
            let pieces = futures::stream::unfold(Some(come), |come| async move {
                let mut come = come?;
                match come.recv().await {
                    Some(row) => Some((Ok(row), Some(come))),
                    None => Some((Err(std::io::Error::other("broken")), None)),
                }
            });
            Body::from_stream(pieces)
        }
    });
    let (url, server) = serve(router).await;
    let api = Api::start(IntegrationsConfig {
        endpoints: endpoints([("S3", &url)]),
        ..IntegrationsConfig::default()
    })
    .await;
    (api, rows, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn children_begin_while_the_file_is_read_and_a_file_that_breaks_fails_the_run() {
    let (api, rows, _s3) = slow_file().await;
    let config = json!({"InputType": "JSONL"});
    let mut states = reading(
        config,
        json!({"MaxConcurrency": 0, "ToleratedFailurePercentage": 50}),
    );
    states["M"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = json!("EXPRESS");
    let machine = api.machine("m", "M", states).await;
    let request = json!({"stateMachineArn": machine, "input": r#"{"key": "k"}"#});
    let execution = api.ok("StartExecution", request).await["executionArn"].clone();
    // More than a row of the table holds.
    rows.send("1\n".repeat(1_001)).unwrap();
    let run = loop {
        let listed = api.ok("ListMapRuns", json!({"executionArn": execution})).await;
        if let Some(run) = listed["mapRuns"].get(0) {
            let described = api
                .ok("DescribeMapRun", json!({"mapRunArn": run["mapRunArn"]}))
                .await;
            if described["itemCounts"]["succeeded"] == 1_000 {
                assert_eq!(described["status"], "RUNNING");
                break run["mapRunArn"].clone();
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    drop(rows);
    let (error, _) = failure(&api.closed(&execution).await);
    assert_eq!(error, "States.ItemReaderFailed");
    let described = api.ok("DescribeMapRun", json!({"mapRunArn": run})).await;
    assert_eq!(
        (&described["status"], &described["itemCounts"]["succeeded"]),
        (&json!("FAILED"), &json!(1_000))
    );
}

/// A Parquet file of one column, in two row groups, packed as asked.
fn parquet(compression: Compression) -> Vec<u8> {
    let schema = "message rows { required int32 a; optional binary b (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for (numbers, texts) in [([1, 2], vec!["x", "\"y\""]), ([3, 4], vec!["z"])] {
        let mut group = file.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int32Type>()
            .write_batch(&numbers, None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let there: Vec<i16> = (0..2).map(|at| i16::from(at < texts.len())).collect();
        let texts: Vec<ByteArray> = texts.into_iter().map(ByteArray::from).collect();
        column
            .typed::<ByteArrayType>()
            .write_batch(&texts, Some(&there), None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_parquet_file_are_items_however_it_is_packed() {
    let packed = [
        ("snappy", Compression::SNAPPY),
        ("gzip", Compression::GZIP(GzipLevel::default())),
        ("zstd", Compression::ZSTD(ZstdLevel::default())),
        ("lz4", Compression::LZ4_RAW),
        ("brotli", Compression::BROTLI(BrotliLevel::default())),
    ];
    let mut objects: Vec<(&str, Vec<u8>)> = packed.map(|(key, codec)| (key, parquet(codec))).into();
    objects.push(("broken", b"PAR1".to_vec()));
    let (api, _s3) = s3_of(objects).await;
    let machine = api
        .machine(
            "m",
            "M",
            reading(json!({"InputType": "PARQUET", "MaxItems": 4}), json!({})),
        )
        .await;
    let rows = json!([{"a": 1, "b": "x"}, {"a": 2, "b": "\"y\""}, {"a": 3, "b": "z"}, {"a": 4, "b": null}]);
    for (key, _) in packed {
        let described = api.run(&machine, json!({"key": key})).await;
        assert_eq!(output(&described), rows, "{key}");
    }
    let described = api.run(&machine, json!({"key": "broken"})).await;
    let (error, cause) = failure(&described);
    assert_eq!(error, "States.ItemReaderFailed");
    assert!(cause.contains("PARQUET"), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_file_of_results_is_written_in_parts() {
    let rows = |count: usize| format!("{{\"text\":\"{}\"}}\n", "x".repeat(200_000)).repeat(count);
    let sent = Arc::<Mutex<Vec<(String, String)>>>::default();
    let router = Router::new().fallback({
        let sent = Arc::clone(&sent);
        move |request: Request| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let line = format!("{} {}", parts.method, parts.uri.query().unwrap_or_default());
            let body = String::from_utf8(body.to_vec()).unwrap();
            if parts.method != "GET" {
                sent.lock().unwrap().push((line.clone(), body));
            }
            let answer = match &*line {
                begun if begun.starts_with("POST uploads") => {
                    "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
                        .to_owned()
                }
                read if read.starts_with("GET") => rows(50),
                _ => String::new(),
            };
            ([("etag", "\"tag\"")], answer)
        }
    });
    let (url, _s3) = serve(router).await;
    let api = Api::start(IntegrationsConfig {
        endpoints: endpoints([("S3", &url)]),
        ..IntegrationsConfig::default()
    })
    .await;
    let writer = json!({"ResultWriter": {
        "Resource": "arn:aws:states:::s3:putObject",
        "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"},
        "Parameters": {"Bucket": "out", "Prefix": "p"},
    }});
    let mut states = reading(json!({"InputType": "JSONL"}), writer);
    states["M"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = json!("EXPRESS");
    let machine = api.machine("m", "M", states).await;
    let described = api.run(&machine, json!({"key": "k"})).await;
    output(&described);
    let sent = sent.lock().unwrap().clone();
    let [begun, first, second, done, manifest] = &sent[..] else {
        panic!("{:?}", sent.iter().map(|(line, _)| line).collect::<Vec<_>>());
    };
    assert!(begun.0.starts_with("POST uploads"), "{}", begun.0);
    assert!(first.0.contains("partNumber=1") && second.0.contains("partNumber=2"));
    assert!(
        first.1.len() > 5 * 1024 * 1024,
        "no part but the last may be shorter"
    );
    assert_eq!(format!("{}{}", first.1, second.1), rows(50));
    assert!(done.1.contains("<PartNumber>2</PartNumber>"), "{}", done.1);
    let manifest: Value = serde_json::from_str(&manifest.1).unwrap();
    assert_eq!(manifest["ResultFiles"]["SUCCEEDED"][0]["Size"], rows(50).len());
}
