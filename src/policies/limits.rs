//! The numbers of rules and exemptions, each with its unit and its reason.

use chrono::TimeDelta;

/// Characters of a rule's name, as of a template's.
pub(super) const NAME_LENGTH_MAX: usize = 80;

/// Rules of one template or rule set.
pub(super) const RULES_MAX: usize = 50;

/// Bytes of one rule's CEL expression: a screenful.
pub(super) const RULE_EXPRESSION_BYTES_MAX: usize = 4_096;

/// Characters of a rule's message, of a rule set's description and of an exemption's reason.
pub(super) const RULE_MESSAGE_LENGTH_MAX: usize = 512;

/// Steps that evaluating one rule over one definition may take in the worst case: below a second on a slow core.
pub(super) const RULE_STEPS_MAX: u64 = 2_000_000;

/// Bytes of stack for compiling and evaluating rules: several times what the deepest expression of [`RULE_EXPRESSION_BYTES_MAX`] took when it
/// was tried in an unoptimised build.
pub(super) const RULE_STACK_BYTES: usize = 256 * 1024 * 1024;

/// Longest exemption: one that nobody renews in a year is forgotten, not wanted.
pub(super) const EXEMPTION_MAX: TimeDelta = TimeDelta::days(366);

/// Characters of an exemption's location.
pub(super) const LOCATION_LENGTH_MAX: usize = 1_024;

/// Exemptions of one template that are looked at: the ones that end last.
pub(super) const EXEMPTIONS_MAX: i64 = 1_000;
