//! How far a Map Run has come, and what comes next. Pure.

use std::collections::HashMap;

use super::model::{ChildState, Counts, Settings};
use crate::executions::{ExecutionId, ExecutionStatus};
use crate::limits;

/// The children of one Map Run; a byte for each, and more only for those that are open or to be redriven.
#[derive(Debug)]
pub(super) struct Progress {
    states: Vec<ChildState>,
    items: ItemCounts,
    /// All items are read, so nothing is added any more.
    is_complete: bool,
    counts: Counts,
    /// Before it nothing can be begun.
    cursor: u32,
    open: HashMap<u32, ExecutionId>,
    redrivable: HashMap<u32, Redrivable>,
}

/// How many items are in each input.
#[derive(Debug)]
pub(super) enum ItemCounts {
    /// One in each.
    Single,
    Batches(Vec<u32>),
}

/// A child that has failed and can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Redrivable {
    pub(super) id: ExecutionId,
    /// How often it was redriven before.
    pub(super) count: u32,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Begin this child; it may have failed before.
    Begin(u32, Option<Redrivable>),
    /// There is no room, or nothing to begin: wait for a child to close, or for more inputs.
    Wait,
    /// Too many have failed: stop what is open.
    Exceeded,
    /// All have ended, and few enough failed.
    Done,
}

impl Progress {
    /// Of no inputs yet; whether there are batches in them.
    pub(super) fn new(items: ItemCounts) -> Self {
        Self {
            states: Vec::new(),
            items,
            is_complete: false,
            counts: Counts::default(),
            cursor: 0,
            open: HashMap::new(),
            redrivable: HashMap::new(),
        }
    }

    /// There are more inputs, with so many items in each. None of their children has begun.
    pub(super) fn add(&mut self, inputs: &[u32]) {
        self.states
            .resize(self.states.len() + inputs.len(), ChildState::Pending);
        if let ItemCounts::Batches(items) = &mut self.items {
            items.extend_from_slice(inputs);
        }
        self.counts.pending.executions += inputs.len() as u64;
        self.counts.pending.items += inputs.iter().copied().map(u64::from).sum::<u64>();
    }

    /// There will be no more inputs.
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
    }

    /// What the tables say of a child.
    pub(super) fn found(&mut self, index: u32, id: ExecutionId, status: ExecutionStatus, redrive_count: u32) {
        self.set(index, status.into());
        match status {
            ExecutionStatus::Running => {
                self.open.insert(index, id);
            }
            ExecutionStatus::PendingRedrive => {
                let count = redrive_count;
                self.redrivable.insert(index, Redrivable { id, count });
            }
            ExecutionStatus::Succeeded
            | ExecutionStatus::Failed
            | ExecutionStatus::TimedOut
            | ExecutionStatus::Aborted => {}
        }
    }

    /// What comes next under these settings.
    pub(super) fn next(&mut self, settings: &Settings) -> Next {
        let total = self.is_complete.then(|| self.counts.total().items);
        if settings
            .tolerance
            .is_exceeded(self.counts.unsuccessful().items, total)
        {
            return Next::Exceeded;
        }
        while let Some(state) = self.states.get(self.cursor as usize) {
            match state {
                ChildState::Pending | ChildState::PendingRedrive => {
                    if self.open.len() >= room(settings) {
                        return Next::Wait;
                    }
                    return Next::Begin(self.cursor, self.redrivable.get(&self.cursor).copied());
                }
                ChildState::Running
                | ChildState::Succeeded
                | ChildState::Failed
                | ChildState::TimedOut
                | ChildState::Aborted => self.cursor += 1,
            }
        }
        if self.open.is_empty() && self.is_complete {
            Next::Done
        } else {
            Next::Wait
        }
    }

    /// A child was begun.
    pub(super) fn begun(&mut self, index: u32, id: ExecutionId) {
        self.set(index, ChildState::Running);
        self.open.insert(index, id);
        self.redrivable.remove(&index);
    }

    /// A child has closed. News of one that is not open is old.
    pub(super) fn closed(&mut self, index: u32, status: ExecutionStatus) {
        if self.open.remove(&index).is_some() {
            self.set(index, status.into());
        }
    }

    /// The children that are open.
    pub(super) fn open(&self) -> impl Iterator<Item = (u32, ExecutionId)> {
        self.open.iter().map(|(index, id)| (*index, *id))
    }

    /// Those that wait to be redriven will not be.
    pub(super) fn give_up_redrives(&mut self) {
        for (index, _) in std::mem::take(&mut self.redrivable) {
            self.set(index, ChildState::Aborted);
        }
    }

    /// How many children stand where.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// How many inputs there are until now.
    pub(super) fn inputs(&self) -> u32 {
        u32::try_from(self.states.len()).unwrap_or(u32::MAX)
    }

    /// How many items are in an input.
    pub(super) fn items_of(&self, index: u32) -> u32 {
        match &self.items {
            ItemCounts::Single => 1,
            ItemCounts::Batches(items) => items.get(index as usize).copied().unwrap_or(0),
        }
    }

    fn set(&mut self, index: u32, state: ChildState) {
        let items = u64::from(self.items_of(index));
        let Some(place) = self.states.get_mut(index as usize) else {
            return;
        };
        let before = self.counts.of_mut(std::mem::replace(place, state));
        before.executions -= 1;
        before.items -= items;
        let after = self.counts.of_mut(state);
        after.executions += 1;
        after.items += items;
    }
}

fn room(settings: &Settings) -> usize {
    let most = limits::MAP_RUN_CHILDREN_MAX;
    match usize::try_from(settings.max_concurrency) {
        Ok(0) | Err(_) => most,
        Ok(asked) => asked.min(most),
    }
}

#[cfg(test)]
mod tests {
    use asl::eval::Tolerance;

    use super::*;

    fn id(number: u32) -> ExecutionId {
        ExecutionId(uuid::Uuid::from_u128(u128::from(number)))
    }

    fn settings(max_concurrency: u32, tolerated: u64) -> Settings {
        Settings {
            max_concurrency,
            tolerance: Tolerance {
                count: Some(tolerated),
                percentage: None,
            },
        }
    }

    fn of(inputs: usize) -> Progress {
        let mut progress = Progress::new(ItemCounts::Single);
        progress.add(&vec![1; inputs]);
        progress.complete();
        progress
    }

    fn begin(progress: &mut Progress, settings: &Settings) -> Vec<u32> {
        let mut begun = Vec::new();
        while let Next::Begin(index, _) = progress.next(settings) {
            progress.begun(index, id(index));
            begun.push(index);
        }
        begun
    }

    #[test]
    fn no_more_children_are_open_than_may_be() {
        let mut progress = of(5);
        let two = settings(2, 0);
        assert_eq!(begin(&mut progress, &two), [0, 1]);
        assert_eq!(progress.next(&two), Next::Wait);
        progress.closed(1, ExecutionStatus::Succeeded);
        assert_eq!(begin(&mut progress, &two), [2]);
        assert_eq!(
            begin(&mut progress, &settings(3, 0)),
            [3],
            "a bound that is raised is used at once"
        );
        let mut many = of(20_000);
        assert_eq!(
            begin(&mut many, &settings(0, 0)).len(),
            limits::MAP_RUN_CHILDREN_MAX
        );
    }

    #[test]
    fn a_run_is_done_when_all_have_ended_and_few_enough_failed() {
        let mut progress = of(2);
        let one = settings(0, 1);
        begin(&mut progress, &one);
        progress.closed(0, ExecutionStatus::Failed);
        assert_eq!(progress.next(&one), Next::Wait);
        progress.closed(1, ExecutionStatus::Succeeded);
        assert_eq!(progress.next(&one), Next::Done);
        assert_eq!(progress.next(&settings(0, 0)), Next::Exceeded);
    }

    #[test]
    fn items_are_counted_by_their_batches() {
        let mut progress = Progress::new(ItemCounts::Batches(Vec::new()));
        progress.add(&[3, 2]);
        progress.complete();
        begin(&mut progress, &settings(0, 9));
        progress.closed(0, ExecutionStatus::TimedOut);
        let counts = progress.counts();
        assert_eq!(
            (counts.timed_out.items, counts.running.items, counts.total().items),
            (3, 2, 5)
        );
        assert_eq!(progress.next(&settings(0, 2)), Next::Exceeded);
    }

    #[test]
    fn what_was_found_is_not_begun_again_and_what_failed_is_redriven() {
        let mut progress = of(4);
        progress.found(0, id(10), ExecutionStatus::Succeeded, 0);
        progress.found(1, id(11), ExecutionStatus::PendingRedrive, 2);
        progress.found(2, id(12), ExecutionStatus::Running, 0);
        let all = settings(0, 0);
        let failed = Redrivable { id: id(11), count: 2 };
        assert_eq!(progress.next(&all), Next::Begin(1, Some(failed)));
        progress.begun(1, id(11));
        assert_eq!(progress.next(&all), Next::Begin(3, None));
        progress.begun(3, id(13));
        progress.closed(3, ExecutionStatus::Succeeded);
        progress.closed(3, ExecutionStatus::Failed);
        assert_eq!(progress.counts().failed.executions, 0, "old news changes nothing");
        progress.closed(2, ExecutionStatus::Succeeded);
        progress.closed(1, ExecutionStatus::Succeeded);
        assert_eq!(progress.next(&all), Next::Done);
    }

    #[test]
    fn children_begin_while_items_are_read_and_a_share_of_them_is_judged_when_all_are() {
        let half = Settings {
            max_concurrency: 0,
            tolerance: Tolerance {
                count: None,
                percentage: Some(50.0),
            },
        };
        let mut progress = Progress::new(ItemCounts::Single);
        assert_eq!(progress.next(&half), Next::Wait, "nothing is read yet");
        progress.add(&[1]);
        assert_eq!(begin(&mut progress, &half), [0]);
        progress.closed(0, ExecutionStatus::Failed);
        assert_eq!(progress.next(&half), Next::Wait, "more may come, and go well");
        assert_eq!(
            progress.next(&settings(0, 0)),
            Next::Exceeded,
            "a number of failures is too many whatever comes"
        );
        progress.add(&[1]);
        assert_eq!(begin(&mut progress, &half), [1]);
        progress.closed(1, ExecutionStatus::Succeeded);
        assert_eq!(progress.next(&half), Next::Wait);
        progress.complete();
        assert_eq!(progress.next(&half), Next::Done);
        let mut failed = Progress::new(ItemCounts::Single);
        failed.add(&[1]);
        begin(&mut failed, &half);
        failed.closed(0, ExecutionStatus::Failed);
        failed.complete();
        assert_eq!(failed.next(&half), Next::Exceeded);
    }
}
