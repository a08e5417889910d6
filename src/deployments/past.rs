//! What the last days say about an alias: its traffic, how often it fails, who passes it by.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::judge::Traffic;
use super::limits::TRAFFIC_WINDOW;
use super::store::facts::{self, TrafficRow};
use crate::db::DbError;

/// Traffic of an alias, as its past says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past {
    pub(super) traffic: Traffic,
    pub(super) bypass_share: f64,
    pub(super) row: TrafficRow,
}

/// The last days of a template in an environment.
pub(super) async fn past(
    conn: &mut PgConnection,
    template: &str,
    environment: &str,
    now: DateTime<Utc>,
) -> Result<Past, DbError> {
    let row = facts::traffic(conn, template, environment, now - TRAFFIC_WINDOW).await?;
    let real = |count: i64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    // A template that began an hour ago has an hour of past; less than a minute would tell nothing.
    let seconds = row
        .first_at
        .map_or(TRAFFIC_WINDOW, |first| now - first)
        .num_seconds()
        .max(60);
    let share = |part: i64, whole: i64| if whole > 0 { real(part) / real(whole) } else { 0.0 };
    Ok(Past {
        traffic: Traffic {
            per_second: real(row.total) / real(seconds),
            failure_rate: share(row.failed, row.closed),
        },
        bypass_share: share(row.unqualified, row.total),
        row,
    })
}
