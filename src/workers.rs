//! Every kind of background work and every schedule. One line per thing.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::jobs::{self, Registry};
use crate::{approvals, audit, cloudwatch, deployments, executions, notifications, slack, templates};

/// How often starts without an answer are looked for.
const RECOVER_EVERY: Duration = Duration::from_secs(15);

/// How often old rows are forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// What the workers of this process can do.
pub fn registry() -> Registry {
    Registry::new()
        .schedule::<audit::seal::SealAudit>(audit::seal::INTERVAL)
        .schedule::<cloudwatch::flush::Dispatch>(cloudwatch::flush::INTERVAL)
        .job::<cloudwatch::flush::Flush>()
        .job::<notifications::deliver::Deliver>()
        .job::<approvals::announce::Announce>()
        .job::<approvals::expire::Expire>()
        .job::<approvals::tasks::send::SendAnswer>()
        .job::<approvals::tasks::deadline::Deadline>()
        .job::<slack::reply::Reply>()
        .job::<templates::Converge>()
        .job::<executions::RunExpress>()
        .schedule::<executions::RecoverStarts>(RECOVER_EVERY)
        .schedule::<executions::ForgetOld>(FORGET_EVERY)
        .job::<deployments::advance::Advance>()
        .job::<deployments::recovery::CheckRecovery>()
        .schedule::<deployments::sweep::SweepAliases>(deployments::sweep::SWEEP_EVERY)
        .schedule::<deployments::prune::PruneVersions>(deployments::prune::PRUNE_EVERY)
        .job::<deployments::releases::advance::AdvanceRelease>()
}

/// Starts everything that works in the background: the jobs, and the loops that are none.
pub fn start(app: &Arc<App>) {
    jobs::start(app, registry());
    app.lifecycle.spawn("monitor", executions::watch(Arc::clone(app)));
}
