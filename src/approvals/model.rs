//! The shapes of gates and their approvals.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::config::Role;
use crate::ids::ApprovalId;

/// What has to be agreed before something goes on. The default is one approver who neither asked for it nor wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// When it is asked.
    #[serde(default)]
    pub when: GateMoment,
    /// Levels, each asked after the one before agreed; at least one.
    #[serde(default = "one_default_level")]
    pub levels: Vec<Level>,
    /// Seconds until it expires, counted anew for each digest; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_seconds: Option<u64>,
    /// What happens then.
    #[serde(default)]
    pub on_expire: OnExpire,
    /// Who is asked besides after an escalation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate_to: Vec<Approver>,
    /// Seconds after the opening at which whoever is asked is reminded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reminder_seconds: Vec<u64>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            when: GateMoment::default(),
            levels: one_default_level(),
            expires_seconds: None,
            on_expire: OnExpire::default(),
            escalate_to: Vec::new(),
            reminder_seconds: Vec::new(),
        }
    }
}

fn one_default_level() -> Vec<Level> {
    vec![Level::default()]
}

/// When a deployment asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateMoment {
    /// After the tests, before the new version gets any traffic.
    #[default]
    BeforeTraffic,
    /// Before the step that gives the new version all traffic.
    BeforeFullTraffic,
}

impl GateMoment {
    /// Its name as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeforeTraffic => "before_traffic",
            Self::BeforeFullTraffic => "before_full_traffic",
        }
    }
}

/// One level of a gate: `need` different people out of `approvers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Who may decide: names of callers, `group:NAME`, `role:NAME`.
    #[serde(default = "any_approver")]
    pub approvers: Vec<Approver>,
    /// How many different people have to approve. One rejection rejects.
    #[serde(default = "one")]
    pub need: u32,
    /// Who may not, although listed.
    #[serde(default = "four_eyes")]
    pub exclude: Vec<Exclusion>,
}

impl Default for Level {
    fn default() -> Self {
        Self {
            approvers: any_approver(),
            need: one(),
            exclude: four_eyes(),
        }
    }
}

fn any_approver() -> Vec<Approver> {
    vec![Approver::Role(Role::Approver)]
}

fn one() -> u32 {
    1
}

fn four_eyes() -> Vec<Exclusion> {
    vec![Exclusion::Author, Exclusion::Requester]
}

/// One term of the list of people who may decide.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Approver {
    /// `alice`.
    Name(String),
    /// `group:payments`, from the configuration.
    Group(String),
    /// `role:approver`; admins have every role.
    Role(Role),
}

/// A text that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is neither a name, nor `group:NAME`, nor `role:` with viewer, operator, deployer, approver or admin"
)]
pub struct InvalidApprover {
    text: String,
}

impl TryFrom<String> for Approver {
    type Error = InvalidApprover;

    fn try_from(text: String) -> Result<Self, InvalidApprover> {
        let known = match text.split_once(':') {
            None if !text.is_empty() => Some(Self::Name(text.clone())),
            Some(("group", name)) if !name.is_empty() => Some(Self::Group(name.to_owned())),
            Some(("role", name)) => [
                Role::Viewer,
                Role::Operator,
                Role::Deployer,
                Role::Approver,
                Role::Admin,
            ]
            .into_iter()
            .find(|role| role.as_str() == name)
            .map(Self::Role),
            None | Some(_) => None,
        };
        known.ok_or(InvalidApprover { text })
    }
}

impl From<Approver> for String {
    fn from(approver: Approver) -> Self {
        approver.to_string()
    }
}

impl std::fmt::Display for Approver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Role(role) => write!(f, "role:{}", role.as_str()),
        }
    }
}

impl utoipa::PartialSchema for Approver {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A caller's name, `group:NAME` or `role:NAME`"))
            .into()
    }
}

impl ToSchema for Approver {
    fn name() -> std::borrow::Cow<'static, str> {
        "Approver".into()
    }
}

/// Who may not decide, although listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// Who wrote what is to be approved.
    Author,
    /// Who asked for it.
    Requester,
    /// Who decided at an earlier level.
    PreviousLevel,
}

/// What happens when a gate expires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExpire {
    /// It counts as rejected.
    #[default]
    Reject,
    /// `escalate_to` is asked too, once, for as long again; after that it counts as rejected.
    Escalate,
}

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ApprovalState {
    /// People are being asked.
    Pending,
    /// Every level agreed, to exactly this digest.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody said enough in time.
    Expired,
    /// It is not asked any more.
    Cancelled,
}

impl ApprovalState {
    /// Its name as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Vote {
    /// Yes, to this digest.
    Approve,
    /// No.
    Reject,
}

/// Which way a decision came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Via {
    /// With a key.
    Api,
    /// By a personal signed link.
    Link,
    /// By a button or a command in Slack.
    Slack,
}

/// A gate to be asked, for [`super::ask`].
#[derive(Debug, Clone)]
pub struct Question {
    /// What waits for the answer: a deployment's or release's id.
    pub subject: String,
    /// Which of its gates: unique per subject, such as `before_traffic`.
    pub gate_name: String,
    /// The template, for people.
    pub template: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// One line for people: what they are asked.
    pub title: String,
    /// Who asked for it.
    pub requester: String,
    /// Who wrote what is to be approved.
    pub authors: Vec<String>,
    /// The rules.
    pub gate: Gate,
    /// What would be done, shown to approvers. Its digest is what they agree to.
    pub plan: Value,
    /// The job to wake when the answer is there.
    pub wake: Option<Wake>,
}

/// A waiting job, by its kind and unique key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// `Job::KIND`.
    pub kind: &'static str,
    /// Its unique key.
    pub key: String,
}

/// How a gate stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Standing {
    /// The approval.
    pub id: ApprovalId,
    /// Which gate of the subject.
    pub gate: String,
    /// Where it stands.
    pub state: ApprovalState,
    /// The digest it stands for.
    pub digest: String,
    /// Why it was closed, where somebody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An approval as it stands in the database.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Approval {
    pub(super) id: ApprovalId,
    pub(super) subject: String,
    pub(super) gate: String,
    pub(super) template: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) title: String,
    pub(super) requester: String,
    pub(super) authors: Vec<String>,
    #[sqlx(json)]
    pub(super) rules: Gate,
    pub(super) digest: String,
    pub(super) plan: Value,
    pub(super) round: i32,
    pub(super) level: i32,
    pub(super) state: ApprovalState,
    pub(super) escalated: bool,
    pub(super) wake_kind: Option<String>,
    pub(super) wake_key: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) closed_at: Option<DateTime<Utc>>,
    pub(super) closed_reason: Option<String>,
}

impl Standing {
    pub(super) fn of(approval: &Approval) -> Self {
        Self {
            id: approval.id,
            gate: approval.gate.clone(),
            state: approval.state,
            digest: approval.digest.clone(),
            reason: approval.closed_reason.clone(),
        }
    }
}

/// A decision as it stands in the database.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
#[expect(clippy::struct_field_names, reason = "the names of the columns")]
pub(super) struct Decision {
    pub(super) round: i32,
    pub(super) level: i32,
    pub(super) digest: String,
    pub(super) person: String,
    pub(super) on_behalf: Option<String>,
    pub(super) decision: Vote,
    pub(super) comment: Option<String>,
    pub(super) via: Via,
    pub(super) at: DateTime<Utc>,
}

/// A right to decide handed on.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Delegation {
    pub(super) from_name: String,
    pub(super) to_name: String,
    pub(super) at: DateTime<Utc>,
}
