//! The outbox: what is told to people and machines outside, by webhook, SNS topic and Slack.
//!
//! Tables: `deliveries`, one row per event and destination; `service_secrets` when no signing secret is configured.
//! Jobs: [`deliver::Deliver`] makes one attempt at one delivery.
//!
//! Invariants: a delivery is written in the transaction of what it tells of, so nothing is told that did not happen
//! and nothing that happened is forgotten. Delivered at least once, with the same event id at each attempt. What goes
//! to one destination about one subject goes in the order it was written: a later delivery waits until the earlier one
//! is delivered or dead. After three days without success a delivery is dead; it stays and can be sent again by hand.
//!
//! Absent on purpose: this folder never looks at execution input and output; what `data` holds is the caller's decision.

pub mod deliver;
mod enqueue;
pub mod http;
mod limits;
mod list;
mod model;
mod plan;
mod redeliver;
mod secrets;
mod signature;
mod store;
pub use enqueue::enqueue;
pub use model::{Audience, Choice, DeploymentNotice, Destination, Notification};
pub use secrets::{OwnSecret, Purpose, own_secret};
