//! What is to be known of a kind of job to follow and to stop it, and what a description says of one. Pure.

use asl::json::value::{Json, Object};

use crate::integrations::TaskError;

/// How a kind of job is followed.
#[derive(Debug, Clone, Copy)]
pub(in crate::integrations) struct Following {
    pub(super) service: &'static str,
    pub(super) action: &'static str,
    /// The action that describes a job.
    pub(super) describe: &'static str,
    /// Its parameters: their names, and where their values come from.
    pub(super) by: &'static [(&'static str, Origin)],
    /// Where the job stands in the description; empty for the description itself.
    pub(super) job: &'static [Step],
    /// Where its state stands in the job.
    pub(super) state: &'static [&'static str],
    /// The states it ends well in.
    pub(super) done: &'static [&'static str],
    /// The states it ends badly in.
    pub(super) failed: &'static [&'static str],
    /// The error that says it is not there any more, where that is what is waited for.
    pub(super) gone: Option<&'static str>,
    /// The member that the result wraps the job in; none where the result is the job.
    pub(super) wrapped: Option<&'static str>,
    /// What the result has besides.
    pub(super) besides: &'static [(&'static str, Origin)],
    /// How it is stopped. None where AWS lets it go on ("Step Functions does not terminate … automatically").
    pub(super) stop: Option<Stop>,
    /// The idempotency token of the submission, where the service's model does not mark it as one.
    pub(super) token: Option<&'static str>,
}

/// What most kinds have in common: no stop, the result is the job.
pub(super) const PLAIN: Following = Following {
    service: "",
    action: "",
    describe: "",
    by: &[],
    job: &[],
    state: &[],
    done: &[],
    failed: &[],
    gone: None,
    wrapped: None,
    besides: &[],
    stop: None,
    token: None,
};

/// The action that stops a job, and its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub(super) action: &'static str,
    pub(super) by: &'static [(&'static str, Origin)],
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    /// The response to the submission.
    Response(&'static [Step]),
    /// The same, as the only element of a list.
    ListOfResponse(&'static [Step]),
    /// The parameters of the submission; left out when they lack it.
    Parameters(&'static str),
    /// Always this.
    Always(&'static str),
}

/// A step into JSON.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A member.
    To(&'static str),
    /// The first element.
    First,
}

/// What a description says of a job.
#[derive(Debug, PartialEq)]
pub(super) enum Stand {
    Running { job: Json },
    Over { well: bool, job: Json },
}

impl Following {
    pub(super) fn stand(&self, described: &Json) -> Stand {
        let Some(job) = at(described, self.job) else {
            return Stand::Running { job: Json::Null };
        };
        let state = self
            .state
            .iter()
            .try_fold(&job, |json, name| json.get(name))
            .and_then(Json::as_str)
            .unwrap_or_default();
        let well = if self.done.contains(&state) {
            // An ECS task only stops; how it went, its containers say.
            self.service != "ecs" || containers_went_well(&job)
        } else if self.failed.contains(&state) {
            false
        } else {
            return Stand::Running { job };
        };
        Stand::Over { well, job }
    }

    /// Whether the error says that what was to be deleted is not there any more.
    pub(super) fn is_gone(&self, error: &TaskError) -> bool {
        self.gone.is_some() && error.error.as_deref() == self.gone
    }

    /// A job as the task's result, or within the cause of its failure.
    pub(super) fn shown(&self, job: Json, parameters: &Json, response: &Json) -> Object {
        let mut shown = match self.wrapped {
            Some(name) => Object::from_iter([(name.into(), job)]),
            None => job.as_object().cloned().unwrap_or_default(),
        };
        if let Some(Json::Object(besides)) = members(self.besides, parameters, response) {
            for (name, value) in besides.iter() {
                shown.insert(name.clone(), value.clone());
            }
        }
        shown
    }
}

/// The parameters of an action on a job; none when the response does not say which job it is about.
pub(super) fn members(wanted: &[(&'static str, Origin)], parameters: &Json, response: &Json) -> Option<Json> {
    let mut by = Object::new();
    for (name, from) in wanted {
        let value = match from {
            Origin::Response(steps) => Some(at(response, steps)?),
            Origin::ListOfResponse(steps) => Some(Json::array(vec![at(response, steps)?])),
            Origin::Parameters(name) => parameters.get(name).cloned(),
            Origin::Always(text) => Some(Json::from(*text)),
        };
        if let Some(value) = value {
            by.insert((*name).into(), value);
        }
    }
    Some(by.into())
}

/// Whether every container of an ECS task ended with 0 (developer guide, "Amazon ECS": the task fails otherwise).
fn containers_went_well(task: &Json) -> bool {
    task.get("Containers")
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .all(|container| {
            container
                .get("ExitCode")
                .and_then(Json::as_number)
                .and_then(serde_json::Number::as_i64)
                == Some(0)
        })
}

fn at(json: &Json, steps: &[Step]) -> Option<Json> {
    let found = steps.iter().try_fold(json, |json, step| match step {
        Step::To(name) => json.get(name),
        Step::First => json.as_array()?.first(),
    })?;
    Some(found.clone())
}
