//! The elements of `Branches`: objects. What is in them is [`super::scopes`]' business.

use super::context::Context;
use super::shapes::wrong_type;
use crate::syntax::StateType;

pub(super) fn check_state(context: &mut Context<'_>, index: usize) {
    let Some(state) = context
        .state(index)
        .filter(|state| state.kind == Some(StateType::Parallel))
    else {
        return;
    };
    let Some(branches) = state.node().member("Branches") else {
        return;
    };
    let place = state.place();
    let place = place.member(branches);
    for (index, branch) in branches.value.as_array().unwrap_or_default().iter().enumerate() {
        if branch.as_object().is_none() {
            wrong_type(context, &place.element(index, branch), branch, "Object");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::tests::{finds, state};

    #[test]
    fn a_branch_is_an_object() {
        finds(
            &state(r#""Type": "Parallel", "Branches": [[]], "End": true"#),
            "SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/S/Branches[0]",
        );
        finds(
            &state(r#""Type": "Parallel", "Branches": [], "End": true"#),
            "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Branches",
        );
    }
}
