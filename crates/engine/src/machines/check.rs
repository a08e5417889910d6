//! Whether a text is a definition, by the checks of the crate `asl`.

use asl::diagnostic::Origin;
use asl::machine::Machine;
use asl::{CheckOptions, Checked};
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

/// Why a text is none, in AWS's words: every finding with its place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct DefinitionError(pub String);

/// Checks a definition for machines of this kind.
pub fn check_definition(text: &str, kind: Kind) -> Result<CheckedDefinition, DefinitionError> {
    let options = CheckOptions {
        only: Some(Origin::Aws),
        ..CheckOptions::from(kind.for_asl())
    };
    let Checked {
        diagnostics,
        machine,
        unrunnable,
        variables_read,
        ..
    } = asl::check(text, &options);
    let Some(machine) = machine else {
        let message = asl::diagnostic::invalid_definition_message(&diagnostics)
            .or_else(|| {
                unrunnable.map(|error| {
                    format!("Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: {error}'")
                })
            })
            .unwrap_or_else(|| "Invalid State Machine Definition: ''".to_owned());
        return Err(DefinitionError(message));
    };
    let variable_references = variables_read
        .into_iter()
        .map(|(state, read)| (state, read.into_iter().collect()))
        .collect();
    Ok(CheckedDefinition {
        machine,
        variable_references,
    })
}
