//! StartExecution and StartSyncExecution.

use std::sync::Arc;
use std::time::Duration;

use asl::eval::{ExecutionFacts, MachineKind};
use asl::json::Payload;
use asl::machine::GraphIx;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Executions;
use super::find::FindError;
use super::model::{Execution, ExecutionId, ExecutionStatus, ParentTask};
use crate::limits;
use crate::machines::model::Kind;
use crate::machines::resolve::{ResolveError, Resolved};
use crate::machines::rules::name_is_valid;
use crate::mocks::{MockError, MockFile};
use crate::runtime::{Closed, Start, StartConflict, StartTell, Unavailable};

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct StartExecution {
    /// The ARN of a state machine, a version or an alias; `#TestCase` behind it names a case of the mock file.
    pub arn: String,
    /// Made up when absent.
    pub name: Option<String>,
    /// A JSON text; `{}` when absent.
    pub input: Option<String>,
    /// The X-Ray header.
    pub trace_header: Option<String>,
    /// The task that waits for its end: a start that is repeated for the same task finds the first one's execution.
    pub parent: Option<ParentTask>,
}

/// An execution that was started, now or by the same request before.
#[derive(Debug, Clone)]
pub struct Started {
    /// Its ARN.
    pub arn: Arc<str>,
    /// ms since 1970.
    pub started_at: i64,
    /// What became of it, when it was started before for the same parent.
    pub before: Option<Box<Execution>>,
}

/// An Express execution that was waited for.
#[derive(Debug, Clone)]
pub struct FinishedSync {
    /// How it closed.
    pub closed: Closed,
    /// What AWS would bill.
    pub billed_memory_mb: u64,
    /// In ms, rounded up to 100.
    pub billed_duration_ms: u64,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing can be run by that ARN.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The name has characters or a length that names have not.
    #[error("`{0}` is not a name")]
    Name(String),
    /// The input is not JSON; the text says why, in Jackson's words.
    #[error("the input is not JSON: {0}")]
    Input(String),
    /// The input is longer than 256 KiB.
    #[error("the input has {0} bytes")]
    InputTooLong(usize),
    /// Another execution has the name, with another input or closed.
    #[error("there is an execution `{0}` already")]
    Exists(Arc<str>),
    /// `StartSyncExecution` of a Standard machine.
    #[error("this operation is for Express state machines")]
    NotExpress,
    /// Postgres did not answer.
    #[error("executions could not be read")]
    Database(#[from] sqlx::Error),
    /// The test case is not one of the mock file.
    #[error(transparent)]
    Mock(#[from] MockError),
    /// Not now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Executions {
    /// Starts an execution. It is durable when this returns.
    pub async fn start(&self, command: StartExecution) -> Result<Started, StartError> {
        let prepared = self.prepare(command).await?;
        let (arn, started_at, input, parent) = (
            Arc::clone(&prepared.facts.execution_arn),
            prepared.facts.start_ms,
            prepared.facts.input.clone(),
            prepared.parent,
        );
        let (tell, told) = oneshot::channel();
        self.runtime
            .start(prepared.into_start(StartTell::Started(tell)))?;
        let patience = Duration::from_millis(limits::START_MS_MAX);
        match tokio::time::timeout(patience, told).await {
            Ok(Ok(Ok(()))) => Ok(Started {
                arn,
                started_at,
                before: None,
            }),
            Ok(Ok(Err(StartConflict))) => self.started_before(arn, &input, parent).await,
            Ok(Err(_)) | Err(_) => Err(Unavailable::Away.into()),
        }
    }

    /// Runs an Express execution to its end.
    pub async fn start_sync(&self, command: StartExecution) -> Result<FinishedSync, StartError> {
        let prepared = self.prepare(command).await?;
        if prepared.resolved.definition.kind != Kind::Express {
            return Err(StartError::NotExpress);
        }
        let definition_bytes = prepared.resolved.definition.revision.content.definition.len();
        let (tell, told) = oneshot::channel();
        self.runtime.start(prepared.into_start(StartTell::Closed(tell)))?;
        let patience = Duration::from_millis(limits::EXPRESS_MS_MAX + limits::START_MS_MAX);
        match tokio::time::timeout(patience, told).await {
            Ok(Ok(closed)) => Ok(bill(closed, definition_bytes)),
            Ok(Err(_)) | Err(_) => Err(Unavailable::Away.into()),
        }
    }

    /// An execution of that name is there. The same request again while it runs gets the same answer.
    async fn started_before(
        &self,
        arn: Arc<str>,
        input: &Payload,
        parent: Option<ParentTask>,
    ) -> Result<Started, StartError> {
        let (found, its_parent) = match self.find_with_parent(&arn).await {
            Ok(found) => found,
            Err(FindError::Database(error)) => return Err(error.into()),
            Err(FindError::Arn(_) | FindError::Missing(_)) => return Err(StartError::Exists(arn)),
        };
        let started_at = found.started_at;
        if parent.is_some() && parent == its_parent {
            return Ok(Started {
                arn,
                started_at,
                before: Some(Box::new(found)),
            });
        }
        if found.status == ExecutionStatus::Running && found.input.as_str() == &**input.text() {
            return Ok(Started {
                arn,
                started_at,
                before: None,
            });
        }
        Err(StartError::Exists(arn))
    }

    async fn prepare(&self, command: StartExecution) -> Result<Prepared, StartError> {
        let StartExecution {
            arn,
            name,
            input,
            trace_header,
            parent,
        } = command;
        let (arn, case) = match arn.split_once('#') {
            Some((arn, case)) => (arn.to_owned(), Some(case.to_owned())),
            None => (arn, None),
        };
        let resolved = self.machines.resolve(&arn, rand::random()).await?;
        let mock_case = match case {
            Some(case) => Some(self.mock_case(&resolved.definition.machine_name, case).await?),
            None => None,
        };
        let id = ExecutionId(Uuid::now_v7());
        let name = match name {
            Some(name) if name_is_valid(&name) => name,
            Some(name) => return Err(StartError::Name(name)),
            None => made_up_name(parent).to_string(),
        };
        let input = read_input(input.unwrap_or_else(|| "{}".to_owned()))?;
        let definition = &resolved.definition;
        let (kind, execution_arn) = match definition.kind {
            Kind::Standard => (
                MachineKind::Standard,
                definition.place.execution(&definition.machine_name, &name),
            ),
            Kind::Express => {
                let unique = Uuid::new_v4().to_string();
                (
                    MachineKind::Express,
                    definition.place.express(&definition.machine_name, &name, &unique),
                )
            }
        };
        let facts = ExecutionFacts {
            execution_arn: execution_arn.into(),
            name: name.into(),
            role_arn: Arc::clone(&definition.role_arn),
            start_ms: self.clock.now_ms(),
            machine_arn: Arc::clone(&definition.machine_arn),
            machine_name: Arc::clone(&definition.machine_name),
            version_arn: resolved.version_arn.clone(),
            alias_arn: resolved.alias_arn.clone(),
            input,
            kind,
            redrive_count: 0,
            graph: GraphIx::ROOT,
            counts_attempts: mock_case.is_some(),
        };
        Ok(Prepared {
            id,
            resolved,
            facts,
            trace_header,
            mock_case,
            parent,
        })
    }
}

impl Executions {
    /// The answers of a test case, as the mock file has them now.
    async fn mock_case(&self, machine: &str, case: String) -> Result<Arc<str>, StartError> {
        let Some(path) = &self.mock_config else {
            return Err(MockError::NoFile(case).into());
        };
        let file = MockFile::read(path).await?;
        Ok(file.case(machine, &case)?.into())
    }
}

/// A name for an execution that was not given one. A child's comes from the task that waits for it, so that the task
/// finds its child when it is called again after a crash, and does not start another.
fn made_up_name(parent: Option<ParentTask>) -> Uuid {
    let Some(parent) = parent else {
        return Uuid::new_v4();
    };
    let mut digest = Sha256::new();
    digest.update(parent.execution.0.as_bytes());
    digest.update(parent.task.0.to_be_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    let (first, _) = digest.split_at(16);
    let first = first
        .iter()
        .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    uuid::Builder::from_random_bytes(first.to_be_bytes()).into_uuid()
}

struct Prepared {
    id: ExecutionId,
    resolved: Resolved,
    facts: ExecutionFacts,
    trace_header: Option<String>,
    mock_case: Option<Arc<str>>,
    parent: Option<ParentTask>,
}

impl Prepared {
    fn into_start(self, tell: StartTell) -> Start {
        Start {
            id: self.id,
            definition: self.resolved.definition,
            facts: self.facts,
            trace_header: self.trace_header.map(Into::into),
            mock_case: self.mock_case,
            map_run: None,
            parent: self.parent,
            tell,
        }
    }
}

/// Reads an execution's input.
pub(crate) fn read_input(text: String) -> Result<Payload, StartError> {
    if text.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(StartError::InputTooLong(text.len()));
    }
    let text: Arc<str> = text.into();
    Payload::from_text(Arc::clone(&text)).map_err(|_| StartError::Input(why_not_json(&text)))
}

/// Why a text is not JSON, in the words AWS shows: Jackson's.
pub(crate) fn why_not_json(text: &str) -> String {
    match asl::json::spanned::parse(text) {
        Err(error) if error.kind == asl::json::spanned::SyntaxErrorKind::Empty => {
            "Invalid execution input.".to_owned()
        }
        Err(error) => error.message,
        Ok(_) => "Invalid execution input.".to_owned(),
    }
}

/// What AWS bills (pricing page, "Express Workflows"): time in steps of 100 ms, memory in steps of 64 MB of 50 MB and what
/// the definition and the data take.
fn bill(closed: Closed, definition_bytes: usize) -> FinishedSync {
    let ms = u64::try_from(closed.stopped_at - closed.facts.start_ms).unwrap_or(0);
    let bytes = (definition_bytes + closed.facts.input.len_bytes()) as u64;
    let memory_mb = 50 + bytes.div_ceil(1024 * 1024);
    FinishedSync {
        closed,
        billed_memory_mb: memory_mb.div_ceil(64) * 64,
        billed_duration_ms: ms.div_ceil(100).max(1) * 100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_refused_in_jacksons_words() {
        let refused = |text: &str| match read_input(text.to_owned()) {
            Err(StartError::Input(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            refused("not some json"),
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        );
        assert_eq!(
            refused("{'not': 'json'"),
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name"
        );
        assert_eq!(refused(""), "Invalid execution input.");
    }

    #[test]
    fn a_child_is_named_by_its_task_and_every_task_by_another() {
        let task = |execution: u128, task| {
            let execution = ExecutionId(Uuid::from_u128(execution));
            made_up_name(Some(ParentTask {
                execution,
                task: asl::eval::TaskId(task),
            }))
        };
        assert_eq!(task(1, 1), task(1, 1));
        assert_ne!(task(1, 1), task(1, 2));
        assert_ne!(task(1, 1), task(2, 1));
        assert_ne!(made_up_name(None), made_up_name(None));
    }

    #[test]
    fn the_limit_counts_bytes_and_not_characters() {
        let fits = format!("\"{}\"", "a".repeat(limits::PAYLOAD_BYTES_MAX - 2));
        assert!(read_input(fits).is_ok());
        let too_long = format!("\"{}\"", "ä".repeat(limits::PAYLOAD_BYTES_MAX / 2));
        assert!(matches!(
            read_input(too_long),
            Err(StartError::InputTooLong(262_146))
        ));
    }
}
