//! Who may do what: callers known by keys of the configuration, and the one table that says what each role may do.
//!
//! Tables: `service_secrets` (written by notifications and approvals). No jobs.
//!
//! Invariants: once any key is configured, a request without a known key gets 401, on every route but the probes, the
//! documentation, and those that carry their own proof: personal signed links, and Slack's signed calls. What a route needs is decided by
//! [`rules::needs`] from its method and pattern before its handler runs; a route that the table does not know needs an
//! admin to change anything. With no key configured every caller is `anonymous` and may do everything, which is why the
//! service then refuses to listen on anything but loopback.
//!
//! Absent on purpose: sessions, passwords, tokens of others. Finer policies come in at [`authorize`], the one door.

mod keys;
mod layer;
pub mod rules;

pub use crate::http::Caller;
pub use keys::{caller_named, callers};
pub use layer::guard;
pub use rules::{Action, Forbidden, authorize};
