//! The decisions: what a rule set makes of what was found, and what exemptions leave of that.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::limits;
use super::model::{Diagnostic, Exemption, LintLevel, Rule, RuleSet, Severity};
use super::rules::{self, InvalidRule, RULE_CODE};
use crate::step_functions::MachineType;

/// Something that can't be in a rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer into the rule set.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

/// Everything there is to say about a definition, and the definition where it is JSON. Fails only for rules that can't be used. Takes as
/// long as the rules need, so run it where blocking is allowed. Without `now` nothing is said of times that have passed: what is kept
/// of a definition must not depend on the day.
pub fn examine(
    text: &str,
    kind: MachineType,
    rules: &[Rule],
    now: Option<DateTime<Utc>>,
) -> Result<(Vec<Diagnostic>, Option<Value>), Vec<InvalidRule>> {
    let kind = match kind {
        MachineType::Standard => asl::MachineKind::Standard,
        MachineType::Express => asl::MachineKind::Express,
    };
    let options = asl::CheckOptions {
        now_ms: now.map(|now| now.timestamp_millis()),
        ..kind.into()
    };
    let found = asl::diagnose(text, &options).diagnostics;
    let mut diagnostics: Vec<Diagnostic> = found.into_iter().map(Diagnostic::from).collect();
    let definition: Option<Value> = serde_json::from_str(text).ok();
    diagnostics.extend(rules::check(rules, text, definition.as_ref())?);
    Ok((diagnostics, definition))
}

/// Which rules of the house a definition breaks; none where it is not JSON. As [`examine`], without the language.
pub fn broken(rules: &[Rule], text: &str) -> Result<Vec<Diagnostic>, Vec<InvalidRule>> {
    let definition: Option<Value> = serde_json::from_str(text).ok();
    rules::check(rules, text, definition.as_ref())
}

/// What is wrong with a rule set: lints that don't exist or that no rule set may change, rules that can't be compiled.
pub fn faults(set: &RuleSet) -> Vec<Fault> {
    let mut faults = Vec::new();
    if set
        .description
        .as_ref()
        .is_some_and(|text| text.chars().count() > limits::RULE_MESSAGE_LENGTH_MAX)
    {
        faults.push(Fault {
            pointer: "/description".to_owned(),
            message: format!("has more than {} characters", limits::RULE_MESSAGE_LENGTH_MAX),
        });
    }
    for code in set.lints.keys() {
        let message = match asl::Code::ALL.iter().find(|known| known.as_str() == code) {
            None => unknown_lint(code),
            Some(known) if known.severity() == asl::Severity::Error => {
                format!("`{code}` is no lint: a definition that has it can't be created at all")
            }
            Some(_) => continue,
        };
        faults.push(Fault {
            pointer: format!("/lints/{code}"),
            message,
        });
    }
    let mut names: Vec<&str> = Vec::new();
    for (index, rule) in set.rules.iter().enumerate() {
        if names.contains(&rule.name.as_str()) {
            faults.push(Fault {
                pointer: format!("/rules/{index}/name"),
                message: format!("there is another rule `{}`", rule.name),
            });
        }
        names.push(&rule.name);
    }
    if let Err(invalid) = rules::check(&set.rules, "", None) {
        faults.extend(invalid.into_iter().map(|rule| Fault {
            pointer: format!("/rules/{}/expression", rule.index),
            message: rule.to_string(),
        }));
    }
    faults
}

fn unknown_lint(code: &str) -> String {
    let near = asl::Code::ALL
        .iter()
        .map(|known| {
            (
                strsim::damerau_levenshtein(known.as_str(), &code.to_ascii_uppercase()),
                known,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 3);
    let meant = near.map_or_else(String::new, |(_, known)| format!("; did you mean `{known}`?"));
    format!("there is no lint `{code}`{meant}")
}

/// What a rule set and exemptions make of diagnostics: lints at the set's levels, and what is exempt as a remark. Diagnostics of the set's
/// own rules are expected among them.
pub fn apply(
    set: &RuleSet,
    exemptions: &[Exemption],
    diagnostics: Vec<Diagnostic>,
    now: DateTime<Utc>,
) -> Vec<Diagnostic> {
    diagnostics
        .into_iter()
        .filter_map(|mut diagnostic| {
            if is_refused_by_aws(&diagnostic) {
                return Some(diagnostic);
            }
            diagnostic.severity = match set.lints.get(&diagnostic.code) {
                Some(LintLevel::Off) => return None,
                Some(LintLevel::Error) => Severity::Error,
                Some(LintLevel::Warning) => Severity::Warning,
                Some(LintLevel::Info) => Severity::Info,
                None => diagnostic.severity,
            };
            if let Some(exemption) = exemptions
                .iter()
                .find(|exemption| exemption.is_active(now) && covers(exemption, &diagnostic))
            {
                diagnostic.severity = Severity::Info;
                diagnostic.exemption = Some(exemption.id);
            }
            Some(diagnostic)
        })
        .collect()
}

/// Whether nothing refuses the definition.
pub fn keeps(diagnostics: &[Diagnostic]) -> bool {
    diagnostics
        .iter()
        .all(|diagnostic| diagnostic.severity != Severity::Error)
}

/// Only rules of the house and lints may be changed or waived.
fn is_refused_by_aws(diagnostic: &Diagnostic) -> bool {
    diagnostic.code != RULE_CODE && diagnostic.severity == Severity::Error
}

fn covers(exemption: &Exemption, diagnostic: &Diagnostic) -> bool {
    let named = diagnostic.rule.as_deref().unwrap_or(&diagnostic.code);
    let there = exemption.location.as_deref().is_none_or(|place| {
        let found = diagnostic.location.as_deref().unwrap_or("/");
        found
            .strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || place == "/" || rest.starts_with(['/', '[']))
    });
    exemption.rule == named && there
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::TimeDelta;

    use super::*;
    use crate::ids::ExemptionId;
    use crate::policies::{RuleScope, RuleSeverity};

    const TASK: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": "q", "MessageBody": "b"}, "End": true}}}"#;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn set(lints: &[(&str, LintLevel)]) -> RuleSet {
        RuleSet {
            lints: lints
                .iter()
                .map(|(code, level)| ((*code).to_owned(), *level))
                .collect::<BTreeMap<_, _>>(),
            ..RuleSet::default()
        }
    }

    fn exemption(rule: &str, location: Option<&str>) -> Exemption {
        Exemption {
            id: ExemptionId::generate(),
            template: "t".to_owned(),
            rule: rule.to_owned(),
            environment: None,
            location: location.map(str::to_owned),
            reason: "legacy".to_owned(),
            granted_by: "x".to_owned(),
            granted_at: now() - TimeDelta::days(1),
            expires_at: now() + TimeDelta::days(1),
            revoked_by: None,
            revoked_at: None,
        }
    }

    fn judged(text: &str, set: &RuleSet, exemptions: &[Exemption]) -> Vec<Diagnostic> {
        let (found, _) = examine(text, MachineType::Standard, &set.rules, Some(now())).unwrap();
        apply(set, exemptions, found, now())
    }

    #[test]
    fn a_wait_until_a_time_that_has_passed_is_doubted_only_where_the_time_is_known() {
        let text = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Timestamp": "2027-01-15T07:59:59Z", "End": true}}}"#;
        let doubted = |now| {
            let (found, _) = examine(text, MachineType::Standard, &[], now).unwrap();
            found.iter().any(|found| found.code == "WAIT_IN_PAST")
        };
        assert!(doubted(Some(now())));
        assert!(!doubted(Some(now() - TimeDelta::days(1))));
        assert!(!doubted(None));
    }

    #[test]
    fn a_lint_refuses_where_the_set_says_so_and_is_silent_where_it_is_off() {
        assert!(keeps(&judged(TASK, &RuleSet::default(), &[])));
        let strict = judged(TASK, &set(&[("TASK_NO_TIMEOUT", LintLevel::Error)]), &[]);
        assert!(!keeps(&strict), "{strict:?}");
        let silent = judged(TASK, &set(&[("TASK_NO_TIMEOUT", LintLevel::Off)]), &[]);
        assert!(
            silent.iter().all(|found| found.code != "TASK_NO_TIMEOUT"),
            "{silent:?}"
        );
    }

    #[test]
    fn an_exemption_turns_a_refusal_into_a_remark_until_it_ends_and_only_where_it_says() {
        let strict = set(&[("TASK_NO_TIMEOUT", LintLevel::Error)]);
        for place in [None, Some("/States/A"), Some("/")] {
            let found = judged(TASK, &strict, &[exemption("TASK_NO_TIMEOUT", place)]);
            assert!(keeps(&found), "{place:?}: {found:?}");
            assert!(found.iter().any(|found| found.exemption.is_some()));
        }
        assert!(!keeps(&judged(
            TASK,
            &strict,
            &[exemption("TASK_NO_TIMEOUT", Some("/States/AB"))]
        )));
        assert!(!keeps(&judged(
            TASK,
            &strict,
            &[exemption("TASK_NO_RETRY", None)]
        )));
        let ended = Exemption {
            expires_at: now(),
            ..exemption("TASK_NO_TIMEOUT", None)
        };
        let revoked = Exemption {
            revoked_at: Some(now()),
            ..exemption("TASK_NO_TIMEOUT", None)
        };
        assert!(!keeps(&judged(TASK, &strict, &[ended, revoked])));
    }

    #[test]
    fn a_rule_of_the_set_is_waived_by_its_name() {
        let set = RuleSet {
            rules: vec![Rule {
                name: "has-comment".to_owned(),
                expression: "has(definition.Comment)".to_owned(),
                scope: RuleScope::Definition,
                severity: RuleSeverity::Error,
                message: None,
            }],
            ..RuleSet::default()
        };
        assert!(!keeps(&judged(TASK, &set, &[])));
        assert!(!keeps(&judged(TASK, &set, &[exemption(RULE_CODE, None)])));
        assert!(keeps(&judged(TASK, &set, &[exemption("has-comment", None)])));
    }

    #[test]
    fn what_aws_refuses_stays_refused() {
        let broken = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}"#;
        let found = judged(
            broken,
            &RuleSet::default(),
            &[exemption("MISSING_TRANSITION_TARGET", None)],
        );
        assert!(!keeps(&found), "{found:?}");
    }

    #[test]
    fn what_can_not_be_in_a_rule_set_is_named() {
        let mut set = set(&[
            ("TASK_NO_TIMEUOT", LintLevel::Error),
            ("SCHEMA_VALIDATION_FAILED", LintLevel::Off),
            ("TASK_NO_TIMEOUT", LintLevel::Error),
        ]);
        set.rules = vec![Rule {
            name: "r".to_owned(),
            expression: "stats.x".to_owned(),
            scope: RuleScope::State,
            severity: RuleSeverity::Error,
            message: None,
        }];
        let faults = faults(&set);
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/lints/SCHEMA_VALIDATION_FAILED",
                "/lints/TASK_NO_TIMEUOT",
                "/rules/0/expression"
            ]
        );
        assert!(faults[1].message.contains("`TASK_NO_TIMEOUT`"), "{faults:?}");
    }
}
