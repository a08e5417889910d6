//! A shard: one thread that owns some of the open executions and evaluates them. It owns them alone, so there are no
//! locks; it is a thread of its own, so long evaluations do not hold up the requests.
//!
//! For each execution it is a loop of: take the inputs that are there, write one record of what they led to, and when
//! that is durable do what they ask for and tell whoever waits. While a record is under way inputs gather, so an
//! execution that gets many at a time (a Map) writes few records.

mod effects;
mod restore;
mod upkeep;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::chance::{Moment, SplitMix};
use super::live::Action;
use super::message::{Input, Message, Start, StartTell};
use super::queue::Queue;
use super::record;
use super::slot::{Here, Slot, State, Tell, Unwritten, refuse};
use super::snapshot;
use super::term::Ground;
use super::timers::{Timers, Wake};
use super::turn::{Decision, decide, or_stopped, start_caught, take_caught};
use crate::executions::ExecutionId;
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
            map_run,
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
            map_run: map_run.clone(),
            parent,
        };
        let row = record::row_of(&definition, &facts, origin);
        let Some((live, mut happened)) = start_caught(&self.ground, id, &definition, facts, moment) else {
            return;
        };
        let mut slot = Slot::new(State::Away);
        let mut unwritten = Box::<Unwritten>::default();
        let mut sync = None;
        match tell {
            StartTell::Started(tell) => unwritten.pending.tells.push(Tell::Started(tell)),
            StartTell::Closed(tell) => sync = Some(tell),
            StartTell::Nobody => {}
        }
        unwritten.row = Some(row);
        happened.actions.extend(parent.map(Action::AskParent));
        self.set_timers(id, &happened.actions);
        unwritten.add(happened, moment.now_ms);
        slot.unwritten = Some(unwritten);
        slot.timers_set = true;
        slot.state = State::Here(Box::new(Here {
            live,
            definition,
            parent,
            map_run,
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
                Decision::Take(event, tell) => (or_stopped(event, &here.definition), tell),
            };
            let submitted = matches!(event, asl::eval::Event::TaskSubmitted { .. });
            let moment = Moment {
                now_ms,
                seed: self.seeds.next(),
            };
            let logged = (slot.snapshot_bytes > snapshot::WHOLE_BYTES_MAX).then(|| event.clone());
            let Some((live, happened)) =
                take_caught(&self.ground, id, &here.definition, here.live, event, moment)
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
            here.live = live;
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
        if here.kind() == Kind::Express {
            return self.settle_express(id, slot, here, unwritten);
        }
        if here.closed {
            // It was only looked at for a redrive that did not come about.
            self.resident_bytes -= slot.weight;
            slot.inbox.drain(..).for_each(refuse);
            return None;
        }
        if unwritten.is_urgent() || (unwritten.changed && (here.live.resume || write_now)) {
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
        mut unwritten: Box<Unwritten>,
    ) -> Option<Slot> {
        if here.live.resume {
            slot.inbox.push_back(Input::Continue);
        }
        if !slot.inbox.is_empty() {
            self.runnable.push_back(id);
        }
        let pending = std::mem::take(&mut unwritten.pending);
        if here.map_run.is_some() {
            // A child's result is the Map Run's, and has to be there when that goes on: its row is written when it closes.
            if pending.closed.is_some() {
                let record = record::of_express_child(id, *unwritten, &pending);
                slot.writing = Some(Box::new(pending));
                slot.state = State::Here(here);
                self.send(record);
                return Some(slot);
            }
            slot.unwritten = Some(unwritten);
        }
        let here = self.perform(id, here, pending)?;
        slot.state = State::Here(here);
        Some(slot)
    }
}
