//! Asks outside for a deployment that is watched: guards (webhooks, Prometheus, CloudWatch's throttles), the template's error
//! budget, CloudWatch's counts of Express executions. Each at its own pace; what was said is kept beside the deployment, so
//! that a look in between repeats it. Where receivers may be is guarded as for webhooks (`outbound`).

mod answer;
mod ask;
mod credentials;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::judge::{GuardReading, Period, Slo, Spending};
use super::limits::{BUDGET_INTERVAL, BUDGET_RECENT, MEASURED_INTERVAL};
use super::measured;
use super::store::record::{self, Record};
use super::store::slos;
use crate::app::App;
use crate::db::DbError;
use crate::environments::Target;

use ask::ask;
pub(super) use credentials::faults as credential_faults;

/// Something that was asked, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked<T> {
    at: DateTime<Utc>,
    said: T,
}

impl<T> Asked<T> {
    fn is_fresh(&self, now: DateTime<Utc>, interval: TimeDelta) -> bool {
        now - self.at < interval
    }
}

/// Everything that was asked outside.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Outside {
    guards: Vec<Asked<GuardReading>>,
    budget: Option<Asked<Option<(Slo, Spending)>>>,
    measured: Option<Asked<Vec<Period>>>,
}

impl Outside {
    /// What the guards said, in the order of the analysis.
    pub(super) fn readings(&self) -> Vec<GuardReading> {
        self.guards.iter().map(|asked| asked.said.clone()).collect()
    }

    /// The promise and what was spent of it.
    pub(super) fn budget(&self) -> Option<(Slo, Spending)> {
        self.budget.as_ref().and_then(|asked| asked.said)
    }

    /// CloudWatch's counts by weight period.
    pub(super) fn measured(&self) -> Vec<Period> {
        self.measured
            .as_ref()
            .map(|asked| asked.said.clone())
            .unwrap_or_default()
    }
}

/// What is said outside now: what is due is asked, at the same time, the rest is as it was said last.
pub(super) async fn read(app: &App, target: &Target, read: &Record) -> Result<Outside, DbError> {
    let known = &read.outside.0;
    if read.deployment().intent.is_none() {
        return Ok(known.clone());
    }
    let now = app.clock.now();
    let guards = read.analysis.0.guards.iter().map(async |guard| {
        let before = known.guards.iter().find(|asked| asked.said.name == guard.name());
        let interval = TimeDelta::seconds(guard.interval_seconds().into());
        match before.filter(|asked| asked.is_fresh(now, interval)) {
            Some(asked) => asked.clone(),
            None => Asked {
                at: now,
                said: ask(app, target, read, guard).await,
            },
        }
    });
    let budget = async {
        match known
            .budget
            .as_ref()
            .filter(|asked| asked.is_fresh(now, BUDGET_INTERVAL))
        {
            Some(asked) => Ok(asked.clone()),
            None => spending(app, target, read, now).await,
        }
    };
    let counts = async {
        let fresh = known.measured.as_ref();
        match fresh.filter(|asked| asked.is_fresh(now, MEASURED_INTERVAL)) {
            Some(asked) => Ok(asked.clone()),
            None => Ok::<_, DbError>(Asked {
                at: now,
                said: measured::read(app, target, read, now).await?,
            }),
        }
    };
    let (guards, budget, counts) = futures::join!(futures::future::join_all(guards), budget, counts);
    let outside = Outside {
        guards,
        budget: Some(budget?),
        measured: Some(counts?),
    };
    if outside != *known {
        let mut conn = app.db.pool().acquire().await?;
        record::set_outside(&mut conn, read.id, &outside).await?;
    }
    Ok(outside)
}

async fn spending(
    app: &App,
    target: &Target,
    read: &Record,
    now: DateTime<Utc>,
) -> Result<Asked<Option<(Slo, Spending)>>, DbError> {
    let mut conn = app.db.pool().acquire().await?;
    let said = match slos::find(&mut conn, &read.template).await? {
        None => None,
        Some(slo) => {
            let since = read.created_at.max(now - BUDGET_RECENT);
            let place = (read.template.as_str(), read.environment.as_str());
            let alias = target.alias_arn(&read.template);
            Some((
                slo,
                slos::spending(&mut conn, place, &alias, slo, (now, since)).await?,
            ))
        }
    };
    Ok(Asked { at: now, said })
}
