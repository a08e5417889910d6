//! Judge the registry by a rule set, saved or only drafted, without any effect: who would be refused?

use super::find::{self, Overview};
use super::model::Diagnostic;
use crate::app::App;
use crate::db::DbError;
use crate::policies::{self, Exemption, Fault, RuleSet};

/// Which rule set, over which templates.
#[derive(Debug)]
pub(super) struct Survey {
    /// The saved rule set.
    pub(super) rule_set: String,
    /// This one instead of the saved one.
    pub(super) draft: Option<RuleSet>,
    /// Templates after this name.
    pub(super) after: Option<String>,
    /// Templates at most.
    pub(super) limit: i64,
}

/// What a template's newest revision has to expect.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) template: String,
    pub(super) revision: i32,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Why it can't be said.
#[derive(Debug, thiserror::Error)]
pub(super) enum SurveyError {
    /// No such rule set.
    #[error("there is no rule set `{0}`")]
    UnknownRuleSet(String),
    /// The draft can't be used.
    #[error("the rule set is not valid")]
    Invalid(Vec<Fault>),
    /// The thread that judged died: a fault of this program.
    #[error("the survey did not finish")]
    Died(#[source] tokio::task::JoinError),
    /// The database failed.
    #[error("the registry could not be read")]
    Database(#[from] DbError),
}

/// Judges the newest revision of each template as it is published, by name.
pub(super) async fn survey(app: &App, command: Survey) -> Result<Vec<Found>, SurveyError> {
    let set = match command.draft {
        Some(draft) => draft,
        None => {
            policies::rule_set(app, &command.rule_set)
                .await?
                .ok_or(SurveyError::UnknownRuleSet(command.rule_set))?
                .body
        }
    };
    let overviews = find::list(app, None, command.after.as_deref(), command.limit).await?;
    let mut subjects = Vec::with_capacity(overviews.len());
    for overview in overviews {
        let exemptions = policies::active_exemptions(app, overview.template.name.as_str(), None).await?;
        subjects.push((overview, exemptions));
    }
    let now = app.clock.now();
    tokio::task::spawn_blocking(move || {
        let found = policies::faults(&set);
        if !found.is_empty() {
            return Err(SurveyError::Invalid(found));
        }
        Ok(subjects
            .into_iter()
            .map(|(overview, exemptions)| judge(overview, &exemptions, &set, now))
            .collect())
    })
    .await
    .map_err(SurveyError::Died)?
}

fn judge(
    overview: Overview,
    exemptions: &[Exemption],
    set: &RuleSet,
    now: chrono::DateTime<chrono::Utc>,
) -> Found {
    let found = policies::examine(
        &overview.revision.published,
        overview.template.kind,
        &set.rules,
        Some(now),
    );
    // The rules were compiled a moment ago.
    let (diagnostics, _) = found.unwrap_or_default();
    Found {
        template: overview.template.name.to_string(),
        revision: overview.revision.revision,
        diagnostics: policies::apply(set, exemptions, diagnostics, now),
    }
}
