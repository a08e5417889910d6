//! Lambda functions that run on this machine: a command for each event, or a URL that takes it.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::aws;
use super::config::{Function, FunctionTarget};
use crate::limits::{RESPONSE_BYTES_MAX, STDERR_BYTES_MAX};

/// What a function did with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Returned {
    /// A result: JSON text.
    Result(String),
    /// An error it described itself, as Lambda's runtimes do: JSON text with `errorType` and `errorMessage`.
    Described(String),
    /// An error without such a description.
    Broken {
        /// Lambda's name for it.
        error: &'static str,
        /// What happened.
        cause: String,
    },
}

/// The configured functions, each with its own limit of calls at a time.
#[derive(Debug)]
pub(super) struct Functions {
    by_name: HashMap<String, Local>,
    client: reqwest::Client,
}

#[derive(Debug)]
struct Local {
    function: Function,
    permits: Arc<Semaphore>,
}

impl Functions {
    pub(super) fn new(
        functions: impl IntoIterator<Item = (String, Function)>,
        client: reqwest::Client,
    ) -> Self {
        let by_name = functions
            .into_iter()
            .map(|(name, function)| {
                let permits = Arc::new(Semaphore::new(function.max_concurrency));
                (name, Local { function, permits })
            })
            .collect();
        Self { by_name, client }
    }

    /// Whether a function of this name runs here.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Calls a function; none when there is no such one. Dropping the future ends the call and the process with it.
    pub(super) async fn call(&self, name: &str, event: &str) -> Option<Returned> {
        let local = self.by_name.get(name)?;
        // The semaphore is never closed.
        let _permit = local.permits.acquire().await.ok()?;
        let timeout = Duration::from_secs(local.function.timeout_seconds);
        let call = async {
            match &local.function.target {
                FunctionTarget::Command {
                    command,
                    directory,
                    environment,
                } => {
                    let mut process = Command::new(command.first().map_or("", String::as_str));
                    process
                        .args(command.iter().skip(1))
                        .envs(environment)
                        .env("AWS_LAMBDA_FUNCTION_NAME", name);
                    if let Some(directory) = directory {
                        process.current_dir(directory);
                    }
                    run(name, process, event).await
                }
                FunctionTarget::Url { url } => post(&self.client, name, url, event).await,
            }
        };
        Some(
            tokio::time::timeout(timeout, call)
                .await
                .unwrap_or_else(|_| Returned::Broken {
                    error: "Sandbox.Timedout",
                    cause: format!(
                        "function `{name}` was ended after {} seconds",
                        local.function.timeout_seconds
                    ),
                }),
        )
    }
}

/// A process that is ended with all it started when nobody waits for it any more.
struct Group {
    child: Child,
    leader: Option<rustix::process::Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may be gone already.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

async fn run(name: &str, mut process: Command, event: &str) -> Returned {
    process
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0);
    let mut child = match process.spawn() {
        Ok(child) => child,
        Err(error) => {
            return Returned::Broken {
                error: "Runtime.InvalidEntrypoint",
                cause: format!("the command of function `{name}` could not be started: {error}"),
            };
        }
    };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let leader = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw);
    let mut group = Group { child, leader };
    let give = async {
        if let Some(mut stdin) = stdin {
            // A function that does not read its event is no less a function.
            let _ = stdin.write_all(event.as_bytes()).await;
        }
    };
    let ((), stdout, stderr, status) = tokio::join!(
        give,
        read_start(stdout, RESPONSE_BYTES_MAX),
        read_end(stderr, STDERR_BYTES_MAX),
        group.child.wait()
    );
    group.leader = None;
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            return Returned::Broken {
                error: "Runtime.ExitError",
                cause: format!("function `{name}` could not be waited for: {error}"),
            };
        }
    };
    let Some(stdout) = stdout else {
        return Returned::Broken {
            error: "Function.ResponseSizeTooLarge",
            cause: format!("function `{name}` wrote more than {RESPONSE_BYTES_MAX} bytes"),
        };
    };
    if status.success() {
        return result(name, &stdout);
    }
    if let Some(described) = described(&stdout) {
        return Returned::Described(described);
    }
    let said = String::from_utf8_lossy(&stderr).trim().to_owned();
    let cause = if said.is_empty() {
        format!("function `{name}` ended with {status}")
    } else {
        said
    };
    Returned::Broken {
        error: "Runtime.ExitError",
        cause,
    }
}

async fn post(client: &reqwest::Client, name: &str, url: &str, event: &str) -> Returned {
    let request = client
        .post(url)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(event.to_owned());
    let answer = match request.send().await {
        Ok(response) => aws::read(response).await.map_err(|error| error.to_string()),
        Err(error) => Err(aws::innermost(&error)),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            return Returned::Broken {
                error: "Lambda.SdkClientException",
                cause: format!("function `{name}` could not be called at {url}: {error}"),
            };
        }
    };
    if answer.status.is_success() && answer.header("x-amz-function-error").is_none() {
        return result(name, &answer.body);
    }
    if let Some(described) = described(&answer.body) {
        return Returned::Described(described);
    }
    let body = answer.body.get(..STDERR_BYTES_MAX).unwrap_or(&answer.body);
    let said = String::from_utf8_lossy(body);
    Returned::Broken {
        error: "Lambda.Unknown",
        cause: format!(
            "function `{name}` answered {}: {}",
            answer.status.as_u16(),
            said.trim()
        ),
    }
}

/// What was written, if it is JSON; nothing is null.
fn result(name: &str, text: &[u8]) -> Returned {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Returned::Result("null".to_owned());
    }
    match serde_json::from_slice::<&serde_json::value::RawValue>(text) {
        Ok(json) => Returned::Result(json.get().to_owned()),
        Err(error) => Returned::Broken {
            error: "Runtime.MarshalError",
            cause: format!("the result of function `{name}` is not JSON: {error}"),
        },
    }
}

/// The text, if it is an error as Lambda's runtimes describe them.
fn described(text: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(text).ok()?;
    value.get("errorType")?.as_str()?;
    std::str::from_utf8(text).ok().map(|text| text.trim().to_owned())
}

/// All of it, or nothing when there is more than `max` bytes. It is read to the end either way, so that the writer can go on.
async fn read_start(from: Option<impl AsyncRead + Unpin>, max: usize) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    let mut fits = true;
    read_all(from, |chunk| {
        fits = fits && kept.len() + chunk.len() <= max;
        if fits {
            kept.extend_from_slice(chunk);
        }
    })
    .await;
    fits.then_some(kept)
}

/// The last `max` bytes.
async fn read_end(from: Option<impl AsyncRead + Unpin>, max: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    read_all(from, |chunk| {
        kept.extend_from_slice(chunk);
        if kept.len() > max {
            let surplus = kept.len() - max;
            kept.drain(..surplus);
        }
    })
    .await;
    kept
}

async fn read_all(from: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&[u8])) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        take(buffer.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(command: &[&str], timeout_seconds: u64) -> Functions {
        let function = Function {
            target: FunctionTarget::Command {
                command: command.iter().map(|word| (*word).to_owned()).collect(),
                directory: None,
                environment: [("GREETING".to_owned(), "hello".to_owned())].into(),
            },
            timeout_seconds,
            max_concurrency: 2,
        };
        Functions::new([("f".to_owned(), function)], reqwest::Client::new())
    }

    async fn call(command: &[&str], event: &str) -> Returned {
        functions(command, 30).call("f", event).await.unwrap()
    }

    #[tokio::test]
    async fn a_command_gets_the_event_and_gives_the_result() {
        assert_eq!(
            call(&["cat"], r#"{"a": 1.0}"#).await,
            Returned::Result(r#"{"a": 1.0}"#.into())
        );
        assert_eq!(call(&["true"], "{}").await, Returned::Result("null".into()));
        assert_eq!(
            call(
                &["sh", "-c", "echo \"\\\"$GREETING $AWS_LAMBDA_FUNCTION_NAME\\\"\""],
                "{}"
            )
            .await,
            Returned::Result("\"hello f\"".into())
        );
        assert!(functions(&["cat"], 1).call("g", "{}").await.is_none());
    }

    #[tokio::test]
    async fn an_exit_status_other_than_0_is_an_error() {
        assert_eq!(
            call(&["sh", "-c", "echo out of cheese >&2; exit 3"], "{}").await,
            Returned::Broken {
                error: "Runtime.ExitError",
                cause: "out of cheese".into()
            }
        );
        assert_eq!(
            call(&["sh", "-c", "echo '{\"errorType\": \"Cheese\"}'; exit 3"], "{}").await,
            Returned::Described("{\"errorType\": \"Cheese\"}".into())
        );
        let Returned::Broken { error, .. } = call(&["echo", "not json"], "{}").await else {
            panic!("text that is not JSON is no result")
        };
        assert_eq!(error, "Runtime.MarshalError");
        let Returned::Broken { error, .. } = call(&["/no/such/program"], "{}").await else {
            panic!("what can't be started is an error")
        };
        assert_eq!(error, "Runtime.InvalidEntrypoint");
    }

    #[tokio::test]
    async fn a_command_and_what_it_started_end_at_the_timeout() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let returned = functions(&["sh", "-c", &script], 1)
            .call("f", "{}")
            .await
            .unwrap();
        assert!(
            matches!(
                returned,
                Returned::Broken {
                    error: "Sandbox.Timedout",
                    ..
                }
            ),
            "{returned:?}"
        );
        let pid = std::fs::read_to_string(&file).unwrap();
        let path = format!("/proc/{}/stat", pid.trim());
        // Ended processes may stay as zombies until somebody collects them.
        let gone = || {
            std::fs::read_to_string(&path)
                .ok()
                .and_then(|stat| stat.rsplit(") ").next().map(|rest| rest.starts_with('Z')))
                .unwrap_or(true)
        };
        for _ in 0..1_000 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the sleeping grandchild goes on");
    }
}
