//! Keeping the rollups: what closed executions add to the counts, durations and errors of their template, environment, version and
//! UTC day of start, in the transaction that closes them. Reading them is the analytics' matter.
//!
//! Deltas of one batch are summed first, so that a hundred executions that close together touch a handful of rows, always in the same
//! order (no two batches deadlock).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::PgConnection;

use super::model::{Contribution, Status};
use super::{histogram, limits};
use crate::db::DbError;
use crate::environments::EnvironmentName;

/// Where a contribution counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    template: String,
    environment: EnvironmentName,
    version_arn: String,
    day: NaiveDate,
}

/// What one batch changes in one place.
#[derive(Debug, Default, PartialEq, Eq)]
struct Delta {
    succeeded: i64,
    failed: i64,
    timed_out: i64,
    aborted: i64,
    duration_ms_sum: i64,
    duration_ms_min: Option<i64>,
    duration_ms_max: Option<i64>,
    /// Whether something was taken back: smallest and largest must then be looked for anew.
    shrunk: bool,
    buckets: BTreeMap<i32, i64>,
    errors: BTreeMap<String, i64>,
}

/// The changes of one batch, summed.
#[derive(Debug, Default)]
pub(super) struct Rollup {
    places: BTreeMap<Place, Delta>,
}

impl Rollup {
    /// Replaces what an execution counted before by what it counts now.
    pub(super) fn replace(
        &mut self,
        template: &str,
        environment: &EnvironmentName,
        before: Option<&Contribution>,
        now: Option<&Contribution>,
    ) {
        if before == now {
            return;
        }
        if let Some(before) = before {
            let delta = self.at(template, environment, before);
            delta.add(before, -1);
            delta.shrunk = true;
        }
        if let Some(now) = now {
            let delta = self.at(template, environment, now);
            delta.add(now, 1);
            delta.duration_ms_min = Some(
                delta
                    .duration_ms_min
                    .map_or(now.duration_ms, |min| min.min(now.duration_ms)),
            );
            delta.duration_ms_max = delta.duration_ms_max.max(Some(now.duration_ms));
        }
    }

    fn at(
        &mut self,
        template: &str,
        environment: &EnvironmentName,
        contribution: &Contribution,
    ) -> &mut Delta {
        self.places
            .entry(Place {
                template: template.to_owned(),
                environment: environment.clone(),
                version_arn: contribution.version_arn.clone(),
                day: contribution.day,
            })
            .or_default()
    }

    /// Writes the changes. The executions' own rows must have been written before: what is taken back may need them.
    pub(super) async fn apply(&self, conn: &mut PgConnection) -> Result<(), DbError> {
        for (place, delta) in &self.places {
            apply_counts(conn, place, delta).await?;
            apply_buckets(conn, place, &delta.buckets).await?;
            apply_errors(conn, place, &delta.errors).await?;
            if delta.shrunk {
                find_extremes(conn, place).await?;
            }
        }
        Ok(())
    }
}

impl Delta {
    fn add(&mut self, contribution: &Contribution, sign: i64) {
        match contribution.status {
            Status::Succeeded => self.succeeded += sign,
            Status::Failed => self.failed += sign,
            Status::TimedOut => self.timed_out += sign,
            Status::Aborted => self.aborted += sign,
            Status::Running | Status::PendingRedrive => return,
        }
        self.duration_ms_sum += sign * contribution.duration_ms;
        *self
            .buckets
            .entry(histogram::bucket(contribution.duration_ms))
            .or_default() += sign;
        if let Some(error) = &contribution.error {
            *self.errors.entry(error.clone()).or_default() += sign;
        }
    }
}

async fn apply_counts(conn: &mut PgConnection, place: &Place, delta: &Delta) -> Result<(), DbError> {
    // The row is made first and added to afterwards: a negative delta could not be inserted (the counts have a CHECK).
    sqlx::query(
        "insert into execution_rollups (template, environment, version_arn, day) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(&place.template)
    .bind(&place.environment)
    .bind(&place.version_arn)
    .bind(place.day)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update execution_rollups set succeeded = succeeded + $5, failed = failed + $6, timed_out = timed_out + $7,
             aborted = aborted + $8, duration_ms_sum = duration_ms_sum + $9,
             duration_ms_min = least(duration_ms_min, $10), duration_ms_max = greatest(duration_ms_max, $11)
         where template = $1 and environment = $2 and version_arn = $3 and day = $4",
    )
    .bind(&place.template)
    .bind(&place.environment)
    .bind(&place.version_arn)
    .bind(place.day)
    .bind(delta.succeeded)
    .bind(delta.failed)
    .bind(delta.timed_out)
    .bind(delta.aborted)
    .bind(delta.duration_ms_sum)
    .bind(delta.duration_ms_min)
    .bind(delta.duration_ms_max)
    .execute(conn)
    .await?;
    Ok(())
}

async fn apply_buckets(
    conn: &mut PgConnection,
    place: &Place,
    buckets: &BTreeMap<i32, i64>,
) -> Result<(), DbError> {
    let (keys, counts): (Vec<i32>, Vec<i64>) = buckets.iter().filter(|(_, count)| **count != 0).unzip();
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into execution_rollup_durations (template, environment, version_arn, day, bucket, count)
         select $1, $2, $3, $4, bucket, count from unnest($5::integer[], $6::bigint[]) as delta (bucket, count)
         on conflict (template, environment, version_arn, day, bucket)
         do update set count = execution_rollup_durations.count + excluded.count",
    )
    .bind(&place.template)
    .bind(&place.environment)
    .bind(&place.version_arn)
    .bind(place.day)
    .bind(keys)
    .bind(counts)
    .execute(conn)
    .await?;
    Ok(())
}

async fn apply_errors(
    conn: &mut PgConnection,
    place: &Place,
    errors: &BTreeMap<String, i64>,
) -> Result<(), DbError> {
    let (names, counts): (Vec<&str>, Vec<i64>) = errors
        .iter()
        .filter(|(_, count)| **count != 0)
        .map(|(name, count)| (name.as_str(), *count))
        .unzip();
    if names.is_empty() {
        return Ok(());
    }
    // A name that has a row keeps it; new ones get rows while there is room, and the rest is counted together. A name is never given a
    // row later (rows are not deleted), so that what a redrive takes back is taken from where it was counted.
    sqlx::query(
        "with delta as (select * from unnest($5::text[], $6::bigint[]) as delta (error, count)),
             kept as (select error from execution_rollup_errors
                 where template = $1 and environment = $2 and version_arn = $3 and day = $4),
             added as (select error from delta where error not in (select error from kept) and count > 0
                 order by error limit greatest(0, $7 - (select count(*) from kept))),
             named as (select case when error in (select error from kept union all select error from added) then error else $8 end
                 as error, count from delta)
         insert into execution_rollup_errors (template, environment, version_arn, day, error, count)
         select $1, $2, $3, $4, error, sum(count) from named group by error
         on conflict (template, environment, version_arn, day, error)
         do update set count = execution_rollup_errors.count + excluded.count",
    )
    .bind(&place.template)
    .bind(&place.environment)
    .bind(&place.version_arn)
    .bind(place.day)
    .bind(names)
    .bind(counts)
    .bind(limits::ERROR_NAMES_PER_DAY_MAX)
    .bind(limits::OTHER_ERRORS)
    .execute(conn)
    .await?;
    Ok(())
}

/// Smallest and largest can't be taken back by arithmetic: they are looked for among the executions that still count here.
async fn find_extremes(conn: &mut PgConnection, place: &Place) -> Result<(), DbError> {
    sqlx::query(
        "update execution_rollups set (duration_ms_min, duration_ms_max) = (
             select min(counted_duration_ms), max(counted_duration_ms) from executions
             where template = $1 and environment = $2 and counted_version = $3 and counted_day = $4)
         where template = $1 and environment = $2 and version_arn = $3 and day = $4",
    )
    .bind(&place.template)
    .bind(&place.environment)
    .bind(&place.version_arn)
    .bind(place.day)
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contribution(status: Status, duration_ms: i64, error: Option<&str>) -> Contribution {
        Contribution {
            day: NaiveDate::default(),
            version_arn: String::new(),
            status,
            duration_ms,
            error: error.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn a_redrive_takes_the_failure_back_and_counts_the_success() {
        let failed = contribution(Status::Failed, 100, Some("Boom"));
        let succeeded = contribution(Status::Succeeded, 5_000, None);
        let mut rollup = Rollup::default();
        rollup.replace("t", &EnvironmentName::default(), Some(&failed), Some(&succeeded));
        let delta = rollup.places.values().next().unwrap();
        assert_eq!(
            (delta.failed, delta.succeeded, delta.duration_ms_sum),
            (-1, 1, 4_900)
        );
        assert_eq!(delta.errors.get("Boom"), Some(&-1));
        assert!(delta.shrunk);
    }

    #[test]
    fn hearing_of_the_same_end_again_changes_nothing() {
        let failed = contribution(Status::Failed, 100, Some("Boom"));
        let mut rollup = Rollup::default();
        rollup.replace("t", &EnvironmentName::default(), Some(&failed), Some(&failed));
        assert!(rollup.places.is_empty());
    }
}
