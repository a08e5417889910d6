//! What the registry answers.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::find::Overview;
use super::super::model::{
    Binding, Diagnostic, MachineType, Revision, Settings, Severity, Template, Transform,
};

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
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum ValidationResult {
    Ok,
    Fail,
}

impl ValidationView {
    pub(super) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        let failed = diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error);
        Self {
            result: if failed {
                ValidationResult::Fail
            } else {
                ValidationResult::Ok
            },
            diagnostics,
        }
    }
}
