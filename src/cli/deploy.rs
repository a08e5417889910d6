//! `signalbox deploy`: start a deployment from the terminal, and watch it: weights, counts, the judge's evidence. On a terminal
//! the picture is drawn over itself; into a file or a pipe goes one line for each change.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

/// How often a watched deployment is asked after.
const ASK_INTERVAL: Duration = Duration::from_millis(500);

/// How often a service that does not answer is asked again before the watch ends, and how long between.
const PATIENCE: u32 = 60;

/// Columns of the bar that shows the weights.
const BAR_COLUMNS: u64 = 40;

/// Starts a deployment, or watches one.
#[derive(Debug, Args)]
pub struct Deploy {
    /// The template to deploy.
    #[arg(long, required_unless_present_any = ["file", "watch_id"])]
    pub template: Option<String>,
    /// Its revision; the newest when absent.
    #[arg(long)]
    pub revision: Option<i32>,
    /// Where to.
    #[arg(long, default_value = "default")]
    pub environment: String,
    /// A strategy's name (`canary`), or a strategy as JSON.
    #[arg(long)]
    pub strategy: Option<String>,
    /// The whole request as JSON, as `POST /v1/deployments` takes it; `-` reads standard input.
    #[arg(long, conflicts_with_all = ["template", "revision", "strategy"])]
    pub file: Option<PathBuf>,
    /// Print the plan; start nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Stay until it has ended; the exit status is 0 only if it succeeded.
    #[arg(long)]
    pub watch: bool,
    /// Watch this deployment (`dep_…`) instead of starting one.
    #[arg(value_name = "DEPLOYMENT", id = "watch_id")]
    pub watch_id: Option<String>,
    /// Where the service is.
    #[arg(long, env = "SIGNALBOX_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Key to call it with.
    #[arg(long, env = "SIGNALBOX_KEY", hide_env_values = true)]
    pub key: Option<String>,
}

/// Why the command ended early.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The request's file could not be read, or is no JSON.
    #[error("could not read the request from {path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The service could not be reached.
    #[error("could not reach {url}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The service refused.
    #[error("{0}")]
    Refused(String),
    /// The terminal is gone.
    #[error("could not write")]
    Output(#[from] io::Error),
}

impl Deploy {
    /// Runs the command on standard output.
    pub async fn run(self) -> Result<ExitCode, DeployError> {
        let drawn = io::stdout().is_terminal();
        self.run_on(&mut io::stdout(), drawn).await
    }

    /// Runs the command; `drawn` says that `output` is a terminal that can be drawn upon.
    pub async fn run_on(
        &self,
        output: &mut (dyn Write + Send),
        drawn: bool,
    ) -> Result<ExitCode, DeployError> {
        let client = Client::new();
        let id = if let Some(id) = &self.watch_id {
            id.clone()
        } else {
            let path = if self.dry_run {
                "/v1/deployments?dry_run=true"
            } else {
                "/v1/deployments"
            };
            let answer = self
                .call(self.request(&client, Method::POST, path).json(&self.body()?))
                .await?;
            if self.dry_run {
                write!(output, "{}", plan(&answer))?;
                return Ok(ExitCode::SUCCESS);
            }
            let id = text(&answer, "/id").to_owned();
            writeln!(output, "{id}")?;
            id
        };
        if !self.watch && self.watch_id.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
        self.follow(&client, &id, output, drawn).await
    }

    /// The body of the request.
    fn body(&self) -> Result<Value, DeployError> {
        let Some(path) = &self.file else {
            let strategy = self.strategy.as_ref().map(|written| {
                serde_json::from_str::<Value>(written).unwrap_or_else(|_| Value::String(written.clone()))
            });
            let mut body = json!({"template": self.template, "environment": self.environment});
            if let Some(members) = body.as_object_mut() {
                members.extend(
                    self.revision
                        .map(|revision| ("revision".to_owned(), json!(revision))),
                );
                members.extend(strategy.map(|strategy| ("strategy".to_owned(), strategy)));
            }
            return Ok(body);
        };
        let refuse = |source: Box<dyn Error + Send + Sync>| DeployError::File {
            path: path.display().to_string(),
            source,
        };
        let written = if path.as_os_str() == "-" {
            io::read_to_string(io::stdin())
        } else {
            std::fs::read_to_string(path)
        };
        let written = written.map_err(|error| refuse(error.into()))?;
        serde_json::from_str(&written).map_err(|error| refuse(error.into()))
    }

    fn request(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        let request = client.request(method, format!("{}{path}", self.url.trim_end_matches('/')));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    async fn call(&self, request: RequestBuilder) -> Result<Value, DeployError> {
        let unreachable = |source| DeployError::Unreachable {
            url: self.url.clone(),
            source,
        };
        let response = request.send().await.map_err(unreachable)?;
        let succeeded = response.status().is_success();
        let answer: Value = response.json().await.map_err(unreachable)?;
        if succeeded {
            Ok(answer)
        } else {
            Err(DeployError::Refused(refusal(&answer)))
        }
    }

    /// Shows the deployment until it has ended. A service that restarts meanwhile is waited for.
    async fn follow(
        &self,
        client: &Client,
        id: &str,
        output: &mut (dyn Write + Send),
        drawn: bool,
    ) -> Result<ExitCode, DeployError> {
        let (mut shown, mut drawn_lines, mut failures) = (String::new(), 0, 0);
        loop {
            let request = self.request(client, Method::GET, &format!("/v1/deployments/{id}"));
            let view = match self.call(request).await {
                Ok(view) => view,
                Err(DeployError::Unreachable { .. }) if failures < PATIENCE => {
                    failures += 1;
                    tokio::time::sleep(ASK_INTERVAL).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            failures = 0;
            if drawn {
                let picture = picture(&view);
                if drawn_lines > 0 {
                    // Up to where the last picture began, and clear from there.
                    write!(output, "\x1b[{drawn_lines}A\x1b[J")?;
                }
                drawn_lines = picture.lines().count();
                write!(output, "{picture}")?;
                output.flush()?;
            } else {
                let line = line(&view);
                if line != shown {
                    writeln!(output, "{line}")?;
                    output.flush()?;
                    shown = line;
                }
            }
            match text(&view, "/state") {
                "succeeded" => return Ok(ExitCode::SUCCESS),
                "rolled_back" | "failed" | "aborted" | "superseded" => return Ok(ExitCode::FAILURE),
                _ => tokio::time::sleep(ASK_INTERVAL).await,
            }
        }
    }
}

/// A problem document for people.
fn refusal(problem: &Value) -> String {
    let mut told = text(problem, "/detail").to_owned();
    for error in problem
        .pointer("/errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let _ = write!(
            told,
            "\n  {} {}",
            text(error, "/pointer"),
            text(error, "/message")
        );
    }
    told
}

/// A plan for people.
fn plan(plan: &Value) -> String {
    let mut told = format!(
        "{} revision {} to {}\n",
        text(plan, "/template"),
        number(plan, "/revision"),
        text(plan, "/environment")
    );
    let list = |pointer: &str| {
        plan.pointer(pointer)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    for (place, step) in list("/course/steps").iter().enumerate() {
        let _ = writeln!(
            told,
            "  step {}: {} % for {} s, {} executions at least",
            place + 1,
            number(step, "/weight"),
            number(step, "/bake_seconds"),
            number(step, "/min_samples")
        );
    }
    for warning in list("/warnings") {
        let _ = writeln!(told, "  warning: {}", text(&warning, "/message"));
    }
    let _ = writeln!(told, "  {}", text(plan, "/digest"));
    told
}

/// One line, for logs: changes when something worth knowing changes.
fn line(view: &Value) -> String {
    let why = [text(view, "/pause/detail"), text(view, "/error")]
        .into_iter()
        .find(|why| !why.is_empty());
    let mut told = format!(
        "{}: {} % new, failed new {}/{}, old {}/{}",
        text(view, "/state"),
        new_weight(view),
        number(view, "/analysis/arms/canary/failed"),
        number(view, "/analysis/arms/canary/n"),
        number(view, "/analysis/arms/stable/failed"),
        number(view, "/analysis/arms/stable/n"),
    );
    if let Some(why) = why {
        let _ = write!(told, ": {why}");
    }
    told
}

/// The picture for a terminal.
fn picture(view: &Value) -> String {
    let weight = new_weight(view);
    let filled = weight * BAR_COLUMNS / 100;
    let bar: String = (0..BAR_COLUMNS)
        .map(|column| if column < filled { '█' } else { '░' })
        .collect();
    let mut told = format!(
        "{} {}/{} revision {}\n  {:<14} step {} of {}\n  {bar} {weight} % new\n",
        text(view, "/id"),
        text(view, "/template"),
        text(view, "/environment"),
        number(view, "/revision"),
        text(view, "/state"),
        number(view, "/step"),
        number(view, "/step_count"),
    );
    for (name, arm) in [("new", "canary"), ("old", "stable")] {
        let count = |what: &str| number(view, &format!("/analysis/arms/{arm}/{what}"));
        let _ = writeln!(
            told,
            "  {name}  {} closed, {} failed, {} running",
            count("n"),
            count("failed"),
            count("open")
        );
    }
    let tests = view
        .pointer("/analysis/tests")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for test in tests {
        let float = |pointer: &str| test.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
        let _ = writeln!(
            told,
            "  evidence of {:<9} {:>10.2} (back at {:.0})",
            text(&test, "/test"),
            float("/e_value"),
            float("/threshold")
        );
    }
    for why in [
        text(view, "/analysis/reason"),
        text(view, "/pause/detail"),
        text(view, "/error"),
    ] {
        if !why.is_empty() {
            let _ = writeln!(told, "  {why}");
        }
    }
    told
}

/// The new version's share of the starts, percent.
fn new_weight(view: &Value) -> u64 {
    let to = text(view, "/to_version_arn");
    let lines = view.pointer("/weights").and_then(Value::as_array);
    lines
        .into_iter()
        .flatten()
        .find(|line| text(line, "/version_arn") == to)
        .map_or(0, |line| number(line, "/weight"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> Value {
        json!({
            "id": "dep_1", "template": "orders", "environment": "default", "revision": 2, "state": "baking", "step": 1,
            "step_count": 3, "to_version_arn": "m:2",
            "weights": [{"version_arn": "m:1", "weight": 90}, {"version_arn": "m:2", "weight": 10}],
            "analysis": {"arms": {"stable": {"n": 90, "failed": 1}, "canary": {"n": 10, "failed": 2, "open": 1}},
                         "tests": [{"test": "failures", "e_value": 12.5, "threshold": 200.0}]},
            "error": null
        })
    }

    #[test]
    fn a_line_names_state_weight_and_counts() {
        assert_eq!(line(&view()), "baking: 10 % new, failed new 2/10, old 1/90");
    }

    #[test]
    fn the_picture_shows_weights_counts_and_evidence() {
        let picture = picture(&view());
        assert!(
            picture.contains("████░") && picture.contains("10 % new"),
            "{picture}"
        );
        assert!(picture.contains("10 closed, 2 failed, 1 running"), "{picture}");
        assert!(
            picture.contains("failures") && picture.contains("12.50 (back at 200)"),
            "{picture}"
        );
    }

    #[test]
    fn a_refusal_names_what_is_wrong_and_where() {
        let problem = json!({"detail": "it can't be done", "errors": [{"pointer": "/strategy", "message": "is wrong"}]});
        assert_eq!(refusal(&problem), "it can't be done\n  /strategy is wrong");
    }
}
