//! Aliases: names that route executions to one or two versions.

use thiserror::Error;

use super::find::{FindError, Name, find_active};
use super::model::{Alias, Machine};
use super::rules::{Routing, RoutingError, read_routing};
use super::{Machines, store};
use crate::arn::Qualifier;
use crate::limits::ALIASES_PER_MACHINE_MAX;

/// An alias that is asked for.
#[derive(Debug, Clone)]
pub struct CreateAlias {
    /// Its name; the wire has checked it.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// ARNs of versions and their weights.
    pub routing: Vec<(String, i32)>,
}

/// What is to change; what is absent stays.
#[derive(Debug, Clone)]
pub struct UpdateAlias {
    /// The alias's ARN.
    pub arn: String,
    /// A new description.
    pub description: Option<String>,
    /// A new routing.
    pub routing: Option<Vec<(String, i32)>>,
}

/// Why an alias is not as wanted.
#[derive(Debug, Error)]
pub enum AliasError {
    /// The ARN is none of an alias, or the machine can't be used.
    #[error(transparent)]
    Find(#[from] FindError),
    /// There is no alias of this ARN.
    #[error("there is no alias `{0}`")]
    Missing(String),
    /// The routing is wrong.
    #[error(transparent)]
    Routing(#[from] RoutingError),
    /// The routing, or who asks for the aliases of a version, names one that is not there.
    #[error("there is no version `{0}`")]
    VersionMissing(String),
    /// The name is taken. AWS's words.
    #[error(
        "Failed to create alias because an alias with the same name and a different routing configuration already exists."
    )]
    Exists,
    /// Service quota.
    #[error("state machine `{0}` has {ALIASES_PER_MACHINE_MAX} aliases, which is the most it can have")]
    TooMany(String),
    /// Neither a description nor a routing was given.
    #[error("nothing to update was given")]
    Nothing,
    /// The database did not answer.
    #[error("aliases could not be read or written")]
    Database(#[from] sqlx::Error),
}

impl Machines {
    /// Makes an alias. Asked again for the same one it answers as before.
    pub async fn create_alias(&self, command: CreateAlias) -> Result<(Machine, Alias), AliasError> {
        let routing = read_routing(&command.routing)?;
        let name = machine_of(&routing);
        let machine_arn = name.place.machine(&name.name);
        let mut tx = self.pool.begin().await?;
        store::lock(&mut tx, &name.place, &name.name).await?;
        let first_arn = name.place.version(&name.name, routing.first.version);
        let machine = match find_active(&mut tx, &name, &machine_arn).await {
            Err(FindError::Missing(_)) => return Err(AliasError::VersionMissing(first_arn)),
            other => other?,
        };
        check_versions(&mut tx, &machine, &routing).await?;
        if let Some(alias) = store::alias(&mut tx, machine.id, &command.name).await? {
            let same = alias.description == command.description
                && (alias.first, alias.second) == (routing.first, routing.second);
            return if same {
                Ok((machine, alias))
            } else {
                Err(AliasError::Exists)
            };
        }
        if store::count_aliases(&mut tx, machine.id).await? >= i64::from(ALIASES_PER_MACHINE_MAX) {
            return Err(AliasError::TooMany(machine_arn));
        }
        let now = self.clock.now_ms();
        let alias = Alias {
            name: command.name,
            description: command.description,
            first: routing.first,
            second: routing.second,
            created_at: now,
            updated_at: now,
        };
        store::put_alias(&mut tx, machine.id, &alias).await?;
        tx.commit().await?;
        self.caches.forget(&machine_arn);
        Ok((machine, alias))
    }

    /// Changes an alias at once: executions started after this answer go by it.
    pub async fn update_alias(&self, command: UpdateAlias) -> Result<Alias, AliasError> {
        if command.description.is_none() && command.routing.is_none() {
            return Err(AliasError::Nothing);
        }
        let (name, alias_name) = parse(&command.arn)?;
        let routing = command.routing.as_deref().map(read_routing).transpose()?;
        let mut tx = self.pool.begin().await?;
        store::lock(&mut tx, &name.place, &name.name).await?;
        let machine = find_machine(&mut tx, &name, &command.arn).await?;
        let mut alias = store::alias(&mut tx, machine.id, &alias_name)
            .await?
            .ok_or_else(|| AliasError::Missing(command.arn.clone()))?;
        if let Some(routing) = routing {
            let versions_of = machine_of(&routing);
            if (&versions_of.place, &versions_of.name) != (&machine.place, &machine.name) {
                let arns: Vec<&str> = command
                    .routing
                    .iter()
                    .flatten()
                    .map(|(arn, _)| arn.as_str())
                    .collect();
                return Err(RoutingError::NotOneMachine(arns.join(", ")).into());
            }
            check_versions(&mut tx, &machine, &routing).await?;
            (alias.first, alias.second) = (routing.first, routing.second);
        }
        if command.description.is_some() {
            alias.description = command.description;
        }
        alias.updated_at = self.clock.now_ms();
        store::put_alias(&mut tx, machine.id, &alias).await?;
        tx.commit().await?;
        self.caches.forget(&machine.arn());
        Ok(alias)
    }

    /// An alias and its machine.
    pub async fn alias(&self, arn: &str) -> Result<(Machine, Alias), AliasError> {
        let (name, alias_name) = parse(arn)?;
        let mut db = self.pool.acquire().await?;
        let machine = find_machine(&mut db, &name, arn).await?;
        let alias = store::alias(&mut db, machine.id, &alias_name)
            .await?
            .ok_or_else(|| AliasError::Missing(arn.to_owned()))?;
        Ok((machine, alias))
    }

    /// Aliases of a machine in the order of their names, after one; those that route to a version when its ARN is given.
    pub async fn aliases(
        &self,
        arn: &str,
        after: &str,
        limit: u32,
    ) -> Result<(Machine, Vec<Alias>), AliasError> {
        let name = Name::parse(arn)?;
        let version = match name.qualifier {
            None => None,
            Some(Qualifier::Version(version)) => Some(version),
            Some(Qualifier::Alias(_)) => return Err(FindError::Missing(arn.to_owned()).into()),
        };
        let mut db = self.pool.acquire().await?;
        let machine = find_active(&mut db, &name, arn).await?;
        if let Some(number) = version
            && store::version(&mut db, machine.id, number).await?.is_none()
        {
            return Err(AliasError::VersionMissing(arn.to_owned()));
        }
        let aliases = store::aliases(&mut db, machine.id, version, after, limit.into()).await?;
        Ok((machine, aliases))
    }

    /// Deletes an alias; executions it started go on.
    pub async fn delete_alias(&self, arn: &str) -> Result<(), AliasError> {
        let (name, alias_name) = parse(arn)?;
        let mut tx = self.pool.begin().await?;
        let machine = find_machine(&mut tx, &name, arn).await?;
        if !store::delete_alias(&mut tx, machine.id, &alias_name).await? {
            return Err(AliasError::Missing(arn.to_owned()));
        }
        tx.commit().await?;
        self.caches.forget(&machine.arn());
        Ok(())
    }
}

/// An alias's ARN as the machine's name and its own.
fn parse(arn: &str) -> Result<(Name, String), FindError> {
    let name = Name::parse(arn)?;
    match &name.qualifier {
        Some(Qualifier::Alias(alias)) => {
            let alias = alias.clone();
            Ok((name, alias))
        }
        Some(Qualifier::Version(_)) | None => Err(FindError::Arn(crate::arn::ArnError::Kind(
            "stateMachine".to_owned(),
        ))),
    }
}

/// The machine of an alias: where it is not there, neither is the alias.
async fn find_machine(
    db: &mut sqlx::PgConnection,
    name: &Name,
    alias_arn: &str,
) -> Result<Machine, AliasError> {
    match find_active(db, name, alias_arn).await {
        Err(FindError::Missing(arn)) => Err(AliasError::Missing(arn)),
        other => Ok(other?),
    }
}

fn machine_of(routing: &Routing) -> Name {
    Name {
        place: routing.place.clone(),
        name: routing.machine.clone(),
        qualifier: None,
    }
}

async fn check_versions(
    db: &mut sqlx::PgConnection,
    machine: &Machine,
    routing: &Routing,
) -> Result<(), AliasError> {
    for route in std::iter::once(routing.first).chain(routing.second) {
        if store::version(db, machine.id, route.version).await?.is_none() {
            return Err(AliasError::VersionMissing(
                machine.place.version(&machine.name, route.version),
            ));
        }
    }
    Ok(())
}
