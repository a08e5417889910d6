//! The registry: templates, their immutable revisions, and where each is live.
//!
//! Tables: `templates`, `template_revisions`, `template_environments` (a template in an environment: its state machine and alias),
//! `template_versions` (which revision a published version is).
//! Jobs: [`Converge`] finishes a registration that did not reach its environment.
//!
//! Invariants: a revision never changes, and one with the same digest is the same one. What is published is the definition as written
//! plus the transforms that the revision lists. State machines are found by their constructed ARN, never by listing. Registration puts
//! the first revision behind the alias; after that only deployments move it ([`publish`], [`ensure_alias`], [`set_live`]).

mod admit;
mod assess;
mod converge;
mod diff;
mod digest;
mod ensure;
mod find;
pub mod http;
mod limits;
mod model;
mod plan;
mod publish;
mod register;
mod remove;
mod revise;
mod run;
mod store;
mod survey;
mod transform;
mod validate;

pub use crate::schema::Violation;
pub use admit::admit;
pub use converge::{Converge, ensure_alias};
pub use ensure::{EnsureError, Wanted, ensure, revised};
pub use find::{Overview, find, revision};
pub use model::{Binding, BindingState, Revision, Settings, Template, TemplateName, check_name};
pub use publish::{PublishError, Published, publish};
#[cfg(test)]
pub(crate) use register::register_for_tests;
pub use run::{
    Machine, RunError, Runnable, binding, check_input, hold, machines, revision_of, runnable, set_live,
};
