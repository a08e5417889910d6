//! What is demanded of definitions besides the language's own rules: rule sets, who demands them, and exemptions.
//!
//! Tables: `rule_sets` (one row each, its `version` counts the changes), `exemptions`.
//!
//! Invariants: a rule set that an environment names (`rule_set` in its configuration) is kept by whatever is registered or deployed
//! there ([`demand`]); one that does not exist refuses everything, because nobody can say that it is kept. An exemption always ends.
//! What AWS refuses no rule set allows. Going back to an earlier version is never refused by a rule.
//!
//! Absent on purpose: judging the registry. Templates are above this room; the dry run over them is theirs.

mod demand;
mod find;
pub mod http;
mod limits;
mod model;
mod plan;
mod remove;
mod revoke;
mod rules;
mod save;
mod store;
mod waive;

pub use demand::{Demand, DemandError, Refusal, demand};
pub use find::{active_exemptions, rule_set};
pub use model::{
    DOCUMENTATION_PATH, Diagnostic, Exemption, Fix, LintLevel, Rule, RuleScope, RuleSet, RuleSetId,
    RuleSeverity, SavedRuleSet, Severity,
};
pub use plan::{Fault, apply, broken, examine, faults, keeps};
pub use rules::{InvalidRule, RULE_CODE};
