//! From a record to what it leads to: it is sent to the journal, and when it is durable its effects are let out.

use std::sync::Arc;

use asl::eval::{Resource, TaskCall, TaskId};

use super::Shard;
use crate::executions::{ExecutionId, ExecutionStatus, ParentTask};
use crate::journal::{Fate, Record, Written};
use crate::limits;
use crate::map_runs::{Beginning, Order, OrderKind};
use crate::mocks;
use crate::runtime::activities::Ticket;
use crate::runtime::lanes::Job;
use crate::runtime::live::Action;
use crate::runtime::message::{Closed, Input, Message, StartConflict};
use crate::runtime::slot::{Here, Pending, Slot, State, Tell, refuse, say};
use crate::runtime::snapshot::{OpenMapRun, OpenTask};

impl Shard {
    pub(super) fn send(&mut self, record: Record) {
        if self.ground.journal.send_blocking(record).is_err() {
            self.over = true;
        }
    }

    pub(super) fn weigh(&mut self, slot: &mut Slot) {
        let weight = limits::FRAME_BYTES_LEAST + 2 * (slot.snapshot_bytes + slot.log_bytes);
        self.resident_bytes = self.resident_bytes + weight - slot.weight;
        slot.weight = weight;
    }

    /// A record is durable: now what it led to may be seen outside.
    pub(super) fn written(&mut self, written: Written) {
        let id = written.execution;
        let Some(mut slot) = self.slots.remove(&id) else {
            return;
        };
        let Some(pending) = slot.writing.take() else {
            self.slots.insert(id, slot);
            return;
        };
        slot.lazy_write_set = false;
        let State::Here(here) = std::mem::replace(&mut slot.state, State::Away) else {
            return;
        };
        match written.fate {
            Fate::Durable => {}
            Fate::Conflict => {
                self.resident_bytes -= slot.weight;
                return pending.tells.into_iter().for_each(conflict);
            }
            Fate::Refused => {
                let slot = self.held(slot);
                self.slots.insert(id, slot);
                return;
            }
        }
        let resume = here.live.resume;
        let Some(here) = self.perform(id, here, *pending) else {
            self.resident_bytes -= slot.weight;
            slot.inbox.drain(..).chain(slot.early.drain(..)).for_each(refuse);
            return;
        };
        slot.state = State::Here(here);
        if resume {
            slot.inbox.push_back(Input::Continue);
        }
        self.turn(id, slot);
    }

    /// Those who wait for what became durable are told; nothing else is begun.
    pub(super) fn told_at_rest(&mut self, written: Vec<Written>) {
        for written in written
            .into_iter()
            .filter(|written| written.fate == Fate::Durable)
        {
            let pending = self
                .slots
                .get_mut(&written.execution)
                .and_then(|slot| slot.writing.take());
            pending
                .into_iter()
                .flat_map(|pending| pending.tells)
                .for_each(Tell::say);
        }
    }

    /// Does what is to be done outside. Nothing is left of an execution that closed.
    pub(super) fn perform(
        &mut self,
        id: ExecutionId,
        mut here: Box<Here>,
        pending: Pending,
    ) -> Option<Box<Here>> {
        for action in pending.actions {
            match action {
                // None: over before it began.
                Action::Dispatch(call) => {
                    if let Some(task) = here.live.tasks.get(&call.id) {
                        self.dispatch(id, &here, task);
                    }
                }
                // Set when it happened.
                Action::Timer(..) => {}
                Action::Cancel(task) => self.ground.lanes.cancel((id, task)),
                Action::StopNested(task) => self.ground.nested.stop(ParentTask { execution: id, task }),
                Action::AskParent(parent) => self.ground.nested.stop_unless_awaited(id, parent),
                Action::DriveMapRun(task) => self.drive_map_run(id, &here, task),
                Action::StopMapRun(arn) => self.ground.map_runs.stop(&arn),
            }
        }
        pending.tells.into_iter().for_each(Tell::say);
        let logging = &here.definition.revision.content.logging;
        self.ground
            .logs
            .push(here.live.frame.facts(), logging, pending.logged);
        let Some((outcome, stopped_at)) = pending.closed else {
            return Some(here);
        };
        let closed = Closed {
            facts: here.live.frame.facts().clone(),
            outcome,
            stopped_at,
        };
        if let Some(sync) = here.sync.take() {
            say(sync, closed);
        } else if let Some(child) = &here.map_run {
            let status = ExecutionStatus::of(&closed.outcome);
            self.ground.map_runs.child_closed(child, status);
        } else if let Some(parent) = here.parent {
            let input = Input::ChildClosed {
                task: parent.task,
                child: Arc::new(closed),
                early: true,
            };
            self.ground
                .shards
                .of(parent.execution)
                .answer(Message::Input(parent.execution, input));
        }
        None
    }

    pub(super) fn drive_map_run(&self, id: ExecutionId, here: &Here, task: TaskId) {
        // None: over before it began.
        let Some(run) = here.live.map_runs.get(&task) else {
            return;
        };
        let kind = match run {
            OpenMapRun::Begin(call) => OrderKind::Begin(Box::new(Beginning {
                call: Arc::clone(call),
                definition: Arc::clone(&here.definition),
                execution_arn: Arc::clone(&here.live.frame.facts().execution_arn),
                mock_case: here.mock_case.clone(),
            })),
            OpenMapRun::Redrive { count, .. } => OrderKind::Redrive(*count),
            OpenMapRun::Begun { .. } => OrderKind::Resume,
        };
        let order = Order {
            execution: id,
            task,
            kind,
        };
        self.ground.map_runs.drive(run.arn(), order);
    }

    pub(super) fn dispatch(&self, id: ExecutionId, here: &Here, task: &OpenTask) {
        let call = &task.call;
        if let Resource::Activity { arn } = &call.resource
            && !is_mocked(here, call)
        {
            return self.ground.activities.offer(
                arn,
                Ticket {
                    execution: id,
                    task: call.id,
                },
            );
        }
        let facts = here.live.frame.facts();
        self.ground.lanes.submit(Job {
            execution: id,
            call: Arc::clone(call),
            execution_arn: Arc::clone(&facts.execution_arn),
            role_arn: Arc::clone(&facts.role_arn),
            mock_case: here.mock_case.clone(),
            submitted: task.submitted.clone(),
        });
    }
}

/// Whether the execution's test case answers this task.
pub(super) fn is_mocked(here: &Here, call: &TaskCall) -> bool {
    let case = here.mock_case.as_deref();
    case.is_some_and(|case| mocks::answer(case, call).is_some())
}

/// Another execution has the ARN.
fn conflict(tell: Tell) {
    if let Tell::Started(tell) = tell {
        say(tell, Err(StartConflict));
    }
}
