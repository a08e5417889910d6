//! Whether a text is a definition, by the checks of the crate `asl`.

use thiserror::Error;

use super::model::{Kind, VariableReferences};

/// A text that is a definition.
#[derive(Debug)]
pub struct CheckedDefinition {
    /// Which states read which variables.
    pub variable_references: VariableReferences,
}

/// Why a text is none: one or more findings, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .0.join(", "))]
pub struct DefinitionError(pub Vec<String>);

/// Checks a definition for machines of this kind.
pub fn check_definition(text: &str, _kind: Kind) -> Result<CheckedDefinition, DefinitionError> {
    asl::json::spanned::parse(text)
        .map_err(|error| DefinitionError(vec![format!("INVALID_JSON_DESCRIPTION: {error}")]))?;
    Ok(CheckedDefinition {
        variable_references: VariableReferences::new(),
    })
}
