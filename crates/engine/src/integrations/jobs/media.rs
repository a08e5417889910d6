//! MediaConvert.

use super::model::Origin::Response;
use super::model::Step::To;
use super::model::{Following, PLAIN, Stop};

pub(super) const JOBS: &[Following] = &[Following {
    service: "mediaconvert",
    action: "createJob",
    describe: "getJob",
    by: &[("Id", Response(&[To("Job"), To("Id")]))],
    job: &[To("Job")],
    state: &["Status"],
    done: &["COMPLETE"],
    failed: &["ERROR", "CANCELED"],
    wrapped: Some("Job"),
    stop: Some(Stop {
        action: "cancelJob",
        by: &[("Id", Response(&[To("Job"), To("Id")]))],
    }),
    ..PLAIN
}];
