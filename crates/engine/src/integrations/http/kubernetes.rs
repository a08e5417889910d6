//! The Kubernetes API of an EKS cluster: `eks:call`, and `eks:runJob` with its `.sync` (developer guide, "Amazon EKS").

use std::sync::Arc;
use std::time::Duration;

use asl::json::Payload;
use asl::json::value::{Json, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use url::Url;

use super::Http;
use super::exchange::{Names, Outgoing, pairs, shown};
use crate::arn::Place;
use crate::clock::Clock;
use crate::integrations::aws::Answer;
use crate::integrations::jobs::Looks;
use crate::integrations::protocols::as_text;
use crate::integrations::sdk::within_limit;
use crate::integrations::{TaskContext, TaskError, errors};
use crate::limits::{CONNECT_MS_MAX, LOG_CONTAINERS_MAX};

/// `eks:call`
pub(super) async fn call(
    http: &Http,
    parameters: &Json,
    here: &Place,
    now_ms: i64,
) -> Result<Payload, TaskError> {
    let cluster = Cluster::of(http, parameters, here)?;
    let invalid = |what: &str| errors::fail("States.Runtime", format!("not a valid {what}"));
    let method = text(parameters, "Method").unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| invalid("Method"))?;
    let mut url = cluster
        .endpoint
        .join(text(parameters, "Path").unwrap_or_default())
        .map_err(|_| invalid("Path"))?;
    let query = pairs(parameters.get("QueryParameters"));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let body = parameters.get("RequestBody").filter(|body| **body != Json::Null);
    let answer = cluster.ask(method, url, body, now_ms).await?;
    within_limit(result(&answer), "eks")
}

/// A job in a cluster.
pub(super) struct KubernetesJob<'j> {
    cluster: Cluster<'j>,
    parameters: &'j Json,
    clock: &'j dyn Clock,
}

impl<'j> KubernetesJob<'j> {
    pub(super) fn of(
        http: &'j Http,
        parameters: &'j Json,
        here: &'j Place,
        clock: &'j dyn Clock,
    ) -> Result<Self, TaskError> {
        Ok(Self {
            cluster: Cluster::of(http, parameters, here)?,
            parameters,
            clock,
        })
    }

    /// Creates the job; the result is the API's answer.
    pub(super) async fn submit(&self) -> Result<Payload, TaskError> {
        let job = self.parameters.get("Job");
        let url = self.jobs(None)?;
        let answer = self
            .cluster
            .ask(Method::POST, url, job, self.clock.now_ms())
            .await?;
        within_limit(result(&answer), "eks")
    }

    /// Creates the job unless that was done before, and waits for its end; the result is the job, with its logs if they are
    /// asked for.
    pub(super) async fn run(&self, context: &TaskContext) -> Result<Payload, TaskError> {
        let response = if let Some(response) = &context.submitted {
            response.clone()
        } else {
            let response = self.submit().await.map_err(TaskError::of_submission)?;
            context.progress.submitted(response.clone());
            response
        };
        let name = name_of(&response)
            .ok_or_else(|| errors::fail("States.TaskFailed", response.text().to_string()))?;
        let (well, mut job) = self.follow(&name).await?;
        let options = self.parameters.get("LogOptions");
        let is_on = |name: &str| options.and_then(|options| options.get(name)) == Some(&Json::Bool(true));
        if is_on("RetrieveLogs") {
            let form = if is_on("RawLogs") { Logs::Raw } else { Logs::Parsed };
            job.insert("logs".into(), self.logs(&name, form).await);
        }
        if well {
            return within_limit(job, "eks");
        }
        Err(errors::fail("States.TaskFailed", Json::from(job).to_string()))
    }

    /// Deletes the job and its pods.
    pub(super) async fn stop(&self, submitted: &Payload) -> Result<(), TaskError> {
        let Some(name) = name_of(submitted) else {
            return Ok(());
        };
        let mut url = self.jobs(Some(&name))?;
        url.set_query(Some("propagationPolicy=Background"));
        let answer = self
            .cluster
            .ask(Method::DELETE, url, None, self.clock.now_ms())
            .await;
        answer.map(drop)
    }

    async fn follow(&self, name: &str) -> Result<(bool, Object), TaskError> {
        let url = self.jobs(Some(name))?;
        let mut looks = Looks::begin();
        loop {
            looks.wait().await;
            let looked = self
                .cluster
                .ask(Method::GET, url.clone(), None, self.clock.now_ms())
                .await;
            let Some(answer) = looks.found(looked)? else {
                continue;
            };
            let job = body(&answer);
            if let (Some(well), Some(job)) = (end_of(&job), job.as_object()) {
                return Ok((well, job.clone()));
            }
        }
    }

    /// What the containers wrote, as far as it can be had: `{"pods": {…: {"containers": {…: {"log": …}}}}}`.
    async fn logs(&self, job: &str, form: Logs) -> Json {
        let pods = match self.pods(job).await {
            Ok(pods) => pods,
            Err(error) => return failed(&error),
        };
        let mut all = Object::new();
        let mut read = 0;
        for pod in pods.get("items").and_then(Json::as_array).unwrap_or_default() {
            let Some(name) = pod.get("metadata").and_then(|metadata| text(metadata, "name")) else {
                continue;
            };
            let containers = pod
                .get("spec")
                .and_then(|spec| spec.get("containers")?.as_array());
            let mut logs = Object::new();
            for container in containers.unwrap_or_default() {
                let Some(container) = text(container, "name").filter(|_| read < LOG_CONTAINERS_MAX) else {
                    continue;
                };
                read += 1;
                let log = match self.log(name, container).await {
                    Ok(log) => one("log", form.shown(&log)),
                    Err(error) => failed(&error),
                };
                logs.insert(container.into(), log);
            }
            all.insert(name.into(), one("containers", logs.into()));
        }
        one("pods", all.into())
    }

    async fn pods(&self, job: &str) -> Result<Json, TaskError> {
        let mut url = self.below(&["api", "v1", "namespaces", self.namespace(), "pods"])?;
        url.query_pairs_mut()
            .append_pair("labelSelector", &format!("job-name={job}"));
        let answer = self
            .cluster
            .ask(Method::GET, url, None, self.clock.now_ms())
            .await?;
        Ok(body(&answer))
    }

    async fn log(&self, pod: &str, container: &str) -> Result<String, TaskError> {
        let path = ["api", "v1", "namespaces", self.namespace(), "pods", pod, "log"];
        let mut url = self.below(&path)?;
        let given = self
            .parameters
            .get("LogOptions")
            .and_then(|options| options.get("LogParameters"));
        url.query_pairs_mut()
            .append_pair("container", container)
            .extend_pairs(pairs(given));
        let answer = self
            .cluster
            .ask(Method::GET, url, None, self.clock.now_ms())
            .await?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    fn namespace(&self) -> &str {
        text(self.parameters, "Namespace").unwrap_or("default")
    }

    fn jobs(&self, name: Option<&str>) -> Result<Url, TaskError> {
        let path = ["apis", "batch", "v1", "namespaces", self.namespace(), "jobs"];
        let path: Vec<&str> = path.into_iter().chain(name).collect();
        self.below(&path)
    }

    fn below(&self, path: &[&str]) -> Result<Url, TaskError> {
        let mut url = self.cluster.endpoint.clone();
        url.path_segments_mut()
            .map_err(|()| errors::fail("States.Runtime", "not a valid Endpoint"))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }
}

/// How logs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logs {
    /// As they are.
    Raw,
    /// As JSON where they are that.
    Parsed,
}

impl Logs {
    fn shown(self, log: &str) -> Json {
        let parsed = || asl::json::read::read(log).ok();
        match self {
            Self::Raw => None,
            Self::Parsed => parsed(),
        }
        .unwrap_or_else(|| Json::from(log))
    }
}

/// A cluster's API server.
struct Cluster<'c> {
    http: &'c Http,
    client: reqwest::Client,
    endpoint: Url,
    name: &'c str,
    here: &'c Place,
}

impl<'c> Cluster<'c> {
    fn of(http: &'c Http, parameters: &'c Json, here: &'c Place) -> Result<Self, TaskError> {
        let invalid = |what: &str| errors::fail("States.Runtime", format!("not a valid {what}"));
        let endpoint = text(parameters, "Endpoint").and_then(|endpoint| Url::parse(endpoint).ok());
        // Whoever is sent the token may call in the role's name: in the clear it only goes to stand-ins nearby.
        let endpoint = endpoint
            .filter(|endpoint| endpoint.scheme() == "https" || http.reach.private)
            .ok_or_else(|| invalid("Endpoint"))?;
        let mut client = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(http.reach));
        if endpoint.scheme() == "https" {
            let authority = text(parameters, "CertificateAuthority").unwrap_or_default();
            let authority = STANDARD
                .decode(authority)
                .ok()
                .and_then(|pem| reqwest::Certificate::from_pem(&pem).ok())
                .ok_or_else(|| invalid("CertificateAuthority"))?;
            client = client.tls_certs_only([authority]);
        }
        let client = client
            .build()
            .map_err(|error| errors::fail("EKS.SdkClientException", error.to_string()))?;
        Ok(Self {
            http,
            client,
            endpoint,
            name: text(parameters, "ClusterName").unwrap_or_default(),
            here,
        })
    }

    /// Calls the API as the state machine's role.
    async fn ask(
        &self,
        method: Method,
        url: Url,
        given: Option<&Json>,
        now_ms: i64,
    ) -> Result<Answer, TaskError> {
        let unsent = |cause: String| errors::fail("EKS.SdkClientException", cause);
        let token = self
            .http
            .caller
            .cluster_token(self.name, self.here, now_ms)
            .map_err(unsent)?;
        let mut outgoing = Outgoing {
            headers: vec![
                ("Authorization".to_owned(), format!("Bearer {token}")),
                ("Accept".to_owned(), "*/*".to_owned()),
            ],
            body: Bytes::new(),
            url,
            method,
        };
        if let Some(given) = given {
            outgoing.set_header("Content-Type", content_type(&outgoing.method, given).to_owned());
            outgoing.body = Bytes::from(as_text(given));
        }
        let answer = self
            .http
            .exchange_by(&self.client, outgoing)
            .await
            .map_err(|error| unsent(error.to_string()))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(errors::fail(
            format!("EKS.{}", answer.status.as_u16()),
            Json::from(result(&answer)).to_string(),
        ))
    }
}

/// Kubernetes takes several forms of patches, of which a list is only one.
fn content_type(method: &Method, body: &Json) -> &'static str {
    match (*method == Method::PATCH, body) {
        (true, Json::Array(_)) => "application/json-patch+json",
        (true, _) => "application/merge-patch+json",
        (false, _) => "application/json",
    }
}

/// `ResponseBody`, `StatusCode`, `StatusText`
fn result(answer: &Answer) -> Object {
    shown(answer, Names::Capitals)
        .iter()
        .filter(|(name, _)| &***name != "Headers")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn body(answer: &Answer) -> Json {
    std::str::from_utf8(&answer.body)
        .ok()
        .and_then(|text| asl::json::read::read(text).ok())
        .unwrap_or_default()
}

/// The name of the job that was created.
fn name_of(response: &Payload) -> Option<String> {
    let job = response.json().get("ResponseBody")?;
    text(job.get("metadata")?, "name").map(str::to_owned)
}

/// Whether a job ended, and how: its conditions say so.
fn end_of(job: &Json) -> Option<bool> {
    let conditions = job.get("status")?.get("conditions")?.as_array()?;
    let holds = |kind: &str| {
        conditions.iter().any(|condition| {
            text(condition, "type") == Some(kind) && text(condition, "status") == Some("True")
        })
    };
    if holds("Complete") {
        Some(true)
    } else if holds("Failed") {
        Some(false)
    } else {
        None
    }
}

fn text<'j>(json: &'j Json, name: &str) -> Option<&'j str> {
    json.get(name).and_then(Json::as_str)
}

fn one(name: &str, value: Json) -> Json {
    Object::from_iter([(Arc::from(name), value)]).into()
}

/// A log that could not be had.
fn failed(error: &TaskError) -> Json {
    let text = |text: &Option<Arc<str>>| Json::from(text.as_deref().unwrap_or_default());
    let members = [("error", text(&error.error)), ("cause", text(&error.cause))];
    members
        .into_iter()
        .map(|(name, value)| (Arc::from(name), value))
        .collect::<Object>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_over_when_a_condition_says_so() {
        let end = |conditions: &str| {
            let job = format!(r#"{{"status": {{"active": 1, "conditions": {conditions}}}}}"#);
            end_of(&asl::json::read::read(&job).unwrap())
        };
        assert_eq!(end("[]"), None);
        assert_eq!(end(r#"[{"type": "Complete", "status": "False"}]"#), None);
        assert_eq!(end(r#"[{"type": "Complete", "status": "True"}]"#), Some(true));
        assert_eq!(
            end(r#"[{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True"}]"#),
            Some(false)
        );
    }

    #[test]
    fn logs_are_parsed_unless_they_are_wanted_raw() {
        assert_eq!(Logs::Parsed.shown("{\"n\": 1}\n").to_string(), r#"{"n":1}"#);
        assert_eq!(Logs::Parsed.shown("n = 1"), Json::from("n = 1"));
        assert_eq!(Logs::Raw.shown("1"), Json::from("1"));
    }
}
