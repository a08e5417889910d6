//! The executable as a child process, and a client for it.

use std::process::Stdio;

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::eventually;

/// How the executable is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The configuration file's text; none is given when empty.
    pub config: String,
    /// Environment variables besides the harness's own.
    pub environment: Vec<(String, String)>,
    /// Sent as `Authorization: Bearer …` with every request of the client.
    pub key: Option<String>,
    /// Use this database rather than a fresh one of the test run's server.
    pub database_url: Option<String>,
    /// Let it bring its own Postgres, as it does for who has none.
    pub embedded_postgres: bool,
    /// Listen on every address, as in a container.
    pub beyond_loopback: bool,
}

/// A running Signalbox. Killed when dropped.
pub struct Signalbox {
    options: Options,
    child: Child,
    folder: tempfile::TempDir,
    /// Where its database is.
    pub database_url: String,
    /// Base URL of the API, such as `http://127.0.0.1:40123`.
    pub api: String,
    /// Base URL of the embedded Step Functions endpoint.
    pub engine: String,
    client: reqwest::Client,
}

/// What the API answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: reqwest::header::HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null when it is not JSON.
    pub json: Value,
}

impl Answer {
    /// The JSON body, after checking the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "the answer was {}", self.text);
        self.json
    }

    /// Checks that it is a problem document with this status and code.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "the answer was {}",
            self.text
        );
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }
}

impl Signalbox {
    /// Starts it on an empty database.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// Starts it with this configuration file.
    pub async fn start_configured(config: &str) -> Self {
        Self::start_with(Options {
            config: config.to_owned(),
            ..Options::default()
        })
        .await
    }

    /// Starts it and waits until it is ready.
    pub async fn start_with(options: Options) -> Self {
        let database_url = match &options.database_url {
            Some(url) => url.clone(),
            None if options.embedded_postgres => String::new(),
            None => signalbox_postgres::testing::database().await.url,
        };
        let folder = tempfile::tempdir().unwrap();
        // The embedded Postgres runs as another user when the tests run as root.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let (child, api, engine) = spawn(&options, &database_url, folder.path()).await;
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let signalbox = Self {
            options,
            child,
            folder,
            database_url,
            api,
            engine,
            client,
        };
        signalbox.ready().await;
        signalbox
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again on the same database after [`Self::kill`] or [`Self::terminate`]. The addresses are new ones.
    pub async fn restart(&mut self) {
        (self.child, self.api, self.engine) =
            spawn(&self.options, &self.database_url, self.folder.path()).await;
        self.ready().await;
    }

    /// SIGTERM; gives the exit status.
    pub async fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(pid).unwrap(),
            rustix::process::Signal::TERM,
        )
        .unwrap();
        self.child.wait().await.unwrap()
    }

    /// Its process id; none when it has ended.
    pub fn pid(&self) -> Option<rustix::process::Pid> {
        rustix::process::Pid::from_raw(i32::try_from(self.child.id()?).ok()?)
    }

    /// Waits for its end, which is somebody else's doing.
    pub async fn ended(&mut self) {
        self.child.wait().await.unwrap();
    }

    /// The process id of the embedded Postgres, of which the data directory's own lock file tells.
    pub fn postmaster(&self) -> Option<rustix::process::Pid> {
        let file = self.folder.path().join("data/postgres/data/postmaster.pid");
        let text = std::fs::read_to_string(file).ok()?;
        rustix::process::Pid::from_raw(text.lines().next()?.parse().ok()?)
    }

    /// Waits until it is ready.
    pub async fn ready(&self) {
        eventually("GET /readyz answers 200", async || {
            let answer = self
                .client
                .get(format!("{}/readyz", self.api))
                .send()
                .await
                .ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// GET of a path such as `/v1/templates`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: impl Into<Value>) -> Answer {
        self.send(self.request(Method::POST, path).json(&body.into()))
            .await
    }

    /// DELETE of a path.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A request that is not sent yet, with the key if there is one.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.api));
        match &self.options.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Sends a request; a connection that fails is the test's failure.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.expect("the service answers")
    }

    /// Sends a request; none when the connection fails, as it does while the service is down.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Answer {
            status,
            headers,
            text,
            json,
        })
    }

    /// Calls an operation of the embedded Step Functions endpoint as account 000000000000 in us-east-1.
    pub async fn step_functions(&self, operation: &str, body: impl Into<Value>) -> Answer {
        let authorization = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/states/aws4_request, \
                             SignedHeaders=host, Signature=0";
        let request = self
            .client
            .post(format!("{}/", self.engine))
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("authorization", authorization)
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.into().to_string());
        self.send(request).await
    }

    /// Registers a template with this definition in the environment `default`.
    pub async fn register(&self, name: &str, definition: Value) -> Value {
        self.post(
            "/v1/templates",
            serde_json::json!({ "name": name, "definition": definition }),
        )
        .await
        .expect(201)
    }

    /// Waits until the execution has closed, and gives it.
    pub async fn closed(&self, id: &str) -> Value {
        eventually(&format!("execution {id} closes"), async || {
            let execution = self.get(&format!("/v1/executions/{id}")).await.expect(200);
            (execution["status"] != "RUNNING").then_some(execution)
        })
        .await
    }
}

/// Starts the process; its first lines on standard output tell its addresses.
async fn spawn(options: &Options, database_url: &str, folder: &std::path::Path) -> (Child, String, String) {
    let listen = if options.beyond_loopback {
        "0.0.0.0:0"
    } else {
        "127.0.0.1:0"
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    command
        .args([
            "serve",
            "--listen",
            listen,
            "--engine-listen",
            listen,
            "--data-dir",
        ])
        .arg(folder.join("data"));
    if !options.config.is_empty() {
        let file = folder.join("signalbox.toml");
        std::fs::write(&file, &options.config).unwrap();
        command.arg("--config").arg(file);
    }
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .envs(options.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    if !options.embedded_postgres {
        command.env("DATABASE_URL", database_url);
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut api, mut engine) = (None, None);
    while api.is_none() || engine.is_none() {
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("the process told its addresses before it ended");
        if let Some(url) = address(&line, "API") {
            api = Some(url);
        } else if let Some(url) = address(&line, "Step Functions") {
            engine = Some(url);
        }
    }
    // What else it prints must go somewhere, or the pipe fills and the process stops.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, api.unwrap(), engine.unwrap())
}

/// The URL on a line such as `  API             http://127.0.0.1:8080`.
fn address(line: &str, what: &str) -> Option<String> {
    let rest = line.trim().strip_prefix(what)?;
    let url = rest.trim();
    url.starts_with("http://")
        .then(|| url.trim_end_matches('/').to_owned())
}
