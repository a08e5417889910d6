//! ValidateStateMachineDefinition: what AWS itself would say about a definition.

use asl::CheckOptions;
use asl::diagnostic::{Diagnostic, Origin, Severity};
use serde::{Deserialize, Serialize};

use crate::machines::model::Kind;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Least {
    /// Errors alone.
    #[default]
    Error,
    /// Warnings too.
    Warning,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ValidateRequest {
    definition: String,
    #[serde(rename = "type", default)]
    kind: Kind,
    #[serde(default)]
    severity: Least,
    /// 0 is as good as absent: all there are, up to 100.
    #[serde(default)]
    max_results: usize,
}

#[derive(Serialize)]
pub(super) struct ValidateAnswer {
    result: &'static str,
    diagnostics: Vec<Item>,
    truncated: bool,
}

#[derive(Serialize)]
struct Item {
    severity: &'static str,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

/// Diagnostics to answer with at most when the request does not say (API reference: 100).
const RESULTS_MAX: usize = 100;

pub(super) fn validate(request: &ValidateRequest) -> ValidateAnswer {
    let options = CheckOptions {
        only: Some(Origin::Aws),
        ..CheckOptions::from(request.kind.for_asl())
    };
    let diagnosis = asl::diagnose(&request.definition, &options);
    let result = if diagnosis.is_valid() { "OK" } else { "FAIL" };
    let mut diagnostics: Vec<Item> = diagnosis
        .diagnostics
        .into_iter()
        .filter(|diagnostic| is_asked_for(diagnostic, request.severity))
        .map(|diagnostic| Item {
            severity: diagnostic.severity().as_str(),
            code: diagnostic.code.as_str(),
            message: diagnostic.message,
            location: diagnostic.location,
        })
        .collect();
    let max = match request.max_results {
        0 => RESULTS_MAX,
        some => some,
    };
    let truncated = diagnosis.truncated || diagnostics.len() > max;
    diagnostics.truncate(max);
    ValidateAnswer {
        result,
        diagnostics,
        truncated,
    }
}

fn is_asked_for(diagnostic: &Diagnostic, least: Least) -> bool {
    match (diagnostic.severity(), least) {
        (Severity::Error, _) | (Severity::Warning, Least::Warning) => true,
        (Severity::Warning | Severity::Info, _) => false,
    }
}
