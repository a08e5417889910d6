//! Every kind of background work and every schedule. One line per thing.

use crate::jobs::Registry;
use crate::{approvals, audit, cloudwatch, notifications};

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
}
