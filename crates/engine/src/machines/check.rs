//! Whether a text is a definition, by the checks of the crate `asl`.

use asl::machine::Machine;
use thiserror::Error;

use super::model::{Kind, VariableReferences};

/// A text that is a definition.
#[derive(Debug)]
pub struct CheckedDefinition {
    /// What is evaluated.
    pub machine: Machine,
    /// Which states read which variables.
    pub variable_references: VariableReferences,
}

/// Why a text is none: one or more findings, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .0.join(", "))]
pub struct DefinitionError(pub Vec<String>);

/// Checks a definition for machines of this kind.
pub fn check_definition(text: &str, _kind: Kind) -> Result<CheckedDefinition, DefinitionError> {
    let definition = asl::json::spanned::parse(text)
        .map_err(|error| DefinitionError(vec![format!("INVALID_JSON_DESCRIPTION: {error}")]))?;
    let machine = asl::machine::build(&definition)
        .map_err(|error| DefinitionError(vec![format!("SCHEMA_VALIDATION_FAILED: {error}")]))?;
    Ok(CheckedDefinition {
        machine,
        variable_references: VariableReferences::new(),
    })
}
