//! JSON as the language needs it: text with places for the checks.

pub mod spanned;
