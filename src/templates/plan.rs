//! The decisions of the registry that need nothing but their arguments: which settings can't be, what a change makes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::limits;
use super::model::{Logging, Rule, Settings};

/// A setting that can't be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer into the request's body.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

fn fault(pointer: impl Into<String>, message: impl Into<String>) -> Fault {
    Fault {
        pointer: pointer.into(),
        message: message.into(),
    }
}

/// What is wrong with the settings, except for rules and schema, which are compiled.
pub(super) fn faults(settings: &Settings) -> Vec<Fault> {
    let mut faults = Vec::new();
    if settings
        .timeout_seconds
        .is_some_and(|seconds| seconds == 0 || seconds > limits::TIMEOUT_SECONDS_MAX)
    {
        faults.push(fault(
            "/timeout_seconds",
            format!("must be 1 to {} seconds", limits::TIMEOUT_SECONDS_MAX),
        ));
    }
    if settings
        .retry_attempts
        .is_some_and(|attempts| attempts > limits::RETRY_ATTEMPTS_MAX)
    {
        faults.push(fault(
            "/retry_attempts",
            format!("must be 0 to {}", limits::RETRY_ATTEMPTS_MAX),
        ));
    }
    if let Some(role) = &settings.role_arn
        && !is_role_arn(role)
    {
        faults.push(fault(
            "/role_arn",
            "must be the ARN of a role, such as `arn:aws:iam::123456789012:role/workflows`",
        ));
    }
    if let Some(tags) = &settings.tags {
        tag_faults(tags, &mut faults);
    }
    faults
}

/// `arn:<partition>:iam::<account>:role/<name>` (IAM user guide, "IAM identifiers").
fn is_role_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut part = || parts.next().unwrap_or_default();
    let (arn, partition, service, region, account, resource) =
        (part(), part(), part(), part(), part(), part());
    arn == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && resource
            .strip_prefix("role/")
            .is_some_and(|name| !name.is_empty())
        && text.len() <= 256
}

/// AWS's rules for tags (Step Functions developer guide, "Tagging").
fn tag_faults(tags: &BTreeMap<String, String>, faults: &mut Vec<Fault>) {
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    if tags.len() > limits::TAGS_MAX {
        faults.push(fault(
            "/tags",
            format!("a state machine has at most {} tags", limits::TAGS_MAX),
        ));
    }
    for (key, value) in tags {
        let pointer = format!("/tags/{}", super::transform::escape(key));
        let length = key.chars().count();
        if length == 0 || length > limits::TAG_KEY_LENGTH_MAX {
            faults.push(fault(
                &pointer,
                format!("a tag's key has 1 to {} characters", limits::TAG_KEY_LENGTH_MAX),
            ));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            faults.push(fault(&pointer, "tags beginning with `aws:` belong to AWS"));
        }
        if value.chars().count() > limits::TAG_VALUE_LENGTH_MAX {
            faults.push(fault(
                &pointer,
                format!(
                    "a tag's value has at most {} characters",
                    limits::TAG_VALUE_LENGTH_MAX
                ),
            ));
        }
        if !key.chars().chain(value.chars()).all(allowed) {
            faults.push(fault(
                &pointer,
                "a tag has letters, digits, spaces and `_ . : / = + - @` only",
            ));
        }
    }
}

/// What becomes of one setting in a new revision.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Setting<T> {
    /// It stays: the field is absent.
    #[default]
    Keep,
    /// It goes back to its default: the field is null.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Setting<T> {
    fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    /// Of a field that is there; one that is absent is the default.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

/// A change of settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SettingsChange {
    /// See [`Settings::timeout_seconds`].
    pub(super) timeout_seconds: Setting<u32>,
    /// See [`Settings::retry_attempts`].
    pub(super) retry_attempts: Setting<u32>,
    /// See [`Settings::role_arn`].
    pub(super) role_arn: Setting<String>,
    /// See [`Settings::logging`].
    pub(super) logging: Setting<Logging>,
    /// See [`Settings::tracing`].
    pub(super) tracing: Setting<bool>,
    /// See [`Settings::tags`].
    pub(super) tags: Setting<BTreeMap<String, String>>,
    /// See [`Settings::input_schema`].
    pub(super) input_schema: Setting<Value>,
    /// See [`Settings::rules`].
    pub(super) rules: Setting<Vec<Rule>>,
}

impl SettingsChange {
    /// The settings after this change.
    pub(super) fn apply(self, before: Settings) -> Settings {
        Settings {
            timeout_seconds: self.timeout_seconds.apply(before.timeout_seconds),
            retry_attempts: self.retry_attempts.apply(before.retry_attempts),
            role_arn: self.role_arn.apply(before.role_arn),
            logging: self.logging.apply(before.logging),
            tracing: self.tracing.apply(before.tracing),
            tags: self.tags.apply(before.tags),
            input_schema: self.input_schema.apply(before.input_schema),
            rules: self.rules.apply(before.rules),
        }
    }
}

/// Which tags are to be put and which taken away, so that `have` becomes `want`. Tags that AWS manages are left alone.
pub(super) fn tag_changes(
    have: &BTreeMap<String, String>,
    want: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let put = want
        .iter()
        .filter(|(key, value)| have.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let take = have
        .keys()
        .filter(|key| !want.contains_key(*key) && !key.starts_with("aws:"))
        .cloned()
        .collect();
    (put, take)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn every_fault_is_named_by_its_place() {
        let settings = Settings {
            timeout_seconds: Some(0),
            retry_attempts: Some(101),
            role_arn: Some("role".into()),
            tags: Some(tags(&[("aws:x", "1"), ("a/b", "no\tcontrol")])),
            ..Settings::default()
        };
        let pointers: Vec<_> = faults(&settings).into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/timeout_seconds",
                "/retry_attempts",
                "/role_arn",
                "/tags/a~1b",
                "/tags/aws:x"
            ]
        );
    }

    #[test]
    fn an_absent_setting_stays_and_a_null_one_goes() {
        let before = Settings {
            timeout_seconds: Some(60),
            retry_attempts: Some(3),
            ..Settings::default()
        };
        let change = SettingsChange {
            retry_attempts: Setting::Clear,
            tracing: Setting::Set(true),
            ..SettingsChange::default()
        };
        let after = change.apply(before);
        assert_eq!(
            (after.timeout_seconds, after.retry_attempts, after.tracing),
            (Some(60), None, Some(true))
        );
    }

    #[test]
    fn tags_are_brought_to_what_is_wanted_and_those_of_aws_are_left() {
        let (put, take) = tag_changes(
            &tags(&[("Team", "a"), ("Old", "1"), ("aws:cf", "x"), ("Same", "1")]),
            &tags(&[("Team", "b"), ("New", "2"), ("Same", "1")]),
        );
        assert_eq!(put, tags(&[("Team", "b"), ("New", "2")]));
        assert_eq!(take, ["Old"]);
    }
}
