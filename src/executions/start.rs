//! Start an execution: record the intention, call Step Functions, record the answer.
//!
//! The record comes first, so a start that was acknowledged is never lost: whoever dies between call and record leaves an `intended` row,
//! which the next repetition of the request, the monitor or [`super::recover`] brings to what the target knows. The name is known before the
//! call, and Step Functions refuses a second execution of the same name, so none of them starts it twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::express::{ExpressArgs, RunExpress};
use super::merge::{self, Place};
use super::model::{Execution, Knowledge, Observation, Origin, Record, Status};
use super::store::{self, NewExecution};
use super::{limits, monitor, observe};
use crate::app::App;
use crate::db::DbError;
use crate::environments::{EnvironmentName, Target, UnknownEnvironment};
use crate::ids::ExecutionId;
use crate::jobs::{self, Enqueue};
use crate::step_functions::{ErrorKind, MachineType, StartExecution, StepFunctionsError};
use crate::templates::{self, RunError, Runnable, Violation};

/// What to start.
#[derive(Debug, Clone)]
pub struct Start {
    /// The template.
    pub template: String,
    /// Where.
    pub environment: EnvironmentName,
    /// The input as JSON text.
    pub input: String,
    /// Its name; absent: its id.
    pub name: Option<String>,
    /// The caller's own key.
    pub business_key: Option<String>,
    /// The caller's own labels.
    pub labels: BTreeMap<String, String>,
    /// Who is told when it closes.
    pub callback_url: Option<String>,
    /// Who starts it.
    pub actor: String,
    /// From the idempotency key: the same for every repetition of the request.
    pub token: Option<String>,
}

/// A field that can't be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer into the request's body.
    pub pointer: &'static str,
    /// What is wrong.
    pub message: String,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Fields that can't be.
    #[error("the request is not valid")]
    Fields(Vec<Fault>),
    /// The template can't be started there.
    #[error(transparent)]
    Run(#[from] RunError),
    /// No such environment.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// The input is too long.
    #[error(
        "the input has {bytes} bytes; {} are allowed",
        crate::limits::EXECUTION_INPUT_BYTES_MAX
    )]
    InputTooLarge {
        /// Bytes of UTF-8.
        bytes: usize,
    },
    /// The input does not fit the schema.
    #[error("the input does not fit the schema of `{template}`")]
    Input {
        /// The template.
        template: String,
        /// How.
        violations: Vec<Violation>,
    },
    /// The name belongs to another execution.
    #[error("an execution `{name}` of this state machine exists already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Step Functions refused.
    #[error("the execution could not be started")]
    StepFunctions(#[from] StepFunctionsError),
    /// The database failed.
    #[error("the execution could not be recorded")]
    Database(#[from] DbError),
}

/// Starts an execution, always through the alias. An Express one is handed to a job, which runs it to its end.
pub async fn start(app: &App, command: Start) -> Result<Execution, StartError> {
    check(app, &command)?;
    let target = Arc::clone(app.environments.target(&command.environment)?);
    let mut conn = app.db.connection().await?;
    let runnable = templates::runnable(&mut conn, &command.template, &command.environment).await?;
    drop(conn);
    check_input(&command, &runnable)?;

    let id = command
        .token
        .as_deref()
        .and_then(|token| format!("{}_{token}", ExecutionId::PREFIX).parse().ok())
        .unwrap_or_else(ExecutionId::generate);
    let name = command.name.clone().unwrap_or_else(|| id.to_string());
    let execution_arn =
        (runnable.kind == MachineType::Standard).then(|| target.execution_arn(&command.template, &name));
    let row = match intend(app, &command, &runnable, id, &name, execution_arn.as_deref()).await? {
        Intention::Recorded(row) => row,
        Intention::Known(row) => return Ok(*row),
    };
    match (&execution_arn, runnable.kind) {
        (Some(_), MachineType::Standard) => call(app, &target, &runnable, &command, &row).await,
        (_, MachineType::Express) | (None, _) => Ok(*row),
    }
}

/// What the record says of a start.
enum Intention {
    /// It is to be called for.
    Recorded(Box<Execution>),
    /// It was started already, by an earlier request with the same key, or with the same name and input.
    Known(Box<Execution>),
}

async fn intend(
    app: &App,
    command: &Start,
    runnable: &Runnable,
    id: ExecutionId,
    name: &str,
    execution_arn: Option<&str>,
) -> Result<Intention, StartError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    templates::hold(&mut tx, &command.template).await?;
    let new = NewExecution {
        id,
        template: &command.template,
        environment: &command.environment,
        kind: runnable.kind,
        state_machine_arn: &runnable.state_machine_arn,
        execution_arn,
        name,
        origin: Origin::Signalbox,
        // AWS acknowledges an Express start before it runs, too; here the job is the acknowledgement.
        record: match runnable.kind {
            MachineType::Standard => Record::Intended,
            MachineType::Express => Record::Started,
        },
        started_at: now,
        alias_arn: Some(&runnable.alias_arn),
        input: Some(&command.input),
        business_key: command.business_key.as_deref(),
        labels: &command.labels,
        callback_url: command.callback_url.as_deref(),
        started_by: Some(&command.actor),
        now,
    };
    let inserted = store::insert(tx.conn(), &new).await?;
    if inserted && runnable.kind == MachineType::Express {
        let args = ExpressArgs { execution: id };
        jobs::enqueue::<RunExpress>(&mut tx, &args, Enqueue::at(now).unique(id.to_string())).await?;
    }
    let Some(row) = store::load(tx.conn(), id).await? else {
        // The id is free, so it is the ARN that is taken.
        let taken = match execution_arn {
            Some(arn) => store::load_by_arn(tx.conn(), arn).await?,
            None => None,
        };
        return match taken {
            Some(row) if is_same(&row, command) => Ok(Intention::Known(Box::new(row))),
            Some(_) | None => Err(StartError::NameTaken {
                name: name.to_owned(),
            }),
        };
    };
    if !inserted {
        match row.record {
            Record::Started => return Ok(Intention::Known(Box::new(row))),
            Record::Intended => store::touch(tx.conn(), id, now).await?,
            Record::Abandoned => store::revive(tx.conn(), id, execution_arn, now).await?,
        }
    }
    tx.commit().await?;
    Ok(Intention::Recorded(Box::new(row)))
}

/// Step Functions' own rule: the same name and input while it runs is the same start (API reference, StartExecution).
fn is_same(row: &Execution, command: &Start) -> bool {
    row.record == Record::Started
        && row.status == Status::Running
        && row.input.as_deref() == Some(command.input.as_str())
}

async fn call(
    app: &App,
    target: &Target,
    runnable: &Runnable,
    command: &Start,
    row: &Execution,
) -> Result<Execution, StartError> {
    let place = Place {
        template: &command.template,
        target,
        state_machine_arn: &runnable.state_machine_arn,
    };
    let asked = target
        .step_functions
        .start_execution(StartExecution {
            state_machine_arn: runnable.alias_arn.clone(),
            name: Some(row.name.clone()),
            input: Some(command.input.clone()),
            trace_header: None,
        })
        .await;
    let observation = match asked {
        Ok(started) => Observation {
            execution_arn: started.execution_arn,
            name: row.name.clone(),
            knowledge: running(started.started_at, &runnable.alias_arn),
        },
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Either an earlier try of ours that has closed since, or somebody else's execution of that name.
            let Some(observation) = observe::ours(target, row).await? else {
                abandon(app, row.id).await?;
                return Err(StartError::NameTaken {
                    name: row.name.clone(),
                });
            };
            observation
        }
        // Nobody knows whether it was started: the row stays, and is looked into later.
        Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error.into()),
        Err(error) => {
            abandon(app, row.id).await?;
            return Err(error.into());
        }
    };
    merge::merge(app, place, &[observation]).await?;
    let mut conn = app.db.connection().await?;
    monitor::watch_soon(&mut conn, &runnable.state_machine_arn, app.clock.now()).await?;
    let stands = store::load(&mut conn, row.id).await?;
    Ok(stands.unwrap_or_else(|| row.clone()))
}

fn running(started_at: DateTime<Utc>, alias_arn: &str) -> Knowledge {
    Knowledge {
        redrive_count: 0,
        status: Status::Running,
        stopped_at: None,
        output: None,
        error: None,
        cause: None,
        started_at: Some(started_at),
        input: None,
        version_arn: None,
        alias_arn: Some(alias_arn.to_owned()),
    }
}

async fn abandon(app: &App, id: ExecutionId) -> Result<(), DbError> {
    let mut conn = app.db.connection().await?;
    store::abandon(&mut conn, id, app.clock.now()).await
}

fn check_input(command: &Start, runnable: &Runnable) -> Result<(), StartError> {
    let Some(schema) = &runnable.input_schema else {
        return Ok(());
    };
    // The text came out of a parsed request, so it is JSON.
    let input: Value = serde_json::from_str(&command.input).unwrap_or(Value::Null);
    let violations = templates::check_input(schema, &input);
    if violations.is_empty() {
        return Ok(());
    }
    Err(StartError::Input {
        template: command.template.clone(),
        violations,
    })
}

fn check(app: &App, command: &Start) -> Result<(), StartError> {
    let bytes = command.input.len();
    if bytes > crate::limits::EXECUTION_INPUT_BYTES_MAX {
        return Err(StartError::InputTooLarge { bytes });
    }
    let mut faults = Vec::new();
    if let Some(name) = &command.name
        && let Err(error) = templates::check_name(name)
    {
        faults.push(fault("/name", error.to_string()));
    }
    if let Some(key) = &command.business_key
        && (key.is_empty() || key.chars().count() > limits::BUSINESS_KEY_LENGTH_MAX)
    {
        faults.push(fault(
            "/business_key",
            format!("must have 1 to {} characters", limits::BUSINESS_KEY_LENGTH_MAX),
        ));
    }
    let long = |text: &String| text.chars().count() > limits::LABEL_LENGTH_MAX;
    if command.labels.len() > limits::LABELS_MAX
        || command
            .labels
            .iter()
            .any(|(key, value)| key.is_empty() || long(key) || long(value))
    {
        faults.push(fault(
            "/labels",
            format!(
                "must be at most {} pairs, keys and values of at most {} characters",
                limits::LABELS_MAX,
                limits::LABEL_LENGTH_MAX
            ),
        ));
    }
    if let Some(url) = &command.callback_url {
        if url.len() > limits::CALLBACK_URL_LENGTH_MAX {
            faults.push(fault(
                "/callback_url",
                format!("must have at most {} characters", limits::CALLBACK_URL_LENGTH_MAX),
            ));
        } else if let Err(error) = app.outbound.check_url(url) {
            faults.push(fault("/callback_url", error.to_string()));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(StartError::Fields(faults))
    }
}

fn fault(pointer: &'static str, message: String) -> Fault {
    Fault { pointer, message }
}

/// Clocks of two machines that are kept by NTP differ by less.
pub(super) const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(60);
