//! The checked form of a definition: states by index, targets resolved, every path, template and expression compiled once.
//!
//! [`build`] makes it from the spanned tree after the checks found no error. It never changes; executions share it in an `Arc`.

mod build;
mod choice;
mod distributed;
mod fields;
mod resource;
mod state;
mod template;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use build::{BuildError, build};
pub use resource::ResourceError;

pub(crate) use choice::{Comparison, Operand, Operator, Rule, Test};
pub(crate) use distributed::{Batcher, Distributed, Reader, Writer};
pub(crate) use state::{
    Amount, Assign, Body, FailText, Io, Items, MapState, Placement, Retrier, Selection, State, Task, Wait,
};
pub(crate) use template::Template;

/// A state, by its place in [`Machine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StateIx(pub(crate) u32);

/// A graph of states (the machine's own, a branch's, a processor's), by its place in [`Machine`]. The default is the machine's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GraphIx(pub(crate) u32);

impl GraphIx {
    /// The graph executions start in, those of Map Runs excepted.
    pub const ROOT: GraphIx = GraphIx(0);

    /// Whether it is the machine's own.
    pub fn is_root(&self) -> bool {
        *self == Self::ROOT
    }
}

/// A definition that can run.
#[derive(Debug)]
pub struct Machine {
    pub(crate) states: Vec<State>,
    pub(crate) graphs: Vec<Graph>,
    pub(crate) timeout_seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Graph {
    pub(crate) start: StateIx,
}

impl Machine {
    /// The machine's own `TimeoutSeconds`.
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.timeout_seconds
    }

    /// The names of all states, those of branches and processors included.
    pub fn state_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.states.iter().map(|state| &state.name)
    }

    pub(crate) fn state(&self, at: StateIx) -> Option<&State> {
        self.states.get(at.0 as usize)
    }

    pub(crate) fn start_of(&self, graph: GraphIx) -> Option<StateIx> {
        self.graphs.get(graph.0 as usize).map(|graph| graph.start)
    }
}
