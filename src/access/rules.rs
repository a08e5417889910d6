//! What each role may do, and what each route needs. Pure.

use super::Caller;
use crate::config::Role;

/// What somebody may want to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Look at anything but secrets.
    Read,
    /// Start, stop and redrive executions.
    OperateExecutions,
    /// Hand in, claim and answer human tasks.
    WorkOnTasks,
    /// Pause, abort and take back deployments: what makes things safer.
    HaltDeployments,
    /// Send a delivery or run a dead job again.
    Repair,
    /// Register and remove templates, run tests.
    ChangeTemplates,
    /// Start, promote and resume deployments and releases: what makes things go on.
    Deploy,
    /// Decide gates, delegate, escalate.
    Decide,
    /// Everything else that changes something, and secrets.
    Administer,
}

impl Action {
    /// Every action, for the table in the documentation.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::OperateExecutions,
        Self::WorkOnTasks,
        Self::HaltDeployments,
        Self::Repair,
        Self::ChangeTemplates,
        Self::Deploy,
        Self::Decide,
        Self::Administer,
    ];

    /// The table: the roles of which one is needed. Admins may do everything.
    pub fn roles(self) -> &'static [Role] {
        use Role::{Admin, Approver, Deployer, Operator, Viewer};
        match self {
            Self::Read => &[Viewer, Operator, Deployer, Approver],
            Self::OperateExecutions | Self::HaltDeployments | Self::Repair => &[Operator, Deployer],
            Self::WorkOnTasks => &[Operator, Deployer, Approver],
            Self::ChangeTemplates | Self::Deploy => &[Deployer],
            Self::Decide => &[Approver],
            Self::Administer => &[Admin],
        }
    }

    /// What it is, after "may not".
    fn describe(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::OperateExecutions => "operate executions",
            Self::WorkOnTasks => "work on human tasks",
            Self::HaltDeployments => "pause, abort or roll back deployments",
            Self::Repair => "redeliver or retry",
            Self::ChangeTemplates => "change templates",
            Self::Deploy => "deploy",
            Self::Decide => "decide approvals",
            Self::Administer => "administer",
        }
    }
}

/// A caller may not do this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` may not {what} `{resource}`: that takes the role {roles}")]
pub struct Forbidden {
    name: String,
    what: &'static str,
    resource: String,
    roles: String,
}

/// Whether `caller` may do `action` to `resource` (a route's pattern, an id, a name). The one door: policies finer than
/// roles belong here.
pub fn authorize(caller: &Caller, action: Action, resource: &str) -> Result<(), Forbidden> {
    if action.roles().iter().any(|role| caller.has(*role)) {
        return Ok(());
    }
    let roles: Vec<String> = action
        .roles()
        .iter()
        .map(|role| format!("`{}`", role.as_str()))
        .collect();
    Err(Forbidden {
        name: caller.name.clone(),
        what: action.describe(),
        resource: resource.to_owned(),
        roles: roles.join(" or "),
    })
}

/// What a request needs before its handler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: probes, the API's documentation (a browser can't send a key for it, and it is the same in every installation),
    /// and routes that check a proof of their own.
    Nothing,
    /// The right to read, or to be on this machine: Prometheus scrapes without a key.
    ReadOrLoopback,
    /// A caller who may do this.
    Right(Action),
}

/// What a method on a route (its pattern, as registered) needs. An unknown pattern needs the right to read, and an admin
/// to change anything: a route that is forgotten here is closed, not open.
pub fn needs(method: &str, pattern: &str) -> Need {
    let proves_itself = pattern == "/a/{signed}" || pattern.starts_with("/v1/integrations/slack/");
    let is_the_same_everywhere = matches!(pattern, "/" | "/healthz" | "/readyz" | "/v1/openapi.json")
        || pattern == "/docs"
        || pattern.starts_with("/docs/");
    if proves_itself || (is_the_same_everywhere && matches!(method, "GET" | "HEAD")) {
        return Need::Nothing;
    }
    if pattern == "/metrics" {
        return Need::ReadOrLoopback;
    }
    if pattern.starts_with("/v1/webhook-secrets") {
        return Need::Right(Action::Administer);
    }
    if matches!(method, "GET" | "HEAD" | "OPTIONS") {
        return Need::Right(Action::Read);
    }
    Need::Right(changing(pattern))
}

fn changing(pattern: &str) -> Action {
    let rest = pattern.strip_prefix("/v1/").unwrap_or(pattern);
    let (noun, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let verb = rest.rsplit('/').next().unwrap_or_default();
    match (noun, verb) {
        // Who may decide an approval is the approval's own question; its requester may cancel it.
        ("validations" | "cost-estimates", _) | ("rule-sets", "evaluate") | ("approvals", "cancel") => {
            Action::Read
        }
        ("templates", "executions") | ("executions" | "bulk-operations" | "map-runs" | "dead-letters", _) => {
            Action::OperateExecutions
        }
        ("templates", "rollback") | ("deployments" | "releases", "pause" | "abort" | "rollback") => {
            Action::HaltDeployments
        }
        ("deployments" | "releases" | "strategies" | "analysis-templates", _) => Action::Deploy,
        ("templates", _) if rest.contains("/drift/") => Action::Deploy,
        ("templates" | "test-suites" | "scenarios" | "test-runs" | "debug-sessions" | "imports", _) => {
            Action::ChangeTemplates
        }
        ("approvals" | "exemptions", _) => Action::Decide,
        ("tasks" | "task-intake", _) => Action::WorkOnTasks,
        ("deliveries" | "webhook-deliveries" | "jobs", _) => Action::Repair,
        _ => Action::Administer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(role: Role) -> Caller {
        Caller {
            name: "x".to_owned(),
            roles: vec![role],
        }
    }

    #[test]
    fn nobody_but_an_admin_may_do_everything() {
        for role in [Role::Viewer, Role::Operator, Role::Deployer, Role::Approver] {
            let all = Action::ALL
                .iter()
                .all(|action| authorize(&with(role), *action, "/").is_ok());
            assert!(!all, "{role:?}");
            assert!(authorize(&with(role), Action::Read, "/").is_ok(), "{role:?}");
        }
        assert!(
            Action::ALL
                .iter()
                .all(|action| authorize(&with(Role::Admin), *action, "/").is_ok())
        );
    }

    #[test]
    fn who_deploys_does_not_approve() {
        assert!(authorize(&with(Role::Deployer), Action::Decide, "/").is_err());
        assert!(authorize(&with(Role::Approver), Action::Deploy, "/").is_err());
    }

    #[test]
    fn a_refusal_names_who_what_and_the_roles_that_may() {
        let refused = authorize(&with(Role::Viewer), Action::Deploy, "/v1/deployments").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`x` may not deploy `/v1/deployments`: that takes the role `deployer`"
        );
    }

    #[test]
    fn routes_need_what_they_do() {
        let right = |method, pattern| match needs(method, pattern) {
            Need::Right(action) => action,
            other => panic!("{other:?}"),
        };
        assert_eq!(right("POST", "/v1/templates"), Action::ChangeTemplates);
        assert_eq!(
            right("POST", "/v1/templates/{name}/executions"),
            Action::OperateExecutions
        );
        assert_eq!(
            right("POST", "/v1/executions/{id}/stop"),
            Action::OperateExecutions
        );
        assert_eq!(right("POST", "/v1/deployments"), Action::Deploy);
        assert_eq!(right("POST", "/v1/deployments/{id}/promote"), Action::Deploy);
        assert_eq!(
            right("POST", "/v1/deployments/{id}/rollback"),
            Action::HaltDeployments
        );
        assert_eq!(
            right("POST", "/v1/templates/{name}/environments/{environment}/rollback"),
            Action::HaltDeployments
        );
        assert_eq!(right("POST", "/v1/approvals/{id}/decisions"), Action::Decide);
        assert_eq!(right("POST", "/v1/tasks/{id}/complete"), Action::WorkOnTasks);
        assert_eq!(right("POST", "/v1/validations"), Action::Read);
        assert_eq!(right("PUT", "/v1/rule-sets/{id}"), Action::Administer);
        assert_eq!(right("POST", "/v1/rule-sets/{id}/evaluate"), Action::Read);
        assert_eq!(right("POST", "/v1/exemptions"), Action::Decide);
        assert_eq!(right("GET", "/v1/webhook-secrets"), Action::Administer);
        assert_eq!(needs("GET", "/docs/{*rest}"), Need::Nothing);
        assert_eq!(right("POST", "/docs/{*rest}"), Action::Administer);
        assert_eq!(needs("POST", "/a/{signed}"), Need::Nothing);
        assert_eq!(needs("GET", "/readyz"), Need::Nothing);
        assert_eq!(needs("GET", "/metrics"), Need::ReadOrLoopback);
    }

    #[test]
    fn a_route_that_was_forgotten_is_closed() {
        assert_eq!(
            needs("PUT", "/v1/something-new/{id}"),
            Need::Right(Action::Administer)
        );
        assert_eq!(needs("GET", "/v1/something-new"), Need::Right(Action::Read));
    }
}
