//! Pass and Succeed: data through, data in.

use super::frame::ScopeIx;
use super::problem::Problem;
use super::run::Run;
use crate::json::Payload;
use crate::machine::State;

impl<'m> Run<'m, '_, '_> {
    pub(crate) fn pass(
        &mut self,
        at: ScopeIx,
        state: &'m State,
        result: Option<&Payload>,
    ) -> Result<(), Problem> {
        let result = match result {
            Some(result) => {
                // Its paths are evaluated all the same.
                self.effective_input(at, state)?;
                result.clone()
            }
            None => self.arguments(at, state, None)?,
        };
        self.finish(at, state, result)
    }

    /// `Succeed` knows `InputPath` and `OutputPath`, and `Output`.
    pub(crate) fn succeed(&mut self, at: ScopeIx, state: &'m State) -> Result<(), Problem> {
        let effective = self.effective_input(at, state)?;
        self.finish(at, state, effective)
    }
}
