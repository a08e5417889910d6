//! `ResultPath`: where a result goes in the input.

use super::problem::Problem;
use crate::json::Payload;
use crate::machine::Placement;

/// The input with the result at its place; either one's text stays where it is the whole.
pub(crate) fn place(placement: &Placement, input: &Payload, result: Payload) -> Result<Payload, Problem> {
    match placement {
        Placement::Replace => Ok(result),
        Placement::Discard => Ok(input.clone()),
        Placement::At(path) => match path.put(input.json(), result.json().clone()) {
            Ok(placed) => Ok(Payload::from_json(placed)),
            Err(_) => Err(Problem::path_conflict(format!(
                "Unable to apply ReferencePath {} to input {}",
                path.text(),
                input.json()
            ))),
        },
    }
}
