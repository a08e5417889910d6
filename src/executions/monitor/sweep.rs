//! One look at one machine.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;

use super::super::merge::{self, Place};
use super::super::model::{Observation, Status};
use super::super::{limits, observe, plan};
use super::store::{self, Open, Swept, WatchedMachine};
use super::{delta, pace};
use crate::app::App;
use crate::db::DbError;
use crate::environments::UnknownEnvironment;
use crate::step_functions::{ErrorKind, ListExecutions, Priority, StepFunctions, StepFunctionsError};

/// Why a sweep came to nothing, or not to its end.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    #[error(transparent)]
    StepFunctions(#[from] StepFunctionsError),
    #[error(transparent)]
    Database(#[from] DbError),
    #[error("another process has the machine now")]
    LeaseLost,
}

/// What a sweep found.
struct Found {
    /// Executions that go on.
    open: usize,
    /// Executions that were new or have changed.
    changed: usize,
}

/// Sweeps a machine and gives it back, whatever came of it.
pub(super) async fn sweep(app: &App, machine: WatchedMachine) {
    let begun_at = app.clock.now();
    let begun = Instant::now();
    let result = tokio::select! {
        result = run(app, &machine, begun_at) => result,
        () = keep(app, &machine) => Err(SweepError::LeaseLost),
    };
    if matches!(result, Err(SweepError::LeaseLost)) {
        return;
    }
    let swept = finish(app, &machine, begun_at, begun.elapsed(), &result);
    let error = result.as_ref().err().map(ToString::to_string);
    if let Some(error) = &error {
        tracing::warn!(
            machine = machine.state_machine_arn,
            error,
            "a sweep did not come to its end"
        );
    }
    let given_back = async {
        let mut conn = app.db.connection().await?;
        let swept = Swept {
            error: error.as_deref(),
            ..swept
        };
        store::give_back(&mut conn, &machine, begun_at, &swept, app.clock.now()).await
    };
    if let Err(error) = given_back.await {
        // The lease runs out by itself.
        tracing::warn!(machine = machine.state_machine_arn, %error, "a machine could not be given back");
    }
}

fn finish(
    app: &App,
    machine: &WatchedMachine,
    begun_at: DateTime<Utc>,
    took: Duration,
    result: &Result<Found, SweepError>,
) -> Swept<'static> {
    let now = app.clock.now();
    let target = app.environments.target(&machine.environment).ok();
    match (result, target) {
        (Ok(found), Some(target)) => {
            let rhythm = pace(app, target);
            let deep = now >= machine.deep_sweep_at;
            Swept {
                due_at: plan::next_sweep(now, &rhythm, found.open, found.changed, took),
                watermark: begun_at,
                deep_sweep_at: if deep {
                    now + delta(limits::DEEP_SWEEP_INTERVAL)
                } else {
                    machine.deep_sweep_at
                },
                error: None,
            }
        }
        (Ok(_) | Err(_), _) => Swept {
            due_at: now + delta(limits::SWEEP_RETRY),
            watermark: machine.watermark,
            deep_sweep_at: machine.deep_sweep_at,
            error: None,
        },
    }
}

async fn run(app: &App, machine: &WatchedMachine, begun_at: DateTime<Utc>) -> Result<Found, SweepError> {
    let target = app.environments.target(&machine.environment)?;
    let door = target.step_functions.at(Priority::Sweep);
    let rhythm = pace(app, target);
    // First what is open here, then what runs there: what closes in between is found by the next sweep, and what is started in between is
    // not taken for closed.
    let mut conn = app.db.connection().await?;
    let open = store::open(&mut conn, &machine.state_machine_arn).await?;
    drop(conn);

    let mut seen: HashMap<String, Observation> = HashMap::new();
    if !open.is_empty() {
        for observation in list(machine, &door, Some(Status::Running), None).await? {
            seen.insert(observation.execution_arn.clone(), observation);
        }
    }
    let (floor, _) = plan::listing_floor(begun_at, &rhythm, machine.watermark, machine.deep_sweep_at);
    for observation in list(machine, &door, None, Some(floor)).await? {
        // The second listing is the later one; both are joined with what is known anyway.
        seen.insert(observation.execution_arn.clone(), observation);
    }

    let (news, mut to_describe) = sort_out(app, &open, seen).await?;
    to_describe.extend(vanished(&open, &news.listed, begun_at - delta(rhythm.settling)));
    let place = Place {
        template: &machine.template,
        target,
        state_machine_arn: &machine.state_machine_arn,
    };
    let mut changed = 0;
    for batch in news.running.chunks(limits::MERGE_BATCH_MAX) {
        changed += merge::merge(app, place, batch).await?;
    }
    let closed = describe_all(app, place, &door, &open, to_describe).await?;
    changed += closed;
    Ok(Found {
        open: (open.len() + news.running.len()).saturating_sub(closed),
        changed,
    })
}

/// What the listings say that is not known yet.
struct News {
    /// Everything that was listed as running.
    listed: HashSet<String>,
    /// What runs and is not known to.
    running: Vec<Observation>,
}

/// Tells what is new from what is known, and names what has closed and must be asked about: a listing says neither output nor error.
async fn sort_out(
    app: &App,
    open: &[Open],
    seen: HashMap<String, Observation>,
) -> Result<(News, Vec<String>), DbError> {
    let known_open: HashSet<&str> = open.iter().map(|open| open.execution_arn.as_str()).collect();
    let (running, closed): (Vec<_>, Vec<_>) = seen
        .into_values()
        .partition(|observation| !observation.knowledge.status.is_closed());
    let listed = running
        .iter()
        .map(|observation| observation.execution_arn.clone())
        .collect();
    let running = running
        .into_iter()
        .filter(|observation| !known_open.contains(observation.execution_arn.as_str()))
        .collect();
    let arns: Vec<String> = closed
        .iter()
        .map(|observation| observation.execution_arn.clone())
        .collect();
    let mut conn = app.db.connection().await?;
    let known: HashMap<String, i32> = store::closed(&mut conn, &arns).await?.into_iter().collect();
    let to_describe = closed
        .into_iter()
        .filter(|observation| {
            known
                .get(&observation.execution_arn)
                .is_none_or(|redrives| *redrives < observation.knowledge.redrive_count)
        })
        .map(|observation| observation.execution_arn)
        .collect();
    Ok((News { listed, running }, to_describe))
}

/// What is open here, was not listed as running, and is old enough that the listing must have shown it.
fn vanished(open: &[Open], listed: &HashSet<String>, started_before: DateTime<Utc>) -> Vec<String> {
    open.iter()
        .filter(|open| open.started_at <= started_before && !listed.contains(&open.execution_arn))
        .map(|open| open.execution_arn.clone())
        .collect()
}

/// A listing: of what runs, or of everything started at or after `floor`.
async fn list(
    machine: &WatchedMachine,
    door: &StepFunctions,
    status: Option<Status>,
    floor: Option<DateTime<Utc>>,
) -> Result<Vec<Observation>, SweepError> {
    let mut found = Vec::new();
    let mut next_token = None;
    for _ in 0..limits::LIST_PAGES_MAX {
        let listing = door
            .list_executions(ListExecutions {
                state_machine_arn: machine.state_machine_arn.clone(),
                status,
                max_results: Some(limits::LIST_PAGE_MAX),
                next_token: next_token.take(),
            })
            .await;
        let listing = match listing {
            Ok(listing) => listing,
            // Deleted by somebody else: then nothing of it runs.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error.into()),
        };
        let reached = floor.is_some_and(|floor| {
            listing
                .items
                .last()
                .is_some_and(|oldest| oldest.started_at < floor)
        });
        found.extend(
            listing
                .items
                .into_iter()
                .filter(|item| floor.is_none_or(|floor| item.started_at >= floor))
                .map(observe::listed),
        );
        next_token = listing.next_token;
        if reached || next_token.is_none() {
            return Ok(found);
        }
    }
    Ok(found)
}

/// Asks about each, and records what is said, a batch at a time. Says how many were recorded anew.
async fn describe_all(
    app: &App,
    place: Place<'_>,
    door: &StepFunctions,
    open: &[Open],
    mut arns: Vec<String>,
) -> Result<usize, SweepError> {
    arns.sort_unstable();
    arns.dedup();
    let mut changed = 0;
    for batch in arns.chunks(limits::MERGE_BATCH_MAX) {
        let described: Vec<_> = stream::iter(batch.to_vec())
            .map(async |arn| {
                let answer = observe::describe(door, &arn).await;
                (arn, answer)
            })
            .buffer_unordered(limits::DESCRIBES_IN_FLIGHT_MAX)
            .collect()
            .await;
        let mut observations = Vec::with_capacity(described.len());
        let mut failed = None;
        for (arn, answer) in described {
            match answer {
                Ok(Some(observation)) => observations.push(observation),
                Ok(None) => lose(app, open, &arn).await?,
                Err(error) => failed = Some(error),
            }
        }
        changed += merge::merge(app, place, &observations).await?;
        if let Some(error) = failed {
            return Err(error.into());
        }
    }
    Ok(changed)
}

/// Records that the target no longer knows an execution.
async fn lose(app: &App, open: &[Open], arn: &str) -> Result<(), SweepError> {
    if let Some(lost) = open.iter().find(|open| open.execution_arn == arn) {
        merge::lose(app, lost.id).await?;
    }
    Ok(())
}

/// Renews the lease for ever; ends when somebody else has it. A database that does not answer is asked again: two sweeps at once do no
/// harm, since what they find is joined.
async fn keep(app: &App, machine: &WatchedMachine) {
    loop {
        tokio::time::sleep(limits::SWEEP_LEASE / 3).await;
        let renewed = async {
            let mut conn = app.db.connection().await?;
            store::renew(&mut conn, machine, app.clock.now()).await
        };
        match renewed.await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(machine = machine.state_machine_arn, %error, "a lease could not be renewed");
            }
        }
    }
}
