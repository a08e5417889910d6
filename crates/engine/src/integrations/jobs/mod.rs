//! `.sync` of services that run jobs: the job is submitted, then looked after until it is over, and stopped when nobody waits for
//! it any more. AWS hears of the end by EventBridge and asks besides; here it is only asked, so the end is seen a little later
//! than on AWS.
//!
//! What the service answered to the submission is in the history (`TaskSubmitted`) and with the open task, so whoever takes over
//! after a crash follows that job. Between the submission and that record only the service's own idempotency token keeps a job
//! from being submitted twice: it is the same for the same attempt, and services that know none may run a job twice.
//!
//! Which jobs there are is data: one table for each family of services.

mod analytics;
mod compute;
mod looks;
mod media;
mod model;
mod models;

use asl::json::Payload;
use asl::json::value::Json;

pub(super) use self::looks::Looks;
use self::model::{Following, Stand, members};
use super::aws::Caller;
use super::errors;
use super::optimised::Optimised;
use super::sdk::{Action, Circumstances, within_limit};
use super::{TaskContext, TaskError};
use crate::clock::Clock;
use crate::limits::JOB_LANES;

/// How a job that this action starts is followed; none when it is not known here.
pub(super) fn find(service: &str, action: &str) -> Option<&'static Following> {
    all().find(|following| following.service == service && following.action == action)
}

fn all() -> impl Iterator<Item = &'static Following> {
    [analytics::JOBS, compute::JOBS, media::JOBS, models::JOBS]
        .into_iter()
        .flatten()
}

/// The lane of a job among those of its service: jobs are spread by their tokens, which differ.
pub(super) fn lane(token: Option<&str>) -> u64 {
    let sum = token.unwrap_or_default().bytes();
    sum.fold(0_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    }) % JOB_LANES
}

/// A job to be run.
pub(super) struct Job<'j> {
    pub(super) following: &'static Following,
    pub(super) optimised: &'j Optimised,
    pub(super) caller: &'j Caller,
    pub(super) clock: &'j dyn Clock,
    pub(super) parameters: &'j Payload,
    pub(super) circumstances: Circumstances<'j>,
}

impl Job<'_> {
    /// Submits the job unless it was submitted before, says so, and waits for its end.
    pub(super) async fn run(&self, context: &TaskContext) -> Result<Payload, TaskError> {
        let response = if let Some(response) = &context.submitted {
            response.clone()
        } else {
            let response = self.submit(context).await.map_err(TaskError::of_submission)?;
            context.progress.submitted(response.clone());
            response
        };
        self.follow(response.json()).await
    }

    async fn submit(&self, context: &TaskContext) -> Result<Payload, TaskError> {
        let given = self.parameters.json();
        let with_token;
        let given = match (self.following.token, given.as_object()) {
            (Some(name), Some(members)) if members.get(name).is_none() => {
                let mut members = members.clone();
                members.insert(name.into(), Json::from(self.circumstances.token));
                with_token = Json::from(members);
                &with_token
            }
            _ => given,
        };
        self.optimised
            .call(self.caller, given, context, self.circumstances)
            .await
    }

    /// Asks after the job until it is over. A look that fails is not the job's end.
    async fn follow(&self, response: &Json) -> Result<Payload, TaskError> {
        let Following {
            describe,
            by,
            service,
            ..
        } = self.following;
        // Services answer like this when they took the request and no job came of it (ECS: `Failures`).
        let by = members(by, self.parameters.json(), response)
            .ok_or_else(|| errors::fail("States.TaskFailed", response.to_string()))?;
        let describe = self.action(describe)?;
        let mut looks = Looks::begin();
        let mut last_seen = Json::Null;
        loop {
            looks.wait().await;
            let looked = match self.call(describe, &by).await {
                Ok(described) => Ok(self.following.stand(&described)),
                Err(error) if self.following.is_gone(&error) => Ok(Stand::Over {
                    well: true,
                    job: std::mem::take(&mut last_seen),
                }),
                Err(error) => Err(error),
            };
            let Some(stand) = looks.found(looked)? else {
                continue;
            };
            match stand {
                Stand::Running { job } => last_seen = job,
                Stand::Over { well, job } => {
                    let shown = self.following.shown(job, self.parameters.json(), response);
                    if well {
                        return within_limit(shown, service);
                    }
                    return Err(errors::fail("States.TaskFailed", Json::from(shown).to_string()));
                }
            }
        }
    }

    /// Asks the service to stop the job, if that is something it does.
    pub(super) async fn stop(&self, submitted: &Payload) -> Result<(), TaskError> {
        let Some(stop) = &self.following.stop else {
            return Ok(());
        };
        let Some(by) = members(stop.by, self.parameters.json(), submitted.json()) else {
            return Ok(());
        };
        self.call(self.action(stop.action)?, &by).await.map(drop)
    }

    fn action(&self, name: &'static str) -> Result<Action, TaskError> {
        Action::find(self.optimised.action.service.name, name)
            .ok_or_else(|| errors::fail("States.Runtime", format!("no action `{name}`")))
    }

    async fn call(&self, action: Action, parameters: &Json) -> Result<Json, TaskError> {
        let circumstances = Circumstances {
            now_ms: self.clock.now_ms(),
            ..self.circumstances
        };
        let called = action
            .call(self.caller, parameters, circumstances, &self.optimised.wording)
            .await?;
        Ok(called.response.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        asl::json::read::read(text).unwrap()
    }

    #[test]
    fn every_sync_action_that_aws_offers_is_followed_by_actions_and_parameters_of_the_catalogue() {
        for integration in catalogue::integrations() {
            let is_followed = |action: &&catalogue::Action| {
                action.patterns.contains(&catalogue::Pattern::Sync)
                    && (integration.service, action.name) != ("states", "startExecution")
                    && (integration.service, action.name) != ("eks", "runJob")
            };
            for action in integration.actions.iter().filter(is_followed) {
                let name = format!("{}:{}", integration.service, action.name);
                let job = find(integration.service, action.name).unwrap_or_else(|| panic!("{name}"));
                let service = Optimised::find(job.service, job.action).unwrap().action.service;
                let stop = job.stop.as_ref().map(|stop| (stop.action, stop.by));
                for (asked, by) in [Some((job.describe, job.by)), stop].into_iter().flatten() {
                    let input = service.input(service.action(asked).unwrap()).unwrap();
                    for (member, _) in by {
                        assert!(input.member(member).is_some(), "{name} {asked} {member}");
                    }
                    for required in service.required(service.action(asked).unwrap()) {
                        assert!(
                            by.iter().any(|(member, _)| *member == required),
                            "{name} {asked} {required}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_job_is_over_when_its_state_is_final() {
        let glue = find("glue", "startJobRun").unwrap();
        let run = |state: &str| glue.stand(&json(&format!(r#"{{"JobRun": {{"JobRunState": "{state}"}}}}"#)));
        assert!(matches!(run("RUNNING"), Stand::Running { .. }));
        assert!(matches!(run("SUCCEEDED"), Stand::Over { well: true, .. }));
        assert!(matches!(run("TIMEOUT"), Stand::Over { well: false, .. }));
        assert!(matches!(glue.stand(&json("{}")), Stand::Running { .. }));
    }

    #[test]
    fn an_ecs_task_went_well_when_its_containers_did() {
        let ecs = find("ecs", "runTask").unwrap();
        let stopped = |code: &str| {
            ecs.stand(&json(&format!(
                r#"{{"Tasks": [{{"LastStatus": "STOPPED", "Containers": [{{"Name": "c"{code}}}]}}]}}"#
            )))
        };
        assert!(matches!(
            stopped(r#", "ExitCode": 0"#),
            Stand::Over { well: true, .. }
        ));
        assert!(matches!(
            stopped(r#", "ExitCode": 1"#),
            Stand::Over { well: false, .. }
        ));
        // It never ran.
        assert!(matches!(stopped(""), Stand::Over { well: false, .. }));
    }

    #[test]
    fn the_description_is_asked_for_by_what_the_submission_said() {
        let ecs = find("ecs", "runTask").unwrap();
        let by = members(
            ecs.by,
            &json(r#"{"Cluster": "c", "TaskDefinition": "d"}"#),
            &json(r#"{"Tasks": [{"TaskArn": "t"}], "Failures": []}"#),
        );
        assert_eq!(by.unwrap().to_string(), r#"{"Cluster":"c","Tasks":["t"]}"#);
        let nothing = members(ecs.by, &json("{}"), &json(r#"{"Tasks": [], "Failures": [{}]}"#));
        assert_eq!(nothing, None);
    }

    #[test]
    fn jobs_are_spread_over_lanes() {
        let lanes: std::collections::BTreeSet<u64> = (0..1000)
            .map(|number| lane(Some(&format!("token-{number}"))))
            .collect();
        assert_eq!(lanes.len() as u64, JOB_LANES);
    }
}
