//! What clients send about executions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::super::model::{Filter, Status};
use crate::db::paging::PageQuery;
use crate::environments::EnvironmentName;
use crate::http::{Problem, ProblemKind};

/// An execution to start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartExecution {
    /// Where; `default` when absent.
    #[serde(default)]
    pub(super) environment: EnvironmentName,
    /// Any JSON, kept to the letter; `{}` when absent.
    #[schema(value_type = Option<Object>)]
    pub(super) input: Option<Box<RawValue>>,
    /// Its name, unique for the state machine; its id when absent.
    pub(super) name: Option<String>,
    /// A key of the caller's own to find it by, such as an order's number.
    pub(super) business_key: Option<String>,
    /// Labels of the caller's own to find it by.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    /// A webhook that is told when it closes (Standard Webhooks, signed).
    pub(super) callback_url: Option<String>,
}

/// Why an execution is stopped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StopExecution {
    /// An error's name.
    pub(super) error: Option<String>,
    /// More about it.
    pub(super) cause: Option<String>,
}

/// A redrive needs nothing; the body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RedriveExecution {
    /// Why an execution of a version that was taken back runs again nevertheless: an admin's word.
    pub(super) override_quarantine: Option<String>,
}

/// What narrows the list of executions. Everything given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecutionQuery {
    /// Of this template.
    template: Option<String>,
    /// In one of these statuses, separated by commas.
    status: Option<String>,
    /// With this business key.
    business_key: Option<String>,
    /// In this environment.
    environment: Option<EnvironmentName>,
    /// With these labels: `tenant:acme,tier:gold`.
    label: Option<String>,
    /// With this name.
    name: Option<String>,
    /// Of this published version.
    version_arn: Option<String>,
    /// Started at or after this time (RFC 3339).
    started_from: Option<DateTime<Utc>>,
    /// Started before this time (RFC 3339).
    started_before: Option<DateTime<Utc>>,
    /// Most rows to return, 1..=500; 50 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl ExecutionQuery {
    pub(super) fn page(&self) -> PageQuery {
        PageQuery {
            limit: self.limit,
            cursor: self.cursor.clone(),
        }
    }

    pub(super) fn into_filter(self) -> Result<Filter, Problem> {
        let invalid = |what: String| Problem::new(ProblemKind::InvalidRequest, what);
        let mut statuses = Vec::new();
        for name in self.status.iter().flat_map(|names| names.split(',')) {
            statuses.push(name.trim().parse::<Status>().map_err(|_| {
                invalid(format!(
                    "`{name}` is no status; there are RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED and PENDING_REDRIVE"
                ))
            })?);
        }
        let mut labels = BTreeMap::new();
        for pair in self.label.iter().flat_map(|pairs| pairs.split(',')) {
            let (key, value) = pair
                .split_once(':')
                .ok_or_else(|| invalid(format!("`label={pair}` must be written `key:value`")))?;
            labels.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        Ok(Filter {
            template: self.template,
            environment: self.environment,
            statuses,
            business_key: self.business_key,
            labels,
            started_from: self.started_from,
            started_before: self.started_before,
            version_arn: self.version_arn,
            name: self.name,
        })
    }
}

/// Which part of a history is read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryQuery {
    /// Most events to return, 1..=1000; 100 when absent.
    pub(super) limit: Option<u32>,
    /// The newest first.
    #[serde(default)]
    pub(super) reverse: bool,
    /// `next_cursor` of the page before; good for 24 hours.
    pub(super) cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> ExecutionQuery {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn several_statuses_and_labels_are_separated_by_commas() {
        let filter = query(r#"{"status": "FAILED,TIMED_OUT", "label": "tenant:acme,tier:gold"}"#)
            .into_filter()
            .unwrap();
        assert_eq!(filter.statuses, [Status::Failed, Status::TimedOut]);
        assert_eq!(filter.labels["tier"], "gold");
    }

    #[test]
    fn what_can_not_be_read_is_refused() {
        assert!(query(r#"{"status": "DONE"}"#).into_filter().is_err());
        assert!(query(r#"{"label": "acme"}"#).into_filter().is_err());
    }

    #[test]
    fn an_input_is_kept_to_the_letter() {
        let request: StartExecution =
            serde_json::from_str(r#"{"input": {"n": 1.0, "big": 12345678901234567890123}}"#).unwrap();
        assert_eq!(
            request.input.unwrap().get(),
            r#"{"n": 1.0, "big": 12345678901234567890123}"#
        );
    }
}
