//! `?dry_run=true`: everything is checked, what would be is answered, and nothing is changed.

use serde::Deserialize;
use utoipa::IntoParams;

/// Whether a request is only asked what it would do.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// Check everything, say what would be, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Whether something is done, or only said what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is done.
    Real,
    /// It is only said.
    Dry,
}

impl DryRun {
    /// What the request asks for.
    pub fn effect(self) -> Effect {
        if self.dry_run { Effect::Dry } else { Effect::Real }
    }
}
