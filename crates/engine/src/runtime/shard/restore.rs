//! Executions that come back from the tables: after a restart, or because they were put away.

use super::Shard;
use super::effects::is_mocked;
use crate::executions::ExecutionId;
use crate::runtime::live::must_be_dispatched_again;
use crate::runtime::message::{Input, LoadError, Loaded, Recovered};
use crate::runtime::slot::{Here, Slot, State, refuse};
use crate::runtime::timers::Wake;
use crate::runtime::turn;

impl Shard {
    pub(super) fn recovered(&mut self, found: Recovered) {
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

    pub(super) fn loaded(&mut self, id: ExecutionId, loaded: Result<Box<Loaded>, LoadError>) {
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
    pub(super) fn held(&mut self, mut slot: Slot) -> Slot {
        self.resident_bytes -= slot.weight;
        slot.weight = 0;
        slot.inbox.drain(..).chain(slot.early.drain(..)).for_each(refuse);
        slot.state = State::Held;
        slot
    }

    pub(super) fn restore(&mut self, id: ExecutionId, slot: &mut Slot, loaded: Loaded) -> Option<Box<Here>> {
        let Loaded {
            definition,
            parent,
            map_run,
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
            map_run,
            mock_case,
            sync: None,
            closed: !open,
        });
        if std::mem::take(&mut slot.recovering) {
            for task in here
                .live
                .tasks
                .values()
                .filter(|task| must_be_dispatched_again(task) || is_mocked(&here, &task.call))
            {
                self.dispatch(id, &here, task);
            }
            for task in here.live.map_runs.keys() {
                self.drive_map_run(id, &here, *task);
            }
            if here.live.resume {
                slot.inbox.push_back(Input::Continue);
            }
        }
        Some(here)
    }
}
