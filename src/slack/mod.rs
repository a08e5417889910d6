//! What people do from Slack: buttons of messages, and the slash command. What Slack is told goes through notifications.
//!
//! No tables. Jobs: [`reply::Reply`] answers a button where it was pressed.
//!
//! Invariants: nothing is believed that does not carry Slack's signature of the last five minutes. A Slack user acts as the
//! caller that `notifications.slack.users` names, with that caller's roles, and not at all if it names none. Every decision
//! and command goes through the same doors as the API's, and is audited there.

pub mod http;
mod obey;
mod plan;
pub mod reply;
mod signature;
