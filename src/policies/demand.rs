//! Ask whether a template may go to an environment: does it keep the rule set that the environment names?

use super::limits;
use super::model::{Diagnostic, RuleSet, Severity};
use super::plan::{apply, examine, keeps};
use super::rules::InvalidRule;
use super::store;
use crate::app::App;
use crate::db::DbError;
use crate::environments::Target;
use crate::step_functions::MachineType;

/// What is to go to an environment.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'d> {
    /// The template's name.
    pub template: &'d str,
    /// What it runs as.
    pub kind: MachineType,
    /// The definition as it is published.
    pub published: &'d str,
}

/// What refuses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The template.
    pub template: String,
    /// Where it was to go.
    pub environment: String,
    /// What that demands.
    pub rule_set: String,
    /// What is broken: errors only.
    pub broken: Vec<Diagnostic>,
}

/// Why it may not go there.
#[derive(Debug, thiserror::Error)]
pub enum DemandError {
    /// It breaks the rule set.
    #[error("`{}` does not keep the rule set `{}` that `{}` demands", .0.template, .0.rule_set, .0.environment)]
    Broken(Box<Refusal>),
    /// The rule set does not exist.
    #[error("`{environment}` demands the rule set `{rule_set}`, which does not exist")]
    Missing {
        /// The environment.
        environment: String,
        /// What it names.
        rule_set: String,
    },
    /// A saved rule does not compile any more: the program was changed since.
    #[error("the rule set `{rule_set}` has a rule that can't be used: {reason}")]
    Unusable {
        /// The rule set.
        rule_set: String,
        /// Which and why.
        reason: String,
    },
    /// The thread that evaluated it died: a fault of this program.
    #[error("the rule set was not evaluated to its end")]
    Died(#[source] tokio::task::JoinError),
    /// The database failed.
    #[error("the rule set could not be read")]
    Database(#[from] DbError),
}

/// `Ok` if the environment demands nothing, or what it demands is kept.
pub async fn demand(app: &App, target: &Target, what: Demand<'_>) -> Result<(), DemandError> {
    let Some(name) = &target.policies.rule_set else {
        return Ok(());
    };
    let environment = target.name.as_str();
    let mut conn = app.db.connection().await?;
    let set = store::load(&mut conn, name)
        .await?
        .ok_or_else(|| DemandError::Missing {
            environment: environment.to_owned(),
            rule_set: name.clone(),
        })?;
    let now = app.clock.now();
    let exemptions = store::active_exemptions(
        &mut conn,
        what.template,
        Some(environment),
        now,
        limits::EXEMPTIONS_MAX,
    )
    .await?;
    drop(conn);
    let broken: Vec<Diagnostic> = judge(what, set.body, exemptions, now)
        .await?
        .map_err(|rules| DemandError::Unusable {
            rule_set: name.clone(),
            reason: rules.first().map_or_else(String::new, ToString::to_string),
        })?
        .into_iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .collect();
    if keeps(&broken) {
        return Ok(());
    }
    Err(DemandError::Broken(Box::new(Refusal {
        template: what.template.to_owned(),
        environment: environment.to_owned(),
        rule_set: name.clone(),
        broken,
    })))
}

/// Off the async threads: rules take their time.
async fn judge(
    what: Demand<'_>,
    set: RuleSet,
    exemptions: Vec<super::model::Exemption>,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Result<Vec<Diagnostic>, Vec<InvalidRule>>, DemandError> {
    let (text, kind) = (what.published.to_owned(), what.kind);
    tokio::task::spawn_blocking(move || {
        let (found, _) = examine(&text, kind, &set.rules, Some(now))?;
        Ok(apply(&set, &exemptions, found, now))
    })
    .await
    .map_err(DemandError::Died)
}
