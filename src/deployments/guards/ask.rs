//! Asks one guard: a webhook, Prometheus, or CloudWatch's count of throttled executions.

use std::time::Duration;

use serde_json::json;

use super::super::judge::{AskMethod, Guard, GuardReading, GuardState, PrometheusGuard, WebhookGuard};
use super::super::limits::GUARD_TIMEOUT;
use super::super::measured;
use super::super::store::record::Record;
use super::answer::{Said, understood, verdict, within};
use super::credentials::Credentials;
use crate::app::App;
use crate::cloudwatch::{StatesMetric, sums};
use crate::environments::Target;

/// Asks one guard. What can't be understood says nothing, which is said.
pub(super) async fn ask(app: &App, target: &Target, read: &Record, guard: &Guard) -> GuardReading {
    let answer = async {
        match guard {
            Guard::Webhook(guard) => webhook(app, read, guard).await,
            Guard::Prometheus(guard) => prometheus(app, target, read, guard).await,
            Guard::Throttled(guard) => throttled(app, target, read, guard.max).await,
        }
    };
    let timeout = Duration::from_millis(GUARD_TIMEOUT.num_milliseconds().unsigned_abs());
    let said = match tokio::time::timeout(timeout, answer).await {
        Ok(said) => said,
        Err(_) => Said::unknown(format!("no answer within {} s", GUARD_TIMEOUT.num_seconds())),
    };
    if said.state != GuardState::Quiet {
        tracing::info!(deployment = %read.id, guard = guard.name(), state = ?said.state, detail = said.detail, "a guard spoke");
    }
    GuardReading {
        name: guard.name().to_owned(),
        state: said.state,
        on_breach: said.on_breach.unwrap_or(guard.on_breach()),
        detail: said.detail,
    }
}

async fn webhook(app: &App, read: &Record, guard: &WebhookGuard) -> Said {
    let deployment = read.deployment();
    let credentials = match Credentials::of(app, &guard.url, &guard.headers).await {
        Ok(credentials) => credentials,
        Err(refused) => return refused,
    };
    let headers = credentials.headers();
    let asked = match guard.method {
        AskMethod::Get => app.outbound.get(&guard.url, headers).await,
        AskMethod::Post => {
            let body = json!({
                "deployment_id": read.id,
                "template": read.template,
                "environment": read.environment,
                "revision": read.revision,
                "state": deployment.state,
                "step": deployment.step + 1,
                "weights": deployment.standing.as_ref().map(super::super::model::Routing::lines),
                "from_version_arn": read.from_version,
                "to_version_arn": read.to_version,
            });
            app.outbound.post(&guard.url, headers, body.to_string()).await
        }
    };
    match understood(asked.map(|answer| credentials.hide(answer))) {
        Ok(body) => verdict(&body, guard.expected.as_ref()),
        Err(said) => said,
    }
}

async fn prometheus(app: &App, target: &Target, read: &Record, guard: &PrometheusGuard) -> Said {
    let Ok(mut url) = url::Url::parse(&guard.url) else {
        return Said::unknown("its URL can't be read".to_owned());
    };
    match url.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(["api", "v1", "query"]);
        }
        Err(()) => return Said::unknown("its URL takes no path".to_owned()),
    }
    let version = read.to_version.as_deref().unwrap_or_default();
    // Longer names first: `$version` begins `$version_arn`.
    let filled = [
        ("$version_arn", version.to_owned()),
        (
            "$version",
            version.rsplit(':').next().unwrap_or_default().to_owned(),
        ),
        ("$alias_arn", target.alias_arn(&read.template)),
        ("$template", read.template.clone()),
        ("$environment", read.environment.clone()),
        ("$deployment", read.id.to_string()),
    ]
    .into_iter()
    .fold(guard.query.clone(), |query, (name, value)| {
        query.replace(name, &value)
    });
    url.query_pairs_mut().append_pair("query", &filled);
    let credentials = match Credentials::of(app, url.as_str(), &guard.headers).await {
        Ok(credentials) => credentials,
        Err(refused) => return refused,
    };
    let asked = app.outbound.get(url.as_str(), credentials.headers()).await;
    match understood(asked.map(|answer| credentials.hide(answer))) {
        Ok(body) => within(&body, guard),
        Err(said) => said,
    }
}

async fn throttled(app: &App, target: &Target, read: &Record, max: u64) -> Said {
    let metric = StatesMetric {
        name: "ExecutionThrottled",
        dimensions: vec![("StateMachineArn", target.state_machine_arn(&read.template))],
    };
    let now = app.clock.now();
    // Whole minutes: the one in which it began counts.
    let from = measured::minute(read.started_at.unwrap_or(read.created_at));
    match sums(app, target, &[metric], (from, now)).await {
        Ok(series) => {
            let count: f64 = series.iter().flatten().map(|point| point.1).sum();
            Said::of(
                count > super::super::judge::real(max),
                format!("{count} starts and retries were throttled since the deployment began"),
            )
        }
        Err(error) => Said::unknown(error.to_string()),
    }
}
