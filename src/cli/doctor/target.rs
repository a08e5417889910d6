//! An environment: does it answer, who are we to it, what may we do, and do its aliases stand where they should.
//!
//! Permissions are asked by calls that can't change anything: each names a thing that does not exist, so that who is allowed hears
//! "there is no such thing", and who is not hears "access denied".

use std::sync::Arc;

use chrono::DateTime;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::finding::{self, Finding};
use crate::clock::Clock;
use crate::config::{AwsEndpoints, Config, Credentials, Secret};
use crate::db::Db;
use crate::environments::Target;
use crate::limits;
use crate::step_functions::{
    self, ErrorKind, GetExecutionHistory, Limits, ListExecutions, StartExecution, StepFunctions,
    StepFunctionsError, Throttle, Transport, UpdateStateMachine,
};
use crate::telemetry::Metrics;

/// A machine that nobody has.
const NOBODY: &str = "signalbox-doctor-asks-for-what-is-not-there";

/// AWS refuses signatures that are older (Signature Version 4).
const SKEW_SECONDS: i64 = 300;

/// The embedded engine as others see it, at its endpoint.
pub(super) async fn over_tcp(config: &Config, target: &Target, metrics: &Metrics) -> Target {
    let url = format!("http://{}", config.engine.listen);
    let key = config.engine.access_keys.first();
    let credentials = Credentials::Fixed {
        access_key_id: key.map_or_else(|| "signalbox".to_owned(), |key| key.id.clone()),
        secret_access_key: key.map_or_else(|| Secret::new("signalbox"), |key| key.secret.clone()),
    };
    let destination = step_functions::Destination {
        region: &target.region,
        endpoint_url: Some(&url),
        credentials: &credentials,
        transport: &Transport::Http,
        endpoints: &AwsEndpoints::default(),
    };
    let calls = metrics.step_functions_calls_total.clone();
    let (step_functions, _) =
        step_functions::connect(destination, Arc::new(Throttle::new(Limits::None)), calls).await;
    Target {
        step_functions,
        endpoint_url: Some(url.clone()),
        ..target.clone()
    }
}

/// Looks at one environment; whether it answers.
pub(super) async fn check(target: &Target, clock: &dyn Clock, findings: &mut Vec<Finding>) -> bool {
    let name = format!("environment {}", target.name);
    let place = target
        .endpoint_url
        .clone()
        .unwrap_or_else(|| format!("AWS {}", target.region));
    match target.step_functions.list_state_machines(None).await {
        Ok(_) => findings.push(Finding::ok(&name, format!("{place} answers"))),
        Err(error) if target.embedded && error.kind() == ErrorKind::Unavailable => {
            let detail = format!("nothing answers at {place}");
            let fix = "start `signalbox serve`: the embedded engine runs inside of it";
            findings.push(Finding::warning(name, detail, fix));
            return false;
        }
        Err(error) => {
            findings.push(Finding::broken(name, error.to_string(), unreachable(&error)));
            return false;
        }
    }
    if !target.embedded {
        findings.extend(clock_of(target, clock).await);
        permissions(target, findings).await;
    }
    true
}

fn unreachable(error: &StepFunctionsError) -> &'static str {
    match error.kind() {
        ErrorKind::AccessDenied if error.code() == Some("AccessDeniedException") => {
            "allow `states:ListStateMachines` for the role"
        }
        ErrorKind::AccessDenied => {
            "check the credentials: AWS_ACCESS_KEY_ID or AWS_PROFILE, the environment's `role_arn`, the role's trust policy and `external_id`; on EC2 set `instance_metadata = true`"
        }
        ErrorKind::Throttled => "others use up the account's quota: try again in a moment",
        _ => "check `endpoint_url`, `region`, and that this machine can reach it",
    }
}

/// This machine's clock against that of the environment's endpoint.
async fn clock_of(target: &Target, clock: &dyn Clock) -> Option<Finding> {
    let url = target.endpoint_url.clone().unwrap_or_else(|| {
        let suffix = if target.region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        format!("https://states.{}.{suffix}", target.region)
    });
    let client = reqwest::Client::builder()
        .timeout(limits::AWS_ATTEMPT_TIMEOUT)
        .build()
        .ok()?;
    let answer = client.head(url).send().await.ok()?;
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    let theirs = DateTime::parse_from_rfc2822(date).ok()?;
    let seconds = (clock.now() - theirs.to_utc()).num_seconds();
    Some(finding::skew(
        format!("environment {}: clock", target.name),
        seconds,
        SKEW_SECONDS,
    ))
}

type Probe<'a> = BoxFuture<'a, Result<(), StepFunctionsError>>;

/// One call for each permission that is needed, none of which can change anything.
fn probes<'a>(
    door: &'a StepFunctions,
    machine: &'a str,
    alias: &'a str,
    execution: &'a str,
) -> Vec<Probe<'a>> {
    let start = StartExecution {
        state_machine_arn: alias.to_owned(),
        ..StartExecution::default()
    };
    let update = UpdateStateMachine {
        state_machine_arn: machine.to_owned(),
        role_arn: Some("arn:aws:iam::000000000000:role/none".to_owned()),
        ..UpdateStateMachine::default()
    };
    let list = ListExecutions {
        state_machine_arn: machine.to_owned(),
        ..ListExecutions::default()
    };
    let history = GetExecutionHistory {
        execution_arn: execution.to_owned(),
        ..GetExecutionHistory::default()
    };
    vec![
        door.start_execution(start).map(|answer| answer.map(drop)).boxed(),
        door.stop_execution(execution, None, None)
            .map(|answer| answer.map(drop))
            .boxed(),
        door.redrive_execution(execution, None)
            .map(|answer| answer.map(drop))
            .boxed(),
        door.describe_execution(execution)
            .map(|answer| answer.map(drop))
            .boxed(),
        door.list_executions(list).map(|answer| answer.map(drop)).boxed(),
        door.get_execution_history(history)
            .map(|answer| answer.map(drop))
            .boxed(),
        door.update_state_machine(update)
            .map(|answer| answer.map(drop))
            .boxed(),
        door.describe_state_machine(machine)
            .map(|answer| answer.map(drop))
            .boxed(),
        door.publish_version(machine, None, None)
            .map(|answer| answer.map(drop))
            .boxed(),
        door.list_versions(machine, None)
            .map(|answer| answer.map(drop))
            .boxed(),
        door.describe_alias(alias).map(|answer| answer.map(drop)).boxed(),
        door.update_alias(alias, &[], None)
            .map(|answer| answer.map(drop))
            .boxed(),
        door.list_tags(machine).map(|answer| answer.map(drop)).boxed(),
        door.untag(machine, vec![NOBODY.to_owned()]).boxed(),
    ]
}

async fn permissions(target: &Target, findings: &mut Vec<Finding>) {
    let machine = target.state_machine_arn(NOBODY);
    let alias = target.alias_arn(NOBODY);
    let execution = target.execution_arn(NOBODY, NOBODY);
    let mut allowed = Vec::new();
    let probes = probes(&target.step_functions, &machine, &alias, &execution);
    for answer in futures::future::join_all(probes).await {
        let Err(error) = answer else { continue };
        let operation = error.operation().name();
        let check = || format!("environment {}: {operation}", target.name);
        match error.kind() {
            ErrorKind::AccessDenied => {
                let fix = format!("allow `states:{operation}` for the role");
                findings.push(Finding::broken(check(), error.to_string(), fix));
            }
            ErrorKind::Throttled | ErrorKind::Unavailable => {
                findings.push(Finding::warning(
                    check(),
                    error.to_string(),
                    "could not be told: try again",
                ));
            }
            _ => allowed.push(operation),
        }
    }
    if !allowed.is_empty() {
        findings.push(Finding::ok(
            format!("environment {}: allowed", target.name),
            allowed.join(", "),
        ));
    }
}

/// Whether the alias of each template that lives here leads to its version.
pub(super) async fn check_aliases(target: &Target, db: &Db, findings: &mut Vec<Finding>) {
    let rows: Result<Vec<(String, String, String)>, sqlx::Error> = sqlx::query_as(
        "select template, alias_arn, version_arn from template_environments
         where environment = $1 and state = 'live' and version_arn is not null order by template limit 1000",
    )
    .bind(target.name.as_str())
    .fetch_all(db.pool())
    .await;
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            let check = format!("environment {}: aliases", target.name);
            findings.push(Finding::warning(
                check,
                error.to_string(),
                "run `signalbox migrate`",
            ));
            return;
        }
    };
    let mut right = 0;
    for (template, alias_arn, version_arn) in rows {
        let check = format!("environment {}: template {template}", target.name);
        match target.step_functions.describe_alias(&alias_arn).await {
            Ok(alias) if alias.routes.iter().any(|route| route.version_arn == version_arn) => right += 1,
            Ok(alias) => {
                let routes: Vec<_> = alias
                    .routes
                    .iter()
                    .map(|route| format!("{} ({} %)", route.version_arn, route.weight))
                    .collect();
                let detail = format!(
                    "{alias_arn} leads to {}, not to {version_arn}",
                    routes.join(" and ")
                );
                let fix = "somebody moved it past Signalbox: deploy again, or roll back";
                findings.push(Finding::warning(check, detail, fix));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let fix = "register or deploy the template again";
                findings.push(Finding::broken(check, format!("{alias_arn} is gone"), fix));
            }
            Err(error) => findings.push(Finding::warning(
                check,
                error.to_string(),
                "could not be told: try again",
            )),
        }
    }
    if right > 0 {
        let check = format!("environment {}: aliases", target.name);
        findings.push(Finding::ok(check, format!("{right} lead where they should")));
    }
}
