//! Redrive: the states that failed or were cut off do their work again; what had succeeded keeps its results.

use super::frame::{Closed, Phase, ScopeIx};
use super::history::Detail;
use super::run::Run;

impl Run<'_, '_, '_> {
    pub(crate) fn redrive(&mut self) {
        let Some(Closed::Redrivable(end)) = self.frame.closed else {
            return;
        };
        self.frame.closed = None;
        self.frame.redrive_count += 1;
        self.frame.redriven_ms = Some(self.env.now_ms);
        let redrive_count = self.frame.redrive_count;
        let redriven = self.record(end, Detail::ExecutionRedriven { redrive_count });
        self.start_machine_timer();
        // The execution's own scope is made first and lives longest.
        self.revive(ScopeIx(0), redriven);
    }

    fn revive(&mut self, at: ScopeIx, redriven: u64) {
        let children = self.children(at);
        let Some(scope) = self.frame.scopes.get_mut(at) else {
            return;
        };
        scope.retries.clear();
        scope.retry_count = 0;
        scope.queued = false;
        scope.previous = redriven;
        match &mut scope.phase {
            Phase::Parallel(_) => {}
            Phase::Map(run) => {
                run.last_inside = redriven;
                self.make_ready(at);
            }
            Phase::MapRun(_) => self.redrive_map_run(at),
            Phase::Enter => self.make_ready(at),
            Phase::Again | Phase::Wait { .. } | Phase::RetryWait { .. } | Phase::Task(_) | Phase::Stopped => {
                scope.phase = Phase::Again;
                self.make_ready(at);
            }
        }
        for child in children {
            self.revive(child, redriven);
        }
    }
}
