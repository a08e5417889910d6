//! A shard: one thread that owns some of the open executions and evaluates them. It owns them alone, so there are no
//! locks; it is a thread of its own, so long evaluations do not hold up the requests.
//!
//! For each execution it is a loop of: take the inputs that are there, write one record of what they led to, and when
//! that is durable do what they ask for and tell whoever waits. While a record is under way inputs gather, so an
//! execution that gets many at a time (a Map) writes few records.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use asl::eval::Resource;

use super::activities::Ticket;
use super::chance::{Moment, SplitMix};
use super::lanes::Job;
use super::live::{Action, must_be_dispatched_again};
use super::message::{Closed, Input, LoadError, Loaded, Message, Recovered, Start, StartConflict, StartTell};
use super::queue::Queue;
use super::record;
use super::slot::{Here, Pending, Slot, State, Tell, Unwritten, refuse, say};
use super::snapshot;
use super::term::Ground;
use super::timers::{Timers, Wake};
use super::turn::{self, Decision, decide, start_caught, take_caught};
use crate::executions::ExecutionId;
use crate::journal::{Record, Written};
use crate::limits;
use crate::machines::model::Kind;

/// One of a term's threads.
pub(super) struct Shard {
    ground: Arc<Ground>,
    queue: Arc<Queue<Message>>,
    slots: HashMap<ExecutionId, Slot>,
    timers: Timers,
    /// Executions that want to go on by themselves.
    runnable: VecDeque<ExecutionId>,
    /// Executions that had nothing to do, with their count of uses then; the first are put away first.
    idle: VecDeque<(ExecutionId, u32)>,
    resident_bytes: usize,
    seeds: SplitMix,
    /// The term is over: the journal takes nothing any more.
    over: bool,
    /// Records under way when the process ends.
    resting: Option<usize>,
}

impl Shard {
    pub(super) fn new(ground: Arc<Ground>, queue: Arc<Queue<Message>>, seed: u64) -> Self {
        Self {
            ground,
            queue,
            slots: HashMap::new(),
            timers: Timers::default(),
            runnable: VecDeque::new(),
            idle: VecDeque::new(),
            resident_bytes: 0,
            seeds: SplitMix::new(seed),
            over: false,
            resting: None,
        }
    }

    /// Until the term is over.
    pub(super) fn run(mut self) {
        while !self.over && !self.is_at_rest() {
            let Some(messages) = self.queue.take_all(self.patience()) else {
                break;
            };
            for message in messages {
                self.hear(message);
            }
            if self.resting.is_none() {
                self.fire_timers();
                self.run_on();
                self.put_away();
            }
        }
        self.queue.close();
    }

    /// Writes down whole what is in the log only, so that a later version of the engine need not repeat it.
    fn rest(&mut self) {
        let mut under_way = 0;
        let ids: Vec<_> = self.slots.keys().copied().collect();
        for id in ids {
            let Some(slot) = self.slots.get_mut(&id) else {
                continue;
            };
            if slot.writing.is_some() {
                under_way += 1;
                continue;
            }
            let State::Here(here) = &slot.state else { continue };
            if here.definition.kind == Kind::Express || (slot.log_bytes == 0 && slot.unwritten.is_none()) {
                continue;
            }
            let unwritten = slot.unwritten.take().unwrap_or_default();
            let Ok(record) = record::whole(id, &here.live, *unwritten) else {
                continue;
            };
            slot.writing = Some(Box::default());
            under_way += 1;
            if self.ground.journal.send_blocking(record).is_err() {
                self.over = true;
                return;
            }
        }
        self.resting = Some(under_way);
    }

    fn is_at_rest(&self) -> bool {
        self.resting == Some(0)
    }

    fn patience(&self) -> Duration {
        if !self.runnable.is_empty() {
            return Duration::ZERO;
        }
        let longest = limits::SHARD_SLEEP_MS_MAX;
        let until_due = self
            .timers
            .next_due_ms()
            .map_or(longest, |due_ms| due_ms - self.now_ms());
        Duration::from_millis(until_due.clamp(0, longest).unsigned_abs())
    }

    fn now_ms(&self) -> i64 {
        self.ground.clock.now_ms()
    }

    fn hear(&mut self, message: Message) {
        if let Some(under_way) = &mut self.resting {
            if let Message::Written(written) = message {
                *under_way = under_way.saturating_sub(written.len());
                self.told_at_rest(written);
            }
            return;
        }
        match message {
            Message::Start(start) => self.start(*start),
            Message::Input(id, input) => self.input(id, input),
            Message::Written(written) => {
                for written in written {
                    self.written(written);
                }
            }
            Message::Loaded(id, loaded) => self.loaded(id, loaded),
            Message::Recovered(found) => {
                for found in found {
                    self.recovered(found);
                }
            }
            Message::Rest => self.rest(),
        }
    }

    fn start(&mut self, start: Start) {
        let Start {
            id,
            definition,
            facts,
            trace_header,
            mock_case,
            map_run_arn,
            parent,
            tell,
        } = start;
        let moment = Moment {
            now_ms: facts.start_ms,
            seed: self.seeds.next(),
        };
        let origin = record::Origin {
            trace_header,
            mock_case: mock_case.clone(),
            map_run_arn,
            parent,
        };
        let row = record::row_of(&definition, &facts, origin);
        let Some((live, happened)) = start_caught(&self.ground, id, &definition, facts, moment) else {
            return;
        };
        let mut slot = Slot::new(State::Away);
        let mut unwritten = Box::<Unwritten>::default();
        let mut sync = None;
        match tell {
            StartTell::Started(tell) => unwritten.pending.tells.push(Tell::Started(tell)),
            StartTell::Closed(tell) => sync = Some(tell),
        }
        unwritten.row = Some(row);
        self.set_timers(id, &happened.actions);
        unwritten.add(happened, moment.now_ms);
        slot.unwritten = Some(unwritten);
        slot.timers_set = true;
        slot.state = State::Here(Box::new(Here {
            live,
            definition,
            parent,
            mock_case,
            sync,
            closed: false,
        }));
        self.turn(id, slot);
    }

    fn input(&mut self, id: ExecutionId, input: Input) {
        let slot = match self.slots.remove(&id) {
            Some(slot) => slot,
            // A closed execution that may go on has no slot until then.
            None if matches!(input, Input::Redrive { .. }) => Slot::new(State::Away),
            None => return refuse(input),
        };
        let mut slot = slot;
        slot.inbox.push_back(input);
        self.turn(id, slot);
    }

    /// Takes what is in the inbox as far as possible, and keeps the slot unless the execution is over.
    fn turn(&mut self, id: ExecutionId, mut slot: Slot) {
        slot.uses = slot.uses.wrapping_add(1);
        match std::mem::replace(&mut slot.state, State::Loading) {
            State::Here(here) if slot.writing.is_none() => {
                if let Some(slot) = self.turn_here(id, slot, here) {
                    self.keep(id, slot);
                }
                return;
            }
            State::Away if !slot.inbox.is_empty() => self.ground.loader.request(id),
            State::Held => {
                slot.inbox.drain(..).for_each(refuse);
                slot.state = State::Held;
            }
            state @ (State::Here(_) | State::Away | State::Loading) => slot.state = state,
        }
        self.slots.insert(id, slot);
    }

    fn keep(&mut self, id: ExecutionId, slot: Slot) {
        if slot.is_idle() && matches!(slot.state, State::Here(_)) {
            self.idle.push_back((id, slot.uses));
        }
        self.slots.insert(id, slot);
    }

    fn turn_here(&mut self, id: ExecutionId, mut slot: Slot, mut here: Box<Here>) -> Option<Slot> {
        let mut now_ms = self.now_ms();
        let mut write_now = false;
        let mut unwritten = slot.unwritten.take().unwrap_or_default();
        let mut budget = limits::TURN_INPUTS_MAX;
        while unwritten.pending.closed.is_none() && budget > 0 {
            let Some(input) = slot.inbox.pop_front() else {
                break;
            };
            budget -= 1;
            now_ms = now_ms.max(self.now_ms());
            let (event, tell) = match decide(&here, input, now_ms, &*self.ground.dispatch) {
                Decision::Nothing => continue,
                Decision::Write => {
                    write_now = true;
                    continue;
                }
                Decision::Early(input) => {
                    self.timers.add(now_ms + limits::EARLY_ANSWER_MS, id, Wake::Early);
                    slot.early.push(input);
                    continue;
                }
                Decision::Retry => {
                    slot.inbox
                        .extend(slot.early.drain(..).map(Input::no_longer_early));
                    continue;
                }
                Decision::Redrive(event, redrive, tell) => {
                    here.closed = false;
                    unwritten.redrive = Some(redrive);
                    (event, Some(tell))
                }
                Decision::Take(event, tell) => (event, tell),
            };
            let submitted = matches!(event, asl::eval::Event::TaskSubmitted { .. });
            let moment = Moment {
                now_ms,
                seed: self.seeds.next(),
            };
            let logged = (slot.snapshot_bytes > snapshot::WHOLE_BYTES_MAX).then(|| event.clone());
            let Here {
                live,
                definition,
                parent,
                mock_case,
                sync,
                closed,
            } = *here;
            let Some((live, happened)) = take_caught(&self.ground, id, &definition, live, event, moment)
            else {
                return Some(self.held(slot));
            };
            if let Some(event) = logged {
                let check = snapshot::check(&happened.events);
                let missing_activities = happened.missing_activities.clone();
                let input = snapshot::Input {
                    event,
                    now_ms: moment.now_ms,
                    seed: moment.seed,
                    missing_activities,
                    check,
                };
                unwritten.inputs.push((live.sequence, input));
            }
            here = Box::new(Here {
                live,
                definition,
                parent,
                mock_case,
                sync,
                closed,
            });
            self.set_timers(id, &happened.actions);
            unwritten.add(happened, now_ms);
            unwritten.changed = true;
            unwritten.pending.tells.extend(tell);
            if submitted {
                slot.inbox.extend(slot.early.drain(..));
            }
        }
        self.settle(id, slot, here, unwritten, write_now)
    }

    /// Decides what becomes of what happened: written now, soon, or (Express) not at all.
    fn settle(
        &mut self,
        id: ExecutionId,
        mut slot: Slot,
        here: Box<Here>,
        mut unwritten: Box<Unwritten>,
        write_now: bool,
    ) -> Option<Slot> {
        if here.definition.kind == Kind::Express {
            return self.settle_express(id, slot, here, unwritten.pending);
        }
        if here.closed {
            // It was only looked at for a redrive that did not come about.
            slot.inbox.drain(..).for_each(refuse);
            return None;
        }
        if unwritten.is_urgent() || here.live.resume || (write_now && unwritten.changed) {
            let pending = std::mem::take(&mut unwritten.pending);
            let record = match record::record_of(id, &here.live, *unwritten, &pending, &mut slot) {
                Ok(record) => record,
                Err(error) => {
                    tracing::error!(execution = %id, %error, "an execution is held: its frame can't be written");
                    return Some(self.held(slot));
                }
            };
            self.weigh(&mut slot);
            slot.writing = Some(Box::new(pending));
            slot.state = State::Here(here);
            self.send(record);
            return Some(slot);
        }
        if unwritten.changed {
            if !slot.lazy_write_set {
                slot.lazy_write_set = true;
                self.timers
                    .add(self.now_ms() + limits::LAZY_WRITE_MS, id, Wake::LazyWrite);
            }
            slot.unwritten = Some(unwritten);
        }
        if !slot.inbox.is_empty() {
            self.runnable.push_back(id);
        }
        slot.state = State::Here(here);
        Some(slot)
    }

    fn settle_express(
        &mut self,
        id: ExecutionId,
        mut slot: Slot,
        here: Box<Here>,
        pending: Pending,
    ) -> Option<Slot> {
        if here.live.resume {
            slot.inbox.push_back(Input::Continue);
        }
        if !slot.inbox.is_empty() {
            self.runnable.push_back(id);
        }
        let here = self.perform(id, here, pending)?;
        slot.state = State::Here(here);
        Some(slot)
    }

    fn send(&mut self, record: Record) {
        if self.ground.journal.send_blocking(record).is_err() {
            self.over = true;
        }
    }

    fn weigh(&mut self, slot: &mut Slot) {
        let weight = limits::FRAME_BYTES_LEAST + 2 * (slot.snapshot_bytes + slot.log_bytes);
        self.resident_bytes = self.resident_bytes + weight - slot.weight;
        slot.weight = weight;
    }

    /// A record is durable: now what it led to may be seen outside.
    fn written(&mut self, written: Written) {
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
        if !written.accepted {
            self.resident_bytes -= slot.weight;
            for tell in pending.tells {
                if let Tell::Started(tell) = tell {
                    say(tell, Err(StartConflict));
                }
            }
            return;
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
    fn told_at_rest(&mut self, written: Vec<Written>) {
        for written in written.into_iter().filter(|written| written.accepted) {
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
    fn perform(&mut self, id: ExecutionId, mut here: Box<Here>, pending: Pending) -> Option<Box<Here>> {
        for action in pending.actions {
            match action {
                Action::Dispatch(call) if here.live.tasks.contains_key(&call.id) => {
                    self.dispatch(id, &here, &call);
                }
                // Over before it began, or set when it happened.
                Action::Dispatch(_) | Action::Timer(..) => {}
                Action::Cancel(task) => self.ground.lanes.cancel((id, task)),
            }
        }
        pending.tells.into_iter().for_each(Tell::say);
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

    fn dispatch(&self, id: ExecutionId, here: &Here, call: &Arc<asl::eval::TaskCall>) {
        if let Resource::Activity { arn } = &call.resource {
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
        });
    }

    fn set_timers(&mut self, id: ExecutionId, actions: &[Action]) {
        for action in actions {
            if let Action::Timer(timer, due_ms) = action {
                self.timers.add(*due_ms, id, Wake::Timer(*timer));
            }
        }
    }

    fn fire_timers(&mut self) {
        let now_ms = self.now_ms();
        for _ in 0..limits::TIMERS_PER_ROUND_MAX {
            let Some((due_ms, id, wake)) = self.timers.pop_due(now_ms) else {
                return;
            };
            let input = match wake {
                Wake::Timer(timer) => Input::Timer(timer, due_ms),
                Wake::LazyWrite => Input::LazyWrite,
                Wake::Early => Input::Early,
                Wake::Away => Input::Look,
            };
            if let Some(mut slot) = self.slots.remove(&id) {
                slot.inbox.push_back(input);
                self.turn(id, slot);
            }
        }
    }

    /// Gives each execution that wants to go on one turn, so that a long one does not hold up the others.
    fn run_on(&mut self) {
        for _ in 0..self.runnable.len() {
            let Some(id) = self.runnable.pop_front() else {
                return;
            };
            if let Some(slot) = self.slots.remove(&id) {
                self.turn(id, slot);
            }
        }
    }

    fn recovered(&mut self, found: Recovered) {
        let mut slot = Slot::new(State::Away);
        slot.recovering = true;
        if found.wake {
            slot.state = State::Loading;
            self.ground.loader.request(found.id);
        } else if let Some(due_ms) = found.next_due_ms {
            self.timers.add(due_ms, found.id, Wake::Away);
        }
        self.slots.insert(found.id, slot);
    }

    fn loaded(&mut self, id: ExecutionId, loaded: Result<Box<Loaded>, LoadError>) {
        let Some(mut slot) = self.slots.remove(&id) else {
            return;
        };
        match loaded.map(|loaded| self.restore(id, &mut slot, *loaded)) {
            Ok(Some(here)) => {
                slot.state = State::Here(here);
                self.weigh(&mut slot);
                self.turn(id, slot);
            }
            // Nothing to go on from: it closed for good.
            Err(LoadError::NoFrame) => slot.inbox.drain(..).for_each(refuse),
            Ok(None) => {
                let slot = self.held(slot);
                self.slots.insert(id, slot);
            }
            Err(LoadError::Definition(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(execution = %id, error, "an execution is held: its definition is not to be had");
                let slot = self.held(slot);
                self.slots.insert(id, slot);
            }
        }
    }

    /// It stays as it is written, for a version of the engine that can drive it.
    fn held(&mut self, mut slot: Slot) -> Slot {
        self.resident_bytes -= slot.weight;
        slot.weight = 0;
        slot.inbox.drain(..).chain(slot.early.drain(..)).for_each(refuse);
        slot.state = State::Held;
        slot
    }

    fn restore(&mut self, id: ExecutionId, slot: &mut Slot, loaded: Loaded) -> Option<Box<Here>> {
        let Loaded {
            definition,
            parent,
            mock_case,
            format,
            open,
            snapshot,
            applied,
            log,
        } = loaded;
        slot.snapshot_bytes = snapshot.len();
        slot.log_bytes = log.iter().map(Vec::len).sum();
        let written = turn::Written {
            format,
            snapshot: &snapshot,
            applied,
            log: &log,
        };
        let live = turn::restore(&self.ground, id, &definition, written)?;
        if !slot.timers_set {
            slot.timers_set = true;
            for (timer, due_ms) in &live.timers {
                self.timers.add(*due_ms, id, Wake::Timer(*timer));
            }
        }
        let here = Box::new(Here {
            live,
            definition,
            parent,
            mock_case,
            sync: None,
            closed: !open,
        });
        if std::mem::take(&mut slot.recovering) {
            for task in here
                .live
                .tasks
                .values()
                .filter(|task| must_be_dispatched_again(task))
            {
                self.dispatch(id, &here, &task.call);
            }
            if here.live.resume {
                slot.inbox.push_back(Input::Continue);
            }
        }
        Some(here)
    }

    /// Puts away what was not used for longest, while there is more in memory than there may be.
    fn put_away(&mut self) {
        while self.resident_bytes > self.ground.shard_resident_bytes_max {
            let Some((id, uses)) = self.idle.pop_front() else {
                return;
            };
            let Some(slot) = self.slots.get_mut(&id) else {
                continue;
            };
            let away = matches!(&slot.state, State::Here(here) if here.definition.kind == Kind::Standard);
            if away && slot.uses == uses && slot.is_idle() {
                slot.state = State::Away;
                self.resident_bytes -= slot.weight;
                slot.weight = 0;
            }
        }
        if self.idle.len() > 2 * self.slots.len() + limits::IDLE_ENTRIES_SPARE {
            let slots = &self.slots;
            self.idle
                .retain(|(id, uses)| slots.get(id).is_some_and(|slot| slot.uses == *uses));
        }
    }
}
