//! Change the plan of a deployment that waits for its turn or for people. It begins again with the new plan, and whoever agreed to
//! the old one is asked anew.

use serde_json::Value;

use super::model::State;
use super::prepare::{Asker, prepare, refuse_quarantined};
use super::presets::fill_in;
use super::refusal::StartError;
use super::request::{Fault, StartDeployment};
use super::start::{begin, drawn, json, write_tests, written};
use super::store;
use super::store::record::{self, Record};
use super::store::timeline::{self, NewEvent};
use super::write::wake;
use crate::app::App;
use crate::approvals;
use crate::audit::{self, AuditEntry};
use crate::db::DbError;

/// What makes a deployment another one: start that instead.
const FIXED: [&str; 4] = ["template", "environment", "environments", "on_conflict"];

/// Why a plan was not changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangeError {
    /// It does not wait.
    #[error("the plan of a deployment that is `{}` can't be changed: {why}", state.as_str())]
    Refused {
        /// Where it stands.
        state: State,
        /// Why not.
        why: &'static str,
    },
    /// It moved on, or somebody else changed it.
    #[error("the deployment has changed since it was read")]
    Changed,
    /// The new plan can't be made.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database failed.
    #[error("the plan could not be written")]
    Database(#[from] DbError),
}

/// What would be asked for with `patch` (RFC 7396) applied to what was asked for; fields that are `null` get their defaults.
pub(super) fn patched(read: &Record, patch: &Value) -> Result<StartDeployment, ChangeError> {
    let state = read.state();
    let refused = |why| ChangeError::Refused { state, why };
    if read.parent.is_some() {
        return Err(refused(
            "it is a member of a release: abort that, and start another",
        ));
    }
    if read.deployment().has_shifted() || !matches!(state, State::Pending | State::Gate) {
        return Err(refused(
            "it neither waits for its turn nor for people; abort it, and start another",
        ));
    }
    let invalid = |pointer: String, message: String| {
        ChangeError::Start(StartError::Invalid(vec![Fault { pointer, message }]))
    };
    let Value::Object(fields) = patch else {
        return Err(invalid(String::new(), "a merge patch is an object".to_owned()));
    };
    if let Some(field) = FIXED.iter().find(|field| fields.contains_key(**field)) {
        return Err(invalid(
            format!("/{field}"),
            "can't be changed: start another deployment".to_owned(),
        ));
    }
    let mut body = read.request.0.clone();
    if let Value::Object(members) = &mut body {
        // What was named then was filled in then; what is named now takes the place of what is written there.
        members.remove("analysis_template");
        // A change of something else does not slip in a revision that was registered since.
        members.insert("revision".to_owned(), Value::from(read.revision));
        if fields.contains_key("analysis_template") {
            members.remove("analysis");
        }
        // Said once, for the plan of then.
        if fields.contains_key("revision") {
            members.remove("override_quarantine");
        }
    }
    merge(&mut body, patch);
    serde_json::from_value(body).map_err(|error| invalid(String::new(), error.to_string()))
}

/// JSON Merge Patch (RFC 7396, section 2).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, value) in fields {
        if value.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Makes the new plan and begins again with it; the tests run anew where they, or what they test, changed.
pub(super) async fn change(
    app: &App,
    read: &Record,
    mut request: StartDeployment,
    who: &str,
) -> Result<(), ChangeError> {
    fill_in(app, &mut request).await?;
    let earlier = read.askers();
    let asker = Asker {
        name: who,
        earlier: &earlier,
    };
    let prepared = prepare(app, &request, asker).await?;
    refuse_quarantined(&request, &prepared)?;
    let before: Option<StartDeployment> = serde_json::from_value(read.request.0.clone()).ok();
    let same_tests =
        prepared.revision == read.revision && before.is_some_and(|before| before.tests == request.tests);
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let past = drawn(&mut tx, read.id, &request, &prepared, now).await?;
    let has_tests = if same_tests {
        read.deployment().has_tests
    } else {
        !request.tests.cases.is_empty() || !past.is_empty()
    };
    let state = if read.state() == State::Pending {
        State::Pending
    } else {
        State::Validating
    };
    let deployment = begin(read.id, state, &prepared, has_tests, None);
    let (body, plan) = (json(&request)?, json(&prepared.plan)?);
    let rewritten = written(&deployment, &request, &prepared, (&body, &plan));
    if !record::replan(&mut tx, read.version, &rewritten, who, now).await? {
        return Err(ChangeError::Changed);
    }
    if !same_tests {
        store::tests::clear(&mut tx, read.id).await?;
        write_tests(&mut tx, read.id, &request, &past, earlier.len()).await?;
    }
    let detail = format!("the plan was changed by {who}");
    approvals::withdraw(&mut tx, now, &read.id.to_string(), who, &detail).await?;
    let event = NewEvent {
        event: "deployment.changed",
        state,
        actor: who,
        detail: &detail,
        data: serde_json::json!({"plan_digest": prepared.plan.digest, "warnings": prepared.plan.warnings}),
    };
    timeline::add_event(&mut tx, read.id, &event, now).await?;
    let entry = AuditEntry {
        actor: who.to_owned(),
        action: "deployment.change",
        subject: read.id.to_string(),
        environment: Some(read.environment.clone()),
        reason: request
            .override_quarantine
            .clone()
            .or_else(|| request.reason.clone()),
        details: serde_json::json!({
            "from_plan_digest": read.plan_digest, "plan_digest": prepared.plan.digest, "revision": prepared.revision,
            "override_quarantine": request.override_quarantine.is_some(),
        }),
    };
    audit::record(&mut tx, entry).await?;
    wake(&mut tx, read.id, now).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_sets_removes_and_goes_into_objects() {
        // RFC 7396, appendix A, in parts.
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, &patch);
            assert_eq!(merged, result, "{target} {patch}");
        }
    }
}
