//! From the ARN that an execution is started by to the definition it runs.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use asl::machine::Machine;
use thiserror::Error;
use uuid::Uuid;

use super::cache::Cache;
use super::check::{DefinitionError, check_definition};
use super::find::{FindError, Name, find_active};
use super::model::{Kind, Revision};
use super::{Machines, store};
use crate::arn::{Place, Qualifier};
use crate::limits::{DEFINITION_BYTES_CACHED_MAX, TARGETS_CACHED_MAX};

/// One immutable revision, ready to run.
pub struct Definition {
    /// The machine's key in the tables.
    pub machine_id: Uuid,
    /// Account and region.
    pub place: Place,
    /// The machine's ARN without a qualifier.
    pub machine_arn: Arc<str>,
    /// The machine's name.
    pub machine_name: Arc<str>,
    /// Standard or Express.
    pub kind: Kind,
    /// The role.
    pub role_arn: Arc<str>,
    /// What is evaluated.
    pub machine: Machine,
    /// The revision with its text, logging, tracing and encryption.
    pub revision: Revision,
    deleted: Arc<AtomicBool>,
}

impl Definition {
    /// Whether the machine was deleted: what still runs of it ends at its next transition.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("machine_arn", &self.machine_arn)
            .field("revision", &self.revision.id)
            .finish_non_exhaustive()
    }
}

/// What an execution that is started by some ARN runs.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The definition.
    pub definition: Arc<Definition>,
    /// The version, when the ARN was a version's or an alias's.
    pub version_arn: Option<Arc<str>>,
    /// The alias, when the ARN was one's.
    pub alias_arn: Option<Arc<str>>,
}

/// Why nothing can be run.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// Nothing has this ARN, or it is being deleted.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The revision can't be had.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The database did not answer.
    #[error("the state machine could not be read")]
    Database(#[from] sqlx::Error),
}

/// Why a revision can't be run.
#[derive(Debug, Error)]
pub enum LoadError {
    /// There is no such revision.
    #[error("there is no revision `{0}`")]
    Missing(Uuid),
    /// Its text was taken once and is refused now: an engine of another version wrote it.
    #[error("revision `{id}` does not pass the checks")]
    Refused {
        /// Which one.
        id: Uuid,
        /// What is wrong with it.
        #[source]
        source: DefinitionError,
    },
    /// The database did not answer.
    #[error("the revision could not be read")]
    Database(#[from] sqlx::Error),
}

/// What an ARN stands for, before the draw between an alias's versions.
#[derive(Debug)]
struct Target {
    machine_id: Uuid,
    alias_arn: Option<Arc<str>>,
    /// With the share of executions each gets, in percent.
    choices: Vec<Choice>,
}

#[derive(Debug, Clone)]
struct Choice {
    revision_id: Uuid,
    version_arn: Option<Arc<str>>,
    weight_percent: u64,
}

/// What was resolved lately. The engine that drives the executions is the only writer, so forgetting on a write is enough.
pub(super) struct Caches {
    targets: Cache<Arc<str>, Arc<Target>>,
    definitions: Cache<Uuid, Arc<Definition>>,
    /// Of every machine that something runs of, whether it was deleted. Executions hold on to it by their definition.
    deletions: Mutex<HashMap<Uuid, Weak<AtomicBool>>>,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            targets: Cache::new(TARGETS_CACHED_MAX),
            definitions: Cache::new(DEFINITION_BYTES_CACHED_MAX),
            deletions: Mutex::default(),
        }
    }
}

impl Caches {
    /// Forgets what the ARNs of a machine, its versions and its aliases stand for.
    pub(super) fn forget(&self, machine_arn: &str) {
        self.targets.remove(|arn, _| {
            arn.strip_prefix(machine_arn)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
    }

    /// Forgets the definitions of a machine that was deleted, and tells what runs of it.
    pub(super) fn delete_machine(&self, machine_id: Uuid) {
        self.deletion(machine_id).store(true, Ordering::Relaxed);
        self.targets.remove(|_, target| target.machine_id == machine_id);
        self.definitions
            .remove(|_, definition| definition.machine_id == machine_id);
    }
}

impl Caches {
    fn deletion(&self, machine_id: Uuid) -> Arc<AtomicBool> {
        let mut deletions = self.deletions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(deleted) = deletions.get(&machine_id).and_then(Weak::upgrade) {
            return deleted;
        }
        // Once in a while those nobody holds any more are swept away.
        if deletions.len() == deletions.capacity() {
            deletions.retain(|_, deleted| deleted.strong_count() > 0);
        }
        let deleted = Arc::default();
        deletions.insert(machine_id, Arc::downgrade(&deleted));
        deleted
    }
}

impl Machines {
    /// Another process may have written while this one stood by: what was read then is read again.
    pub(crate) fn forget_all(&self) {
        self.caches.targets.remove(|_, _| true);
        self.caches.definitions.remove(|_, _| true);
    }

    /// The definition that an execution started by `arn` runs: the current revision, a version's, or one drawn by
    /// `random` (64 uniform bits) from the versions an alias routes to.
    pub async fn resolve(&self, arn: &str, random: u64) -> Result<Resolved, ResolveError> {
        let target = match self.caches.targets.get(arn) {
            Some(target) => target,
            None => self.read_target(arn).await?,
        };
        let choice = draw(&target.choices, random).ok_or_else(|| FindError::Missing(arn.to_owned()))?;
        Ok(Resolved {
            definition: self.definition(choice.revision_id).await?,
            version_arn: choice.version_arn.clone(),
            alias_arn: target.alias_arn.clone(),
        })
    }

    /// A revision ready to run, also of a machine that was deleted.
    pub async fn definition(&self, revision_id: Uuid) -> Result<Arc<Definition>, LoadError> {
        if let Some(definition) = self.caches.definitions.get(&revision_id) {
            return Ok(definition);
        }
        let generation = self.caches.definitions.generation();
        let mut db = self.pool.acquire().await?;
        let machine = store::machine_of_revision(&mut db, revision_id)
            .await?
            .ok_or(LoadError::Missing(revision_id))?;
        drop(db);
        let text = machine.current.content.definition.clone();
        let checked = check_definition(&text, machine.kind).map_err(|source| LoadError::Refused {
            id: revision_id,
            source,
        })?;
        let deleted = self.caches.deletion(machine.id);
        if machine.deleted_at.is_some() {
            deleted.store(true, Ordering::Relaxed);
        }
        let definition = Arc::new(Definition {
            deleted,
            machine: checked.machine,
            machine_id: machine.id,
            machine_arn: machine.arn().into(),
            machine_name: machine.name.as_str().into(),
            place: machine.place,
            kind: machine.kind,
            role_arn: machine.current.content.role_arn.as_str().into(),
            revision: machine.current,
        });
        self.caches
            .definitions
            .put(generation, revision_id, definition.clone(), text.len());
        Ok(definition)
    }

    /// Whether the machine that a revision is of was deleted.
    pub(crate) async fn is_deleted(&self, revision_id: Uuid) -> sqlx::Result<bool> {
        let mut db = self.pool.acquire().await?;
        store::is_deleted(&mut db, revision_id).await
    }

    async fn read_target(&self, arn: &str) -> Result<Arc<Target>, ResolveError> {
        let generation = self.caches.targets.generation();
        let name = Name::parse(arn)?;
        let mut db = self.pool.acquire().await?;
        let machine = find_active(&mut db, &name, arn).await?;
        let missing = || FindError::Missing(arn.to_owned());
        let version_of = |number| Some(machine.place.version(&machine.name, number).into());
        let (alias_arn, choices) = match &name.qualifier {
            None => {
                let choice = Choice {
                    revision_id: machine.current.id,
                    version_arn: None,
                    weight_percent: 100,
                };
                (None, vec![choice])
            }
            Some(Qualifier::Version(number)) => {
                let version = store::version(&mut db, machine.id, *number)
                    .await?
                    .ok_or_else(missing)?;
                let choice = Choice {
                    revision_id: version.revision_id,
                    version_arn: version_of(version.number),
                    weight_percent: 100,
                };
                (None, vec![choice])
            }
            Some(Qualifier::Alias(alias)) => {
                let alias = store::alias(&mut db, machine.id, alias)
                    .await?
                    .ok_or_else(missing)?;
                let mut choices = Vec::with_capacity(2);
                for route in alias.routes() {
                    let version = store::version(&mut db, machine.id, route.version)
                        .await?
                        .ok_or_else(missing)?;
                    choices.push(Choice {
                        revision_id: version.revision_id,
                        version_arn: version_of(version.number),
                        weight_percent: u64::try_from(route.weight_percent).unwrap_or(0),
                    });
                }
                (Some(Arc::from(arn)), choices)
            }
        };
        let target = Arc::new(Target {
            machine_id: machine.id,
            alias_arn,
            choices,
        });
        self.caches.targets.put(generation, arn.into(), target.clone(), 1);
        Ok(target)
    }
}

/// One of the choices, each as likely as its weight says.
fn draw(choices: &[Choice], random: u64) -> Option<&Choice> {
    let mut percent = random % 100;
    for choice in choices {
        if percent < choice.weight_percent {
            return Some(choice);
        }
        percent -= choice.weight_percent;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_drawn_as_often_as_its_weight_says() {
        let choice = |weight_percent| Choice {
            revision_id: Uuid::from_u64_pair(0, weight_percent),
            version_arn: None,
            weight_percent,
        };
        let choices = [choice(90), choice(10)];
        let drawn = (0..1_000)
            .filter(|random| draw(&choices, *random).unwrap().weight_percent == 10)
            .count();
        assert_eq!(drawn, 100);
        let all_to_the_second = [choice(0), choice(100)];
        assert_eq!(draw(&all_to_the_second, 0).unwrap().weight_percent, 100);
    }
}
