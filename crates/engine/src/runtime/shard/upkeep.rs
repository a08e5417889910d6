//! What a shard does besides answering messages: timers, executions that go on by themselves, memory, and its own end.

use std::time::Duration;

use super::Shard;
use crate::executions::ExecutionId;
use crate::limits;
use crate::machines::model::Kind;
use crate::runtime::live::Action;
use crate::runtime::message::Input;
use crate::runtime::record;
use crate::runtime::slot::State;
use crate::runtime::timers::Wake;

impl Shard {
    pub(super) fn set_timers(&mut self, id: ExecutionId, actions: &[Action]) {
        for action in actions {
            if let Action::Timer(timer, due_ms) = action {
                self.timers.add(*due_ms, id, Wake::Timer(*timer));
            }
        }
    }

    pub(super) fn fire_timers(&mut self) {
        let now_ms = self.now_ms();
        for _ in 0..limits::TIMERS_PER_ROUND_MAX {
            let Some((due_ms, id, wake)) = self.timers.pop_due(now_ms) else {
                break;
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
        self.drop_stale_timers();
    }

    /// Gives each execution that wants to go on one turn, so that a long one does not hold up the others.
    pub(super) fn run_on(&mut self) {
        for _ in 0..self.runnable.len() {
            let Some(id) = self.runnable.pop_front() else {
                return;
            };
            if let Some(slot) = self.slots.remove(&id) {
                self.turn(id, slot);
            }
        }
    }

    /// Puts away what was not used for longest, while there is more in memory than there may be.
    pub(super) fn put_away(&mut self) {
        while self.resident_bytes > self.ground.shard_resident_bytes_max {
            let Some((id, uses)) = self.idle.pop_front() else {
                return;
            };
            let Some(slot) = self.slots.get_mut(&id) else {
                continue;
            };
            let away = matches!(&slot.state, State::Here(here) if here.kind() == Kind::Standard);
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

    /// Writes down whole what is in the log only, so that a later version of the engine need not repeat it.
    pub(super) fn rest(&mut self) {
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
            if here.kind() == Kind::Express || (slot.log_bytes == 0 && slot.unwritten.is_none()) {
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

    pub(super) fn is_at_rest(&self) -> bool {
        self.resting == Some(0)
    }

    pub(super) fn patience(&self) -> Duration {
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

    /// Timers that were cancelled stay in the heap until they would be due, which may be a year.
    fn drop_stale_timers(&mut self) {
        let slots = &self.slots;
        self.timers.clean(|due_ms, id, wake| {
            let Some(slot) = slots.get(&id) else { return false };
            match (&slot.state, wake) {
                (State::Here(here), Wake::Timer(timer)) => here.live.timers.get(&timer) == Some(&due_ms),
                (State::Here(_) | State::Away | State::Loading | State::Held, _) => true,
            }
        });
    }
}
