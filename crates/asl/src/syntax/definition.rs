//! The scopes and states of a definition, found once and numbered, so that a check can walk them all without
//! caring how deep they lie. A part that is not what it should be (a branch that is an array) is left out here
//! and reported by the check whose business it is.

use std::collections::HashMap;

use super::place::Place;
use super::{QueryLanguage, StateType, has_substitution};
use crate::json::spanned::{Member, Node};
use crate::suggest;

/// A whole definition.
#[derive(Debug)]
pub struct Definition<'t> {
    /// The top-level object.
    pub root: &'t Node,
    /// The language of states that name none.
    pub language: Language,
    /// The top scope first, then nested ones, each after the scope it lies in.
    pub scopes: Vec<Scope<'t>>,
    /// All states, those of an outer scope before those inside.
    pub states: Vec<State<'t>>,
}

/// A query language, and whether it was written so that one can build on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    /// The language AWS takes it for.
    pub is: QueryLanguage,
    /// False when `QueryLanguage` itself is wrong: then its consequences are not worth a message.
    pub certain: bool,
}

/// Something with `StartAt` and `States`: the definition, a branch, an item processor.
#[derive(Debug)]
pub struct Scope<'t> {
    /// The object.
    pub node: &'t Node,
    /// The member or element it hangs on; `None` for the top.
    pub owner: Option<Owner<'t>>,
    /// The way to it, empty for the top.
    pub written: String,
    /// Its states, as indexes into [`Definition::states`]: one after the other without a gap.
    pub states: Vec<usize>,
    /// Its states by name; the first of two of one name.
    by_name: HashMap<&'t str, usize>,
}

/// The state a nested scope belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'t> {
    /// Index of the Parallel or Map.
    pub state: usize,
    /// The field: `Branches`, `ItemProcessor` or `Iterator`.
    pub field: &'t Member,
}

/// One state.
#[derive(Debug)]
pub struct State<'t> {
    /// Name and value.
    pub member: &'t Member,
    /// The way to it: `/States/A`.
    pub written: String,
    /// Index of the scope it is in.
    pub scope: usize,
    /// Its type, if it has a valid one.
    pub kind: Option<StateType>,
    /// Its language.
    pub language: Language,
    /// Scopes inside it, as indexes into [`Definition::scopes`].
    pub inner: Vec<usize>,
}

impl<'t> Definition<'t> {
    /// Finds the scopes and states of `root`, whatever else is wrong with it.
    pub fn of(root: &'t Node) -> Self {
        let language = machine_language(root);
        let mut definition = Self {
            root,
            language,
            scopes: Vec::new(),
            states: Vec::new(),
        };
        definition.scopes.push(Scope {
            node: root,
            owner: None,
            written: String::new(),
            states: Vec::new(),
            by_name: HashMap::new(),
        });
        let mut next = 0;
        while next < definition.scopes.len() {
            definition.read_scope(next);
            next += 1;
        }
        definition
    }

    fn read_scope(&mut self, index: usize) {
        let Some(scope) = self.scopes.get(index) else {
            return;
        };
        let (node, written) = (scope.node, scope.written.clone());
        let Some(members) = node.get("States").and_then(Node::as_object) else {
            return;
        };
        for member in members {
            if member.value.as_object().is_none() {
                continue;
            }
            let state_index = self.states.len();
            let kind = member
                .value
                .get("Type")
                .and_then(Node::as_str)
                .and_then(StateType::from_text);
            let way = format!("{written}/States/{}", member.key);
            let mut state = State {
                member,
                written: way.clone(),
                scope: index,
                kind,
                language: state_language(&member.value, self.language),
                inner: Vec::new(),
            };
            for (field, written, node) in inner_scopes(&member.value, kind, &way) {
                state.inner.push(self.scopes.len());
                let owner = Some(Owner {
                    state: state_index,
                    field,
                });
                self.scopes.push(Scope {
                    node,
                    owner,
                    written,
                    states: Vec::new(),
                    by_name: HashMap::new(),
                });
            }
            self.states.push(state);
            if let Some(scope) = self.scopes.get_mut(index) {
                scope.states.push(state_index);
                scope.by_name.entry(&member.key).or_insert(state_index);
            }
        }
    }
}

impl<'t> Scope<'t> {
    /// Its place, shown by its opening brace.
    pub fn place(&self) -> Place<'_> {
        Place::written(&self.written, self.node.span)
    }

    /// Index of the state called `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The names of its states, in order.
    pub fn names<'d>(&'d self, definition: &'d Definition<'t>) -> impl Iterator<Item = &'t str> + 'd {
        self.states
            .iter()
            .filter_map(|index| definition.states.get(*index))
            .map(|state| &*state.member.key)
    }
}

impl<'t> State<'t> {
    /// The state's name.
    pub fn name(&self) -> &'t str {
        &self.member.key
    }

    /// The state's object.
    pub fn node(&self) -> &'t Node {
        &self.member.value
    }

    /// Its place, shown by its name.
    pub fn place(&self) -> Place<'_> {
        Place::written(&self.written, self.member.key_span)
    }

    /// Whether it is a JSONata state.
    pub fn is_jsonata(&self) -> bool {
        self.language.is == QueryLanguage::Jsonata
    }

    /// Every way out of it that is written, also those its type does not have.
    pub fn transitions(&self) -> Vec<Transition<'t>> {
        let node = self.node();
        let mut found = Vec::new();
        let kind = self.kind;
        if let Some(member) = node.member("Next") {
            found.push(Transition {
                list: None,
                member,
                applies: kind.is_none_or(StateType::has_next_or_end),
            });
        }
        for (list, owners) in [("Choices", &[StateType::Choice][..]), ("Catch", &CATCHING)] {
            let Some(list) = node.member(list) else { continue };
            let applies = kind.is_none_or(|kind| owners.contains(&kind));
            for (index, entry) in list.value.as_array().unwrap_or_default().iter().enumerate() {
                if let Some(member) = entry.member("Next") {
                    found.push(Transition {
                        list: Some((list, index)),
                        member,
                        applies,
                    });
                }
            }
        }
        if let Some(member) = node.member("Default") {
            found.push(Transition {
                list: None,
                member,
                applies: kind.is_none_or(|kind| kind == StateType::Choice),
            });
        }
        found
    }

    /// Whether the scope can end here.
    pub fn is_terminal(&self) -> bool {
        match self.kind {
            Some(StateType::Succeed | StateType::Fail) => true,
            Some(StateType::Choice) | None => false,
            Some(_) => self.node().get("End").and_then(Node::as_bool) == Some(true),
        }
    }
}

/// One way out of a state.
#[derive(Debug, Clone, Copy)]
pub struct Transition<'t> {
    /// The list it stands in (`Choices` or `Catch`) and its index there.
    pub list: Option<(&'t Member, usize)>,
    /// `Next` or `Default`.
    pub member: &'t Member,
    /// Whether states of this type have it. A stray one is one fault; where it leads is none of its own, and
    /// still tells what its author meant to reach.
    pub applies: bool,
}

impl<'t> Transition<'t> {
    /// The name of the state it leads to; `None` if it is no name or cannot be known.
    pub fn target(&self) -> Option<&'t str> {
        self.member.value.as_str().filter(|name| !has_substitution(name))
    }
}

/// The types that catch errors.
const CATCHING: [StateType; 3] = [StateType::Task, StateType::Parallel, StateType::Map];

/// The objects inside a state that may hold states. Only where the type allows them: a stray `Branches` on a
/// Pass state is one fault, not a scope.
fn inner_scopes<'t>(
    state: &'t Node,
    kind: Option<StateType>,
    way: &str,
) -> Vec<(&'t Member, String, &'t Node)> {
    let mut found = Vec::new();
    match kind {
        Some(StateType::Parallel) => {
            if let Some(field) = state.member("Branches") {
                for (index, branch) in field.value.as_array().unwrap_or_default().iter().enumerate() {
                    if branch.as_object().is_some() {
                        found.push((field, format!("{way}/Branches[{index}]"), branch));
                    }
                }
            }
        }
        Some(StateType::Map) => {
            for name in ["ItemProcessor", "Iterator"] {
                if let Some(field) = state
                    .member(name)
                    .filter(|field| field.value.as_object().is_some())
                {
                    found.push((field, format!("{way}/{name}"), &field.value));
                }
            }
        }
        _ => {}
    }
    found
}

/// AWS takes every `QueryLanguage` but exactly `JSONPath` for JSONata, and reports the wrong ones besides.
fn machine_language(root: &Node) -> Language {
    match (root.get("QueryLanguage"), misspelt_language(root)) {
        (Some(node), _) => written_language(node),
        (None, Some(slip)) => slip,
        (None, None) => Language {
            is: QueryLanguage::JsonPath,
            certain: true,
        },
    }
}

/// The language that a slip of `QueryLanguage` names; the slip is reported, what follows from it is not.
fn misspelt_language(object: &Node) -> Option<Language> {
    let is_slip = |member: &&Member| {
        let key = &*member.key;
        // One look at the first letter spares every other field the comparison.
        key.starts_with(['Q', 'q'])
            && key != "QueryLanguage"
            && suggest::nearest(key, ["QueryLanguage"]).is_some()
    };
    let slip = object.as_object()?.iter().find(is_slip)?;
    Some(Language {
        certain: false,
        ..written_language(&slip.value)
    })
}

/// A state takes the language it names, else the machine's, never that of the Map or Parallel around it.
fn state_language(state: &Node, machine: Language) -> Language {
    match state.get("QueryLanguage") {
        None => misspelt_language(state).unwrap_or(machine),
        Some(node) => {
            let own = written_language(node);
            let downgrade = machine.is == QueryLanguage::Jsonata && own.is == QueryLanguage::JsonPath;
            Language {
                certain: own.certain && !(downgrade && machine.certain),
                ..own
            }
        }
    }
}

fn written_language(node: &Node) -> Language {
    match node.as_str() {
        Some("JSONPath") => Language {
            is: QueryLanguage::JsonPath,
            certain: true,
        },
        Some("JSONata") => Language {
            is: QueryLanguage::Jsonata,
            certain: true,
        },
        _ => Language {
            is: QueryLanguage::Jsonata,
            certain: false,
        },
    }
}
