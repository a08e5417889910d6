//! What the registry answers.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::assess::Assessed;
use super::super::find::Overview;
use super::super::model::{
    Binding, Diagnostic, MachineType, Revision, Settings, Severity, Template, Transform,
};
use super::super::survey::Found;
use crate::db::paging::Page;
use crate::policies;

/// A template with its newest revision.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TemplateView {
    name: String,
    #[serde(rename = "type")]
    kind: MachineType,
    /// Number of the newest revision.
    revision: i32,
    /// Names what the newest revision says.
    digest: String,
    created_at: DateTime<Utc>,
    created_by: String,
    /// When the newest revision came.
    updated_at: DateTime<Utc>,
    /// How often it was executed, ever, past Signalbox included.
    execution_count: i64,
    /// What there is to remark about the newest revision.
    diagnostics: Vec<Diagnostic>,
    /// Where it is, and how far it has come there.
    environments: Vec<Binding>,
    #[serde(flatten)]
    settings: Settings,
}

impl TemplateView {
    pub(super) fn new(
        template: Template,
        revision: Revision,
        environments: Vec<Binding>,
        execution_count: i64,
    ) -> Self {
        Self {
            name: template.name.to_string(),
            kind: template.kind,
            revision: revision.revision,
            digest: revision.digest,
            created_at: template.created_at,
            created_by: template.created_by,
            updated_at: template.updated_at,
            execution_count,
            diagnostics: revision.diagnostics,
            environments,
            settings: revision.settings,
        }
    }
}

impl From<Overview> for TemplateView {
    fn from(overview: Overview) -> Self {
        Self::new(
            overview.template,
            overview.revision,
            overview.bindings,
            overview.execution_count,
        )
    }
}

/// A revision without its definitions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevisionSummary {
    template: String,
    revision: i32,
    digest: String,
    created_at: DateTime<Utc>,
    created_by: String,
    diagnostics: Vec<Diagnostic>,
    /// What differs between the definition as written and as published.
    transforms: Vec<Transform>,
    settings: Settings,
}

/// A revision.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevisionView {
    #[serde(flatten)]
    summary: RevisionSummary,
    /// The definition as written.
    #[schema(value_type = Object)]
    definition: Box<RawValue>,
    /// The definition as written, to the letter: lines and columns of diagnostics refer to it.
    definition_text: String,
    /// The definition as published.
    #[schema(value_type = Object)]
    published_definition: Box<RawValue>,
}

impl RevisionSummary {
    pub(super) fn new(template: &str, revision: Revision) -> Self {
        Self {
            template: template.to_owned(),
            revision: revision.revision,
            digest: revision.digest,
            created_at: revision.created_at,
            created_by: revision.created_by,
            diagnostics: revision.diagnostics,
            transforms: revision.transforms,
            settings: revision.settings,
        }
    }

    /// Its number.
    pub(super) fn number(&self) -> i32 {
        self.revision
    }
}

impl RevisionView {
    /// Fails if what was recorded is not JSON, which its registration has checked.
    pub(super) fn new(template: &str, revision: Revision) -> Result<Self, serde_json::Error> {
        Ok(Self {
            definition: RawValue::from_string(revision.written.clone())?,
            definition_text: revision.written.clone(),
            published_definition: RawValue::from_string(revision.published.clone())?,
            summary: RevisionSummary::new(template, revision),
        })
    }
}

/// What there is to say about a definition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ValidationView {
    /// `FAIL` when any diagnostic is an error.
    result: ValidationResult,
    diagnostics: Vec<Diagnostic>,
    /// After the fixes, where some were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<FixedView>,
}

/// A definition after its fixes.
#[derive(Debug, Serialize, ToSchema)]
struct FixedView {
    /// Absent where it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    definition: Option<Box<RawValue>>,
    /// Its text: what no fix touched is as it was handed in, to the byte.
    definition_text: String,
    /// What was done, in order.
    applied: Vec<AppliedFix>,
    /// `FAIL` when any diagnostic that is left is an error.
    result: ValidationResult,
    /// What is left to say.
    diagnostics: Vec<Diagnostic>,
}

/// A fix that was applied.
#[derive(Debug, Serialize, ToSchema)]
struct AppliedFix {
    /// The code of the diagnostic it answers.
    code: &'static str,
    /// Where that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    /// What was done, in the imperative.
    title: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum ValidationResult {
    Ok,
    Fail,
}

impl ValidationResult {
    fn of(diagnostics: &[Diagnostic]) -> Self {
        if policies::keeps(diagnostics) {
            Self::Ok
        } else {
            Self::Fail
        }
    }
}

impl From<Assessed> for ValidationView {
    fn from(assessed: Assessed) -> Self {
        Self {
            result: ValidationResult::of(&assessed.diagnostics),
            diagnostics: assessed.diagnostics,
            fixed: assessed.mended.map(|mended| FixedView {
                definition: RawValue::from_string(mended.fixed.text.clone()).ok(),
                definition_text: mended.fixed.text,
                applied: mended
                    .fixed
                    .applied
                    .into_iter()
                    .map(|applied| AppliedFix {
                        code: applied.code.as_str(),
                        location: applied.location,
                        title: applied.title,
                    })
                    .collect(),
                result: ValidationResult::of(&mended.diagnostics),
                diagnostics: mended.diagnostics,
            }),
        }
    }
}

/// What a rule set makes of templates.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Evaluation {
    /// Templates of this page that it would refuse.
    failing: usize,
    #[serde(flatten)]
    page: Page<EvaluatedTemplate>,
}

/// What a rule set makes of a template's newest revision.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EvaluatedTemplate {
    template: String,
    revision: i32,
    /// `FAIL` when it would be refused.
    result: ValidationResult,
    /// Errors and what is exempt.
    diagnostics: Vec<Diagnostic>,
}

impl Evaluation {
    pub(super) fn new(found: Vec<Found>, limit: u32, filter: &str) -> Self {
        let rows = found
            .into_iter()
            .map(|found| EvaluatedTemplate {
                template: found.template,
                revision: found.revision,
                result: ValidationResult::of(&found.diagnostics),
                diagnostics: found
                    .diagnostics
                    .into_iter()
                    .filter(|diagnostic| {
                        diagnostic.severity == Severity::Error || diagnostic.exemption.is_some()
                    })
                    .collect(),
            })
            .collect();
        let page = Page::from_rows(rows, limit, filter, |row: &EvaluatedTemplate| {
            row.template.clone()
        });
        Self {
            failing: page
                .data
                .iter()
                .filter(|row| matches!(row.result, ValidationResult::Fail))
                .count(),
            page,
        }
    }
}
