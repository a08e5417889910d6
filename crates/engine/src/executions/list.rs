//! ListExecutions: newest first.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::Executions;
use super::find::status;
use super::model::{ExecutionId, ExecutionStatus};

/// Whose executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of a state machine, by its ARN.
    Machine(String),
    /// Those started by one of its versions, or by an alias that led to it.
    Version(String),
    /// Those started by an alias.
    Alias(String),
    /// The children of a Map Run: all, or those that were or were not redriven.
    MapRun(String, Option<RedriveFilter>),
}

/// Which children of a Map Run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedriveFilter {
    /// Redriven at least once.
    Redriven,
    /// Never.
    NotRedriven,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id; the next page begins after it.
    pub id: ExecutionId,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The state machine.
    pub machine_arn: String,
    /// The version.
    pub version_arn: Option<String>,
    /// The alias.
    pub alias_arn: Option<String>,
    /// The Map Run.
    pub map_run_arn: Option<String>,
    /// How many items are in its input, of a Map Run's child.
    pub item_count: Option<u32>,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// ms since 1970.
    pub started_at: i64,
    /// ms since 1970.
    pub stopped_at: Option<i64>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// ms since 1970.
    pub redriven_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    id: Uuid,
    arn: String,
    name: String,
    machine_arn: String,
    version_arn: Option<String>,
    alias_arn: Option<String>,
    map_run_arn: Option<String>,
    map_run_items: Option<i32>,
    status: String,
    started_at: i64,
    stopped_at: Option<i64>,
    redrive_count: i32,
    redriven_at: Option<i64>,
}

impl Executions {
    /// At most `limit` executions, newest first, beginning with the one before `after`.
    pub async fn list(
        &self,
        scope: &Scope,
        of_status: Option<ExecutionStatus>,
        after: Option<Uuid>,
        limit: u32,
    ) -> sqlx::Result<Vec<Listed>> {
        let mut query = QueryBuilder::<Postgres>::new(
            "select id, arn, name, machine_arn, version_arn, alias_arn, map_run_arn, map_run_items, status, started_at,
                stopped_at, redrive_count, redriven_at
             from engine.executions where ",
        );
        match scope {
            Scope::Machine(arn) => query.push("machine_arn = ").push_bind(arn),
            Scope::Version(arn) => query.push("version_arn = ").push_bind(arn),
            Scope::Alias(arn) => query.push("alias_arn = ").push_bind(arn),
            Scope::MapRun(arn, _) => query.push("map_run_arn = ").push_bind(arn),
        };
        match scope {
            Scope::MapRun(_, Some(RedriveFilter::Redriven)) => {
                query.push(" and redrive_count > 0");
            }
            Scope::MapRun(_, Some(RedriveFilter::NotRedriven)) => {
                query.push(" and redrive_count = 0");
            }
            Scope::MapRun(_, None) | Scope::Machine(_) | Scope::Version(_) | Scope::Alias(_) => {}
        }
        match of_status {
            // In the text and not bound, so that the index of running executions can be used.
            Some(ExecutionStatus::Running) => {
                query.push(" and status = 'RUNNING'");
            }
            Some(other) => {
                query.push(" and status = ").push_bind(other.as_str());
            }
            None => {}
        }
        if let Some(after) = after {
            query.push(" and id < ").push_bind(after);
        }
        query.push(" order by id desc limit ").push_bind(i64::from(limit));
        let rows: Vec<ListedRow> = query.build_query_as().fetch_all(&self.pool).await?;
        rows.into_iter().map(ListedRow::read).collect()
    }
}

impl ListedRow {
    fn read(self) -> sqlx::Result<Listed> {
        Ok(Listed {
            id: ExecutionId(self.id),
            arn: self.arn,
            name: self.name,
            machine_arn: self.machine_arn,
            version_arn: self.version_arn,
            alias_arn: self.alias_arn,
            map_run_arn: self.map_run_arn,
            item_count: self.map_run_items.map(i32::unsigned_abs),
            status: status(&self.status)?,
            started_at: self.started_at,
            stopped_at: self.stopped_at,
            redrive_count: self.redrive_count.unsigned_abs(),
            redriven_at: self.redriven_at,
        })
    }
}
