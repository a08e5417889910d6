//! Say everything there is to say about a definition that nobody registers: the language, rules, a rule set; and mend it if asked.

use super::model::{Diagnostic, MachineType, Rule, Written};
use crate::app::App;
use crate::db::DbError;
use crate::environments::{EnvironmentName, UnknownEnvironment};
use crate::policies::{self, Exemption, InvalidRule, RuleSet};

/// What to look at, and by which rules.
#[derive(Debug)]
pub(super) struct Assess {
    pub(super) definition: Written,
    pub(super) kind: MachineType,
    /// Rules besides those of rule sets.
    pub(super) rules: Vec<Rule>,
    /// A rule set to apply.
    pub(super) rule_set: Option<String>,
    /// Apply what this environment demands.
    pub(super) environment: Option<EnvironmentName>,
    /// Whose exemptions count.
    pub(super) template: Option<String>,
    /// Apply fixes that are at least this sure.
    pub(super) fix: Option<asl::Confidence>,
}

/// What there is to say.
#[derive(Debug)]
pub(super) struct Assessed {
    pub(super) diagnostics: Vec<Diagnostic>,
    /// After the fixes, where some were asked for.
    pub(super) mended: Option<Mended>,
}

/// A definition after its fixes.
#[derive(Debug)]
pub(super) struct Mended {
    pub(super) fixed: asl::fixes::Fixed,
    /// What is left to say.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Why it can't be said.
#[derive(Debug, thiserror::Error)]
pub(super) enum AssessError {
    /// Rules that can't be used.
    #[error("some rules can't be used")]
    Rules(Vec<InvalidRule>),
    /// No such rule set.
    #[error("there is no rule set `{0}`")]
    UnknownRuleSet(String),
    /// Both a rule set and an environment, which may demand another one.
    #[error("`policy_set` and `against_env` both name a rule set; give one of them")]
    TwoRuleSets,
    /// No such environment.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// The thread that looked died: a fault of this program.
    #[error("the validation did not finish")]
    Died(#[source] tokio::task::JoinError),
    /// The database failed.
    #[error("the rule set could not be read")]
    Database(#[from] DbError),
}

/// Looks at it. Writes nothing.
pub(super) async fn assess(app: &App, command: Assess) -> Result<Assessed, AssessError> {
    if command.rule_set.is_some() && command.environment.is_some() {
        return Err(AssessError::TwoRuleSets);
    }
    let demanded = match &command.environment {
        Some(environment) => app.environments.target(environment)?.policies.rule_set.clone(),
        None => command.rule_set,
    };
    let set = match demanded {
        Some(name) => {
            let saved = policies::rule_set(app, &name)
                .await?
                .ok_or(AssessError::UnknownRuleSet(name))?;
            saved.body
        }
        None => RuleSet::default(),
    };
    let exemptions = match &command.template {
        Some(template) => {
            let environment = command.environment.as_ref().map(EnvironmentName::as_str);
            policies::active_exemptions(app, template, environment).await?
        }
        None => Vec::new(),
    };
    let look = Look {
        kind: command.kind,
        rules: set.rules.iter().chain(&command.rules).cloned().collect(),
        set,
        exemptions,
        now: app.clock.now(),
    };
    let (definition, fix) = (command.definition, command.fix);
    tokio::task::spawn_blocking(move || look.at(definition.into_text(), fix))
        .await
        .map_err(AssessError::Died)?
        .map_err(AssessError::Rules)
}

/// What is looked for, apart from the definition.
struct Look {
    kind: MachineType,
    rules: Vec<Rule>,
    set: RuleSet,
    exemptions: Vec<Exemption>,
    now: chrono::DateTime<chrono::Utc>,
}

impl Look {
    fn at(&self, text: String, fix: Option<asl::Confidence>) -> Result<Assessed, Vec<InvalidRule>> {
        let diagnostics = self.diagnostics(&text)?;
        let mended = match fix {
            Some(least) => {
                let kind = match self.kind {
                    MachineType::Standard => asl::MachineKind::Standard,
                    MachineType::Express => asl::MachineKind::Express,
                };
                let fixed = asl::fixes::fix(&text, &kind.into(), least);
                let diagnostics = self.diagnostics(&fixed.text)?;
                Some(Mended { fixed, diagnostics })
            }
            None => None,
        };
        Ok(Assessed { diagnostics, mended })
    }

    fn diagnostics(&self, text: &str) -> Result<Vec<Diagnostic>, Vec<InvalidRule>> {
        let (found, _) = policies::examine(text, self.kind, &self.rules, Some(self.now))?;
        Ok(policies::apply(&self.set, &self.exemptions, found, self.now))
    }
}
