//! What goes into the API's operations and comes out of them, in plain types. Texts of definitions, inputs and outputs are JSON
//! as AWS has them; times are cut to microseconds.

mod executions;
mod machines;
mod test_state;

pub use executions::*;
pub use machines::*;
pub use test_state::*;

/// A page of a listing. It may hold fewer than were asked for though more follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// The next page.
    pub next_token: Option<String>,
}
