//! Any action of any service, by each protocol: what is sent, how it is signed, and what is shown of the answer.

use serde_json::{Value, json};
use signalbox_engine::integrations::config::{Credentials, IntegrationsConfig};

use crate::harness::{Answer, Api, Scripted, Sent, StandIn, endpoints, failure, output};
use crate::signed;

const SECRET: &str = "a secret";

/// An engine whose services are all at one stand-in, with a key.
async fn engine(service: &str, stand_in: &StandIn) -> Api {
    let key = Credentials {
        access_key: "AKID".into(),
        secret: SECRET.into(),
        session_token: None,
    };
    Api::start(IntegrationsConfig {
        endpoints: endpoints([(service, &stand_in.url)]),
        credentials: Some(key),
        ..IntegrationsConfig::default()
    })
    .await
}

/// A stand-in that answers well.
async fn answering(headers: Vec<(&'static str, &'static str)>, body: &'static str) -> StandIn {
    StandIn::start(Answer {
        status: 200,
        headers,
        body,
    })
    .await
}

/// A stand-in that refuses.
async fn refusing(status: u16, headers: Vec<(&'static str, &'static str)>, body: &'static str) -> StandIn {
    StandIn::start(Answer {
        status,
        headers,
        body,
    })
    .await
}

fn task(resource: &str, parameters: Value) -> Value {
    json!({"Resource": format!("arn:aws:states:::{resource}"), "Parameters": parameters})
}

fn pairs(sent: &Sent) -> Vec<(String, String)> {
    url::form_urlencoded::parse(sent.body.as_bytes())
        .into_owned()
        .skip(2)
        .collect()
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn aws_json_goes_by_the_model_s_names_and_comes_back_by_step_functions_s() {
    let body = r#"{"taskDefinition": {"family": "f", "registeredAt": 1700000000.5, "unknown": 1,
        "containerDefinitions": [{"name": "c", "dockerLabels": {"Keep": "case"}}]}}"#;
    let ecs = answering(vec![], body).await;
    let api = engine("ECS", &ecs).await;
    let call = task(
        "aws-sdk:ecs:registerTaskDefinition",
        json!({"Family": "f", "ContainerDefinitions": [{"Name": "c", "Memory": "64", "DockerLabels": {"Keep": "case"}}]}),
    );
    let shown = output(&api.run_task("m", call, json!({})).await);
    assert_eq!(
        shown,
        json!({"TaskDefinition": {
            "ContainerDefinitions": [{"DockerLabels": {"Keep": "case"}, "Name": "c"}],
            "Family": "f",
            "RegisteredAt": "2023-11-14T22:13:20.500Z",
        }})
    );
    let sent = ecs.sent().remove(0);
    assert_eq!(
        serde_json::from_str::<Value>(&sent.body).unwrap(),
        json!({"family": "f", "containerDefinitions": [{"name": "c", "memory": 64, "dockerLabels": {"Keep": "case"}}]})
    );
    assert_eq!(
        sent.headers["x-amz-target"],
        "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition"
    );
    assert_eq!(sent.headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(signed::scope(&sent, SECRET), "us-east-1/ecs");
}

#[tokio::test]
async fn moments_bytes_and_tokens_are_written_as_aws_json_has_them() {
    let kms = answering(vec![], r#"{"CiphertextBlob": "AP8="}"#).await;
    let api = engine("KMS", &kms).await;
    let call = task("aws-sdk:kms:encrypt", json!({"KeyId": "k", "Plaintext": "text"}));
    // Bytes that are no text stay in Base64.
    assert_eq!(
        output(&api.run_task("m", call, json!({})).await),
        json!({"CiphertextBlob": "AP8="})
    );
    assert_eq!(kms.sent()[0].body, r#"{"KeyId":"k","Plaintext":"dGV4dA=="}"#);

    let athena = answering(vec![], r#"{"QueryExecutionId": "q"}"#).await;
    let api = engine("ATHENA", &athena).await;
    let call = task(
        "aws-sdk:athena:startQueryExecution",
        json!({"QueryString": "select 1"}),
    );
    api.run_task("m", call, json!({})).await;
    let sent: Value = serde_json::from_str(&athena.sent()[0].body).unwrap();
    assert!(
        uuid::Uuid::parse_str(sent["ClientRequestToken"].as_str().unwrap()).is_ok(),
        "{sent}"
    );
}

#[tokio::test]
async fn query_services_get_a_form_and_their_xml_is_shown_typed() {
    let body = "<?xml version=\"1.0\"?><DescribeDBInstancesResponse xmlns=\"x\"><DescribeDBInstancesResult><DBInstances>\
        <DBInstance><DBInstanceIdentifier>a &amp; b</DBInstanceIdentifier><AllocatedStorage>20</AllocatedStorage>\
        <MultiAZ>true</MultiAZ><InstanceCreateTime>2024-01-02T03:04:05.678Z</InstanceCreateTime>\
        <DBSecurityGroups/></DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>";
    let rds = answering(vec![], body).await;
    let api = engine("RDS", &rds).await;
    let call = task(
        "aws-sdk:rds:describeDBInstances",
        json!({"DbInstanceIdentifier": "a", "Filters": [{"Name": "engine", "Values": ["x", "y"]}], "MaxRecords": 20}),
    );
    let shown = output(&api.run_task("m", call, json!({})).await);
    assert_eq!(
        shown,
        json!({"DbInstances": [{
            "AllocatedStorage": 20,
            "DbInstanceIdentifier": "a & b",
            "DbSecurityGroups": [],
            "InstanceCreateTime": "2024-01-02T03:04:05.678Z",
            "MultiAZ": true,
        }]})
    );
    let sent = rds.sent().remove(0);
    assert!(
        sent.body
            .starts_with("Action=DescribeDBInstances&Version=2014-10-31&"),
        "{}",
        sent.body
    );
    assert_eq!(
        pairs(&sent),
        named(&[
            ("DBInstanceIdentifier", "a"),
            ("Filters.Filter.1.Name", "engine"),
            ("Filters.Filter.1.Values.Value.1", "x"),
            ("Filters.Filter.1.Values.Value.2", "y"),
            ("MaxRecords", "20"),
        ])
    );
    assert_eq!(signed::scope(&sent, SECRET), "us-east-1/rds");
}

#[tokio::test]
async fn maps_of_query_services_are_numbered_entries() {
    let body = "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>";
    let sns = answering(vec![], body).await;
    let api = engine("SNS", &sns).await;
    let call = task(
        "aws-sdk:sns:publish",
        json!({"TopicArn": "t", "Message": "m", "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}}),
    );
    assert_eq!(
        output(&api.run_task("m", call, json!({})).await),
        json!({"MessageId": "m-1"})
    );
    assert_eq!(
        pairs(&sns.sent()[0]),
        named(&[
            ("TopicArn", "t"),
            ("Message", "m"),
            ("MessageAttributes.entry.1.Name", "k"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", "v"),
        ])
    );
}

#[tokio::test]
async fn ec2_has_a_dialect() {
    let body = "<DescribeInstancesResponse><requestId>r</requestId><reservationSet><item><instancesSet><item>\
        <instanceId>i-1</instanceId><ebsOptimized>false</ebsOptimized></item></instancesSet></item></reservationSet>\
        </DescribeInstancesResponse>";
    let ec2 = answering(vec![], body).await;
    let api = engine("EC2", &ec2).await;
    let call = task(
        "aws-sdk:ec2:describeInstances",
        json!({"InstanceIds": ["i-1", "i-2"], "Filters": [{"Name": "n", "Values": ["v"]}]}),
    );
    let shown = output(&api.run_task("m", call, json!({})).await);
    assert_eq!(
        shown,
        json!({"Reservations": [{"Instances": [{"EbsOptimized": false, "InstanceId": "i-1"}]}]})
    );
    assert_eq!(
        pairs(&ec2.sent()[0]),
        named(&[
            ("InstanceId.1", "i-1"),
            ("InstanceId.2", "i-2"),
            ("Filter.1.Name", "n"),
            ("Filter.1.Value.1", "v"),
        ])
    );

    let body = "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>The instance ID does not exist</Message>\
        </Error></Errors><RequestID>r-1</RequestID></Response>";
    let ec2 = refusing(400, vec![], body).await;
    let api = engine("EC2", &ec2).await;
    let call = task("aws-sdk:ec2:describeInstances", json!({}));
    assert_eq!(
        failure(&api.run_task("m", call, json!({})).await),
        (
            "Ec2.Ec2Exception".to_owned(),
            "The instance ID does not exist (Service: Ec2, Status Code: 400, Request ID: r-1) (SDK Attempt Count: 1)"
                .to_owned()
        )
    );
}

#[tokio::test]
async fn rest_json_binds_labels_queries_headers_and_the_body() {
    let body = r#"{"tags": {"K": "v"}}"#;
    let batch = answering(vec![], body).await;
    let api = engine("BATCH", &batch).await;
    let call = task(
        "aws-sdk:batch:listTagsForResource",
        json!({"ResourceArn": "arn:aws:batch:us-east-1:1:job/a b"}),
    );
    assert_eq!(
        output(&api.run_task("m", call, json!({})).await),
        json!({"Tags": {"K": "v"}})
    );
    let sent = batch.sent().remove(0);
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str()),
        ("GET", "/v1/tags/arn%3Aaws%3Abatch%3Aus-east-1%3A1%3Ajob%2Fa%20b")
    );
    assert_eq!(signed::scope(&sent, SECRET), "us-east-1/batch");

    let lambda = answering(
        vec![],
        r#"{"Functions": [{"FunctionName": "f"}], "NextMarker": null}"#,
    )
    .await;
    let api = engine("LAMBDA", &lambda).await;
    let call = task(
        "aws-sdk:lambda:listFunctions",
        json!({"MaxItems": 5, "Marker": "a/b"}),
    );
    assert_eq!(
        output(&api.run_task("m", call, json!({})).await),
        json!({"Functions": [{"FunctionName": "f"}]})
    );
    assert_eq!(
        lambda.sent()[0].path,
        "/2015-03-31/functions?MaxItems=5&Marker=a%2Fb"
    );
}

#[tokio::test]
async fn a_body_that_is_one_member_is_sent_and_shown_as_it_is() {
    let headers = vec![
        ("x-amz-executed-version", "$LATEST"),
        ("content-type", "application/json"),
    ];
    let lambda = answering(headers, r#"{"answer": 42}"#).await;
    let api = engine("LAMBDA", &lambda).await;
    let call = task(
        "aws-sdk:lambda:invoke",
        json!({"FunctionName": "f", "Payload": {"n": 1}}),
    );
    let shown = output(&api.run_task("m", call, json!({})).await);
    assert_eq!(
        shown,
        json!({"ExecutedVersion": "$LATEST", "Payload": r#"{"answer": 42}"#, "StatusCode": 200})
    );
    assert_eq!(lambda.sent()[0].body, r#"{"n":1}"#);
}

#[tokio::test]
async fn s3_objects_are_put_with_their_checksum_and_read_with_their_headers() {
    let headers = vec![
        ("etag", "\"abc\""),
        ("x-amz-meta-owner", "me"),
        ("last-modified", "Tue, 14 Nov 2023 22:13:20 GMT"),
        ("content-type", "text/csv"),
        ("accept-ranges", "bytes"),
    ];
    let s3 = answering(headers, "a,b\n1,2\n").await;
    let api = engine("S3", &s3).await;
    let put = task(
        "aws-sdk:s3:putObject",
        json!({"Bucket": "b", "Key": "dir/a b+c.json", "Body": {"Dict": "Value"}, "Metadata": {"Owner": "me"}, "ContentType": "application/json"}),
    );
    assert_eq!(
        output(&api.run_task("put", put, json!({})).await)["ETag"],
        "\"abc\""
    );
    let sent = s3.sent().remove(0);
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str(), sent.body.as_str()),
        ("PUT", "/b/dir/a%20b%2Bc.json", r#"{"Dict":"Value"}"#)
    );
    // The value that AWS recorded for this body.
    assert_eq!(sent.headers["x-amz-checksum-crc32"], "hnEfWw==");
    assert_eq!(sent.headers["x-amz-meta-owner"], "me");
    assert_eq!(sent.headers["content-type"], "application/json");
    assert_eq!(signed::scope(&sent, SECRET), "us-east-1/s3");

    let get = task("aws-sdk:s3:getObject", json!({"Bucket": "b", "Key": "k"}));
    assert_eq!(
        output(&api.run_task("get", get, json!({})).await),
        json!({
            "AcceptRanges": "bytes",
            "ContentLength": 8,
            "ContentType": "text/csv",
            "ETag": "\"abc\"",
            "LastModified": "2023-11-14T22:13:20Z",
            "Metadata": {"owner": "me"},
            "Body": "a,b\n1,2\n",
        })
    );
}

#[tokio::test]
async fn rest_xml_is_read_flattened_and_written_with_its_namespace() {
    let body = "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated><KeyCount>2</KeyCount>\
        <Contents><Key>a</Key><Size>1</Size></Contents><Contents><Key>b</Key><Size>2</Size></Contents></ListBucketResult>";
    let s3 = answering(vec![], body).await;
    let api = engine("S3", &s3).await;
    let list = task(
        "aws-sdk:s3:listObjectsV2",
        json!({"Bucket": "b", "Prefix": "x/y", "MaxKeys": 2}),
    );
    assert_eq!(
        output(&api.run_task("list", list, json!({})).await),
        json!({
            "Contents": [{"Key": "a", "Size": 1}, {"Key": "b", "Size": 2}],
            "IsTruncated": false,
            "KeyCount": 2,
            "Name": "b",
        })
    );
    assert_eq!(s3.sent()[0].path, "/b?list-type=2&prefix=x%2Fy&max-keys=2");
    let tag = task(
        "aws-sdk:s3:putBucketTagging",
        json!({"Bucket": "b", "Tagging": {"TagSet": [{"Key": "k", "Value": "<v>"}]}}),
    );
    api.run_task("tag", tag, json!({})).await;
    let sent = s3.sent().remove(1);
    assert_eq!(sent.path, "/b?tagging=");
    assert_eq!(
        sent.body,
        "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet><Tag><Key>k</Key><Value>&lt;v&gt;</Value></Tag></TagSet></Tagging>"
    );
    assert_eq!(signed::scope(&sent, SECRET), "us-east-1/s3");
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_an_error_in_aws_s_words() {
    let body = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message><RequestId>r</RequestId></Error>";
    let s3 = refusing(404, vec![("x-amz-id-2", "e")], body).await;
    let api = engine("S3", &s3).await;
    let list = task("aws-sdk:s3:listObjects", json!({"Bucket": "none"}));
    assert_eq!(
        failure(&api.run_task("m", list, json!({})).await),
        (
            "S3.NoSuchBucketException".to_owned(),
            "The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: r, Extended Request ID: e)"
                .to_owned()
        )
    );
}

#[tokio::test]
async fn a_member_that_no_model_has_is_refused_before_anything_is_sent() {
    let s3 = answering(vec![], "").await;
    let api = engine("S3", &s3).await;
    let list = task("aws-sdk:s3:listObjects", json!({"Bucket": "b", "Bukket": 1}));
    let (_, cause) = failure(&api.run_task("m", list, json!({})).await);
    assert!(
        cause.contains("The field \"Bukket\" is not supported by Step Functions"),
        "{cause}"
    );
    assert!(s3.sent().is_empty());
}

#[tokio::test]
async fn a_job_is_followed_to_its_end() {
    let body = r#"{"jobId": "j", "jobName": "n", "jobs": [{"jobId": "j", "status": "SUCCEEDED"}]}"#;
    let batch = answering(vec![], body).await;
    let api = engine("BATCH", &batch).await;
    let call = task(
        "batch:submitJob.sync",
        json!({"JobName": "n", "JobQueue": "q", "JobDefinition": "d"}),
    );
    let done = api.run_task("m", call, json!({})).await;
    assert_eq!(output(&done), json!({"JobId": "j", "Status": "SUCCEEDED"}));
    let paths: Vec<String> = batch.sent().into_iter().map(|sent| sent.path).collect();
    assert_eq!(paths, ["/v1/submitjob", "/v1/describejobs"]);

    let body = r#"{"JobRunId": "r", "JobRun": {"Id": "r", "JobRunState": "FAILED", "ErrorMessage": "no"}}"#;
    let glue = answering(vec![], body).await;
    let api = engine("GLUE", &glue).await;
    let call = task("glue:startJobRun.sync", json!({"JobName": "n"}));
    assert_eq!(
        failure(&api.run_task("m", call, json!({})).await),
        (
            "States.TaskFailed".to_owned(),
            r#"{"ErrorMessage":"no","Id":"r","JobRunState":"FAILED"}"#.to_owned()
        )
    );
}

#[tokio::test]
async fn services_are_found_by_the_sdk_s_variable_and_by_the_host_s_short_name() {
    for variable in ["CLOUDWATCH_LOGS", "LOGS"] {
        let logs = answering(vec![], r#"{"logGroups": []}"#).await;
        let api = engine(variable, &logs).await;
        let call = task("aws-sdk:cloudwatchlogs:describeLogGroups", json!({}));
        assert_eq!(
            output(&api.run_task("m", call, json!({})).await),
            json!({"LogGroups": []})
        );
        assert_eq!(signed::scope(&logs.sent()[0], SECRET), "us-east-1/logs");
    }
}

/// Text of CBOR: its length below 24 (RFC 8949, 3.1) and itself.
fn cbor_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 24);
    [&[0x60 + length], text.as_bytes()].concat()
}

#[tokio::test]
async fn cbor_goes_and_comes_by_smithy_s_protocol() {
    let events = Scripted::start(|sent: &Sent| {
        // By hand, from RFC 8949: a map without a length, a tagged number, a break.
        let body = if sent.path.ends_with("DescribeEventBus") {
            let time = [0xc1, 0x1a, 0x65, 0x53, 0xf1, 0x00];
            let members = [
                cbor_text("Name"),
                cbor_text("b"),
                cbor_text("CreationTime"),
                time.into(),
            ];
            [vec![0xbf], members.concat(), vec![0xff]].concat()
        } else {
            let kind = [
                cbor_text("__type"),
                vec![0x78, 27],
                b"a#ResourceNotFoundException".to_vec(),
            ];
            [vec![0xa1], kind.concat()].concat()
        };
        (
            if sent.path.ends_with("DescribeEventBus") {
                200
            } else {
                404
            },
            body,
        )
    })
    .await;
    let api = Api::start(IntegrationsConfig {
        endpoints: endpoints([("EVENTBRIDGEV2", &events.url)]),
        ..IntegrationsConfig::default()
    })
    .await;
    let call = task(
        "aws-sdk:eventbridgev2:describeEventBus",
        json!({"EventBusArn": "arn"}),
    );
    let shown = output(&api.run_task("m", call, json!({})).await);
    assert_eq!(
        shown,
        json!({"Name": "b", "CreationTime": "2023-11-14T22:13:20Z"})
    );
    let sent = events.sent().remove(0);
    assert_eq!(sent.path, "/service/AWSEventsV2/operation/DescribeEventBus");
    assert_eq!(sent.headers["smithy-protocol"], "rpc-v2-cbor");
    assert_eq!(sent.headers["content-type"], "application/cbor");
    let written = [vec![0xa1], cbor_text("EventBusArn"), cbor_text("arn")].concat();
    assert_eq!(sent.bytes, written);
    let call = task(
        "aws-sdk:eventbridgev2:deleteEventBus",
        json!({"EventBusArn": "arn"}),
    );
    let (error, _) = failure(&api.run_task("n", call, json!({})).await);
    assert_eq!(error, "EventBridgeV2.ResourceNotFoundException");
}

#[tokio::test]
async fn actions_that_stream_events_are_refused_when_the_machine_is_made() {
    let api = Api::start(IntegrationsConfig::default()).await;
    for action in [
        "bedrockruntime:invokeModelWithResponseStream",
        "bedrockruntime:converseStream",
        "kinesis:subscribeToShard",
        "lambda:invokeWithResponseStream",
        "s3:selectObjectContent",
        "transcribestreaming:startStreamTranscription",
    ] {
        let resource = format!("arn:aws:states:::aws-sdk:{action}");
        let definition =
            json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": true}}});
        let refused = api
            .refused(
                "CreateStateMachine",
                json!({"name": "m", "definition": definition.to_string(), "roleArn": "arn:aws:iam::000000000000:role/r"}),
            )
            .await;
        assert_eq!(refused["__type"], "InvalidDefinition", "{refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("The resource provided {resource} is not recognized.")),
            "{message}"
        );
    }
}
