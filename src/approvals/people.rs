//! Who is known here, and whether that is enough for a gate.

use super::model::Gate;
use super::rules;
use crate::access::{self, Caller};
use crate::config::Config;

/// Why a gate could never be passed by those who are known: for the plan, before anything waits. Empty: it can be.
pub fn obstacles(config: &Config, gate: &Gate, requester: &str, authors: &[String]) -> Vec<String> {
    rules::obstacles(gate, requester, authors, &config.approvals.groups, &known(config))
}

/// Everybody who could decide: callers with a key; without keys, those who have a link or a Slack user of their own.
pub(super) fn known(config: &Config) -> Vec<Caller> {
    let mut people = access::callers(&config.access);
    if config.access.keys.is_empty() {
        let linked = config.approvals.people.keys();
        let named = linked.chain(config.notifications.slack.users.values());
        people.extend(named.filter_map(|name| access::caller_named(&config.access, name)));
    }
    people
}
