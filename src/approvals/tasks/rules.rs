//! Who may do what with a task, and what the engine's answer means for it. Pure.

use super::model::{Task, TaskState};
use crate::access::Caller;
use crate::config::Role;

/// The error of a task that nobody answered in time; a workflow may catch it by this name.
pub(super) const DEADLINE_ERROR: &str = "Signalbox.TaskDeadline";

/// Why something can't be done with a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TaskRefusal {
    /// Neither assigned to the caller nor held by them.
    #[error("this task is not assigned to `{name}`")]
    NotAssigned { name: String },
    /// Somebody else works on it.
    #[error("`{holder}` works on this task")]
    Held { holder: String },
    /// The caller does not hold it.
    #[error("`{name}` does not hold this task")]
    NotHeld { name: String },
    /// It is answered.
    #[error("this task is answered already")]
    Answered,
}

/// Whether the caller may claim it. Claiming what one holds already is fine.
pub(super) fn may_claim(task: &Task, terms: &[String], who: &Caller) -> Result<(), TaskRefusal> {
    match (task.state, &task.claimed_by) {
        (TaskState::Open, _) if is_assigned(task, terms) => Ok(()),
        (TaskState::Open, _) => Err(TaskRefusal::NotAssigned {
            name: who.name.clone(),
        }),
        (TaskState::Claimed, Some(holder)) if *holder == who.name => Ok(()),
        (TaskState::Claimed, holder) => Err(TaskRefusal::Held {
            holder: holder.clone().unwrap_or_default(),
        }),
        (
            TaskState::Completing
            | TaskState::Failing
            | TaskState::Completed
            | TaskState::Failed
            | TaskState::Gone,
            _,
        ) => Err(TaskRefusal::Answered),
    }
}

/// Whether the caller may answer it, or hand it to somebody else: who holds it, or who could claim it.
pub(super) fn may_answer(task: &Task, terms: &[String], who: &Caller) -> Result<(), TaskRefusal> {
    may_claim(task, terms, who)
}

/// Whether the caller may put it back: who holds it, and admins.
pub(super) fn may_release(task: &Task, who: &Caller) -> Result<(), TaskRefusal> {
    match (task.state, &task.claimed_by) {
        (TaskState::Claimed, Some(holder)) if *holder == who.name || who.has(Role::Admin) => Ok(()),
        (TaskState::Open | TaskState::Claimed, _) => Err(TaskRefusal::NotHeld {
            name: who.name.clone(),
        }),
        (
            TaskState::Completing
            | TaskState::Failing
            | TaskState::Completed
            | TaskState::Failed
            | TaskState::Gone,
            _,
        ) => Err(TaskRefusal::Answered),
    }
}

fn is_assigned(task: &Task, terms: &[String]) -> bool {
    task.assignees.iter().any(|assignee| terms.contains(assignee))
}

/// What the engine said to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It took it.
    Taken,
    /// It does not wait for this token, or it refuses it.
    NotWaiting,
}

/// How the task ends. An engine that does not wait any more, after an earlier call whose answer was not recorded, has most
/// likely taken that one; without an earlier call the task was over before it was answered.
pub(super) fn end(
    state: TaskState,
    heard: Heard,
    called_before: bool,
    said: &str,
) -> (TaskState, Option<String>) {
    let answered = if state == TaskState::Failing {
        TaskState::Failed
    } else {
        TaskState::Completed
    };
    match (heard, called_before) {
        (Heard::Taken, _) => (answered, None),
        (Heard::NotWaiting, true) => {
            let note = format!(
                "not confirmed: an earlier attempt has probably reached the engine, which now says: {said}"
            );
            (answered, Some(note))
        }
        (Heard::NotWaiting, false) => (TaskState::Gone, Some(said.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::ids::TaskId;

    fn task(state: TaskState, holder: Option<&str>) -> Task {
        Task {
            id: TaskId::generate(),
            environment: "default".to_owned(),
            execution_arn: None,
            title: "Check".to_owned(),
            description: None,
            assignees: vec!["bob".to_owned(), "group:payments".to_owned()],
            form: None,
            input: None,
            state,
            claimed_by: holder.map(ToOwned::to_owned),
            answered_by: None,
            answer: None,
            error: None,
            cause: None,
            outcome_note: None,
            created_at: DateTime::UNIX_EPOCH,
            deadline_at: None,
            answered_at: None,
            sending_at: None,
            closed_at: None,
        }
    }

    fn caller(name: &str) -> (Caller, Vec<String>) {
        let who = Caller {
            name: name.to_owned(),
            roles: vec![Role::Approver],
        };
        let terms = vec![name.to_owned(), "role:approver".to_owned()];
        (who, terms)
    }

    #[test]
    fn only_who_it_is_assigned_to_claims_it_and_only_one_of_them() {
        let (bob, bobs) = caller("bob");
        let (mallory, mallorys) = caller("mallory");
        assert_eq!(may_claim(&task(TaskState::Open, None), &bobs, &bob), Ok(()));
        assert!(matches!(
            may_claim(&task(TaskState::Open, None), &mallorys, &mallory),
            Err(TaskRefusal::NotAssigned { .. })
        ));
        let held = task(TaskState::Claimed, Some("alice"));
        assert_eq!(
            may_claim(&held, &bobs, &bob),
            Err(TaskRefusal::Held {
                holder: "alice".to_owned()
            })
        );
        assert_eq!(
            may_answer(&held, &bobs, &bob),
            Err(TaskRefusal::Held {
                holder: "alice".to_owned()
            })
        );
    }

    #[test]
    fn who_was_handed_a_task_answers_it_without_being_assigned() {
        let (carol, carols) = caller("carol");
        assert_eq!(
            may_answer(&task(TaskState::Claimed, Some("carol")), &carols, &carol),
            Ok(())
        );
    }

    #[test]
    fn only_the_holder_or_an_admin_puts_it_back() {
        let held = task(TaskState::Claimed, Some("alice"));
        assert!(may_release(&held, &caller("bob").0).is_err());
        assert!(may_release(&held, &caller("alice").0).is_ok());
        assert!(may_release(&held, &Caller::anonymous()).is_ok());
    }

    #[test]
    fn an_answered_task_is_not_answered_again() {
        let (bob, bobs) = caller("bob");
        for state in [
            TaskState::Completing,
            TaskState::Failing,
            TaskState::Completed,
            TaskState::Gone,
        ] {
            assert_eq!(
                may_answer(&task(state, None), &bobs, &bob),
                Err(TaskRefusal::Answered)
            );
        }
    }

    #[test]
    fn an_engine_that_does_not_wait_means_gone_unless_an_earlier_call_may_have_reached_it() {
        assert_eq!(
            end(TaskState::Completing, Heard::Taken, false, "").0,
            TaskState::Completed
        );
        assert_eq!(
            end(TaskState::Failing, Heard::Taken, true, "").0,
            TaskState::Failed
        );
        assert_eq!(
            end(TaskState::Completing, Heard::NotWaiting, false, "TaskTimedOut").0,
            TaskState::Gone
        );
        let (state, note) = end(TaskState::Completing, Heard::NotWaiting, true, "TaskTimedOut");
        assert_eq!(state, TaskState::Completed);
        assert!(note.unwrap().starts_with("not confirmed"));
    }
}
