//! JSON in the three forms the language needs: [`Payload`] (text that travels), [`Json`] (a shared tree that expressions look
//! into) and the spanned tree of a definition (every node knows where it was written).

pub(crate) mod order;
pub mod payload;
pub(crate) mod print;
pub mod read;
pub mod spanned;
pub mod value;

pub use payload::Payload;
pub use read::ReadError;
pub use value::{Json, Object};
