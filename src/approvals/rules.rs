//! Who may decide, what a decision means, and what a gate lacks. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{
    Approval, ApprovalState, Approver, Decision, Delegation, Exclusion, Gate, Level, OnExpire, Vote,
};
use crate::access::Caller;
use crate::config::Role;

/// Levels of a gate, people a level needs, terms of a list: enough for any organisation, few enough to read.
const LEVELS_MAX: usize = 10;
const NEED_MAX: u32 = 50;
const TERMS_MAX: usize = 100;

/// Longest expiry and reminder, seconds: a year, the longest an execution may run.
const SECONDS_MAX: u64 = 366 * 24 * 3_600;

/// Groups of callers, by name.
pub(super) type Groups = BTreeMap<String, Vec<String>>;

/// An approval with everything that bears on its next decision.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) approval: Approval,
    /// Every round's, oldest first.
    pub(super) decisions: Vec<Decision>,
    pub(super) delegations: Vec<Delegation>,
}

/// Why somebody may not decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is decided already, or not asked any more.
    #[error("the approval is closed: it is {}", .0.as_str())]
    Closed(ApprovalState),
    /// The plan is not the one the caller saw.
    #[error("the plan has changed since: its digest is now `{current}`")]
    DigestChanged {
        /// What is asked about now.
        current: String,
    },
    /// Not on the list of the current level.
    #[error("`{name}` is not asked at this level")]
    NotAsked {
        /// Who tried.
        name: String,
    },
    /// On the list, but excluded.
    #[error("`{name}` may not decide this: {reason}")]
    Excluded {
        /// Who tried.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// Everybody is `anonymous`, and the gate wants somebody else.
    #[error(
        "the gate needs another person, and without keys every caller is `anonymous`; configure `access.keys`"
    )]
    Anonymous,
    /// A person decides once per level.
    #[error("`{name}` has decided already at this level")]
    Already {
        /// Who, or on whose behalf.
        name: String,
    },
}

/// What a decision leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts; more are needed at this level.
    Counted,
    /// The level agreed; the next one is asked.
    NextLevel(i32),
    /// Every level agreed.
    Approved,
    /// Somebody said no.
    Rejected,
}

/// What happens to a pending approval whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// More people are asked, for as long again.
    Escalate,
    /// It is closed as expired.
    Close,
}

/// Whether `who` may decide now, and on whose behalf (`None`: their own).
pub(super) fn may_decide(facts: &Facts, groups: &Groups, who: &Caller) -> Result<Option<String>, Refusal> {
    if facts.approval.state != ApprovalState::Pending {
        return Err(Refusal::Closed(facts.approval.state));
    }
    let Some(level) = current_level(&facts.approval) else {
        return Err(Refusal::NotAsked {
            name: who.name.clone(),
        });
    };
    if who.is_anonymous() && needs_another_person(level) {
        return Err(Refusal::Anonymous);
    }
    if let Some(reason) = exclusion(facts, level, &who.name) {
        return Err(Refusal::Excluded {
            name: who.name.clone(),
            reason,
        });
    }
    if decided_here(facts).any(|decision| decision.person == who.name) {
        return Err(Refusal::Already {
            name: who.name.clone(),
        });
    }
    if is_asked(&facts.approval, level, groups, &who.name, |role| who.has(role)) {
        if let Some(taken) = decided_here(facts).find(|d| d.on_behalf.as_deref() == Some(&who.name)) {
            return Err(Refusal::Already {
                name: taken.person.clone(),
            });
        }
        return Ok(None);
    }
    let principal = facts
        .delegations
        .iter()
        .filter(|delegation| delegation.to_name == who.name)
        .map(|delegation| &delegation.from_name)
        .find(|from| {
            exclusion(facts, level, from).is_none()
                && !decided_here(facts).any(|d| d.person == **from || d.on_behalf.as_ref() == Some(from))
        });
    match principal {
        Some(principal) => Ok(Some(principal.clone())),
        None => Err(Refusal::NotAsked {
            name: who.name.clone(),
        }),
    }
}

/// What the decision of somebody who may decide leads to.
pub(super) fn decide(facts: &Facts, digest: &str, vote: Vote) -> Result<Verdict, Refusal> {
    let approval = &facts.approval;
    if approval.state != ApprovalState::Pending {
        return Err(Refusal::Closed(approval.state));
    }
    if digest != approval.digest {
        return Err(Refusal::DigestChanged {
            current: approval.digest.clone(),
        });
    }
    if vote == Vote::Reject {
        return Ok(Verdict::Rejected);
    }
    let have = decided_here(facts)
        .filter(|decision| decision.decision == Vote::Approve)
        .count()
        + 1;
    let need = current_level(approval).map_or(1, |level| level.need);
    if have < need as usize {
        return Ok(Verdict::Counted);
    }
    let next = approval.level + 1;
    let levels = i32::try_from(approval.rules.levels.len()).unwrap_or(i32::MAX);
    Ok(if next < levels {
        Verdict::NextLevel(next)
    } else {
        Verdict::Approved
    })
}

/// Whether `to` may take over the right of `from` (who may decide): the excluded can't come in by that door.
pub(super) fn may_take_over(facts: &Facts, to: &str) -> Result<(), Refusal> {
    let Some(level) = current_level(&facts.approval) else {
        return Err(Refusal::NotAsked { name: to.to_owned() });
    };
    if let Some(reason) = exclusion(facts, level, to) {
        return Err(Refusal::Excluded {
            name: to.to_owned(),
            reason,
        });
    }
    if decided_here(facts).any(|decision| decision.person == to) {
        return Err(Refusal::Already { name: to.to_owned() });
    }
    Ok(())
}

/// What becomes of an approval whose time is over.
pub(super) fn expire(approval: &Approval) -> Expiry {
    match approval.rules.on_expire {
        OnExpire::Escalate if !approval.escalated && !approval.rules.escalate_to.is_empty() => {
            Expiry::Escalate
        }
        OnExpire::Escalate | OnExpire::Reject => Expiry::Close,
    }
}

/// Terms whose bearers may decide at the current level, and names that may not: what the inbox searches by.
pub(super) fn inbox(facts: &Facts) -> (Vec<String>, Vec<String>) {
    let Some(level) = current_level(&facts.approval) else {
        return (Vec::new(), Vec::new());
    };
    let escalated = facts
        .approval
        .rules
        .escalate_to
        .iter()
        .filter(|_| facts.approval.escalated);
    let mut open_to: Vec<String> = level
        .approvers
        .iter()
        .chain(escalated)
        .map(ToString::to_string)
        .collect();
    open_to.extend(
        facts
            .delegations
            .iter()
            .map(|delegation| delegation.to_name.clone()),
    );
    let mut shut_to: BTreeSet<String> = excluded_names(facts, level)
        .map(|(name, _)| name.to_owned())
        .collect();
    shut_to.extend(decided_here(facts).map(|decision| decision.person.clone()));
    (open_to, shut_to.into_iter().collect())
}

/// The terms a caller bears: their name, groups and roles.
pub(super) fn terms(groups: &Groups, who: &Caller) -> Vec<String> {
    let all = [
        Role::Viewer,
        Role::Operator,
        Role::Deployer,
        Role::Approver,
        Role::Admin,
    ];
    let roles = all
        .into_iter()
        .filter(|role| who.has(*role))
        .map(|role| Approver::Role(role).to_string());
    let groups = groups
        .iter()
        .filter(|(_, members)| members.contains(&who.name))
        .map(|(name, _)| Approver::Group(name.clone()).to_string());
    std::iter::once(who.name.clone())
        .chain(groups)
        .chain(roles)
        .collect()
}

/// What is wrong with a gate as written: field and fault.
pub fn gate_faults(gate: &Gate, groups: &BTreeMap<String, Vec<String>>) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    if gate.levels.is_empty() || gate.levels.len() > LEVELS_MAX {
        faults.push((
            "/levels".to_owned(),
            format!("a gate has 1 to {LEVELS_MAX} levels"),
        ));
    }
    for (index, level) in gate.levels.iter().enumerate() {
        if level.need == 0 || level.need > NEED_MAX {
            faults.push((
                format!("/levels/{index}/need"),
                format!("`need` is 1 to {NEED_MAX}"),
            ));
        }
        if level.approvers.is_empty() || level.approvers.len() > TERMS_MAX {
            faults.push((
                format!("/levels/{index}/approvers"),
                format!("a level asks 1 to {TERMS_MAX} terms"),
            ));
        }
        unknown_groups(
            &level.approvers,
            groups,
            &format!("/levels/{index}/approvers"),
            &mut faults,
        );
    }
    unknown_groups(&gate.escalate_to, groups, "/escalate_to", &mut faults);
    if gate.on_expire == OnExpire::Escalate && (gate.escalate_to.is_empty() || gate.expires_seconds.is_none())
    {
        let fault = "`on_expire: escalate` needs `escalate_to` and `expires_seconds`";
        faults.push(("/on_expire".to_owned(), fault.to_owned()));
    }
    let times = gate.reminder_seconds.iter().chain(&gate.expires_seconds);
    if gate.reminder_seconds.len() > TERMS_MAX
        || times
            .clone()
            .any(|seconds| *seconds == 0 || *seconds > SECONDS_MAX)
    {
        faults.push((
            String::new(),
            format!("times of a gate are 1 to {SECONDS_MAX} seconds, at most {TERMS_MAX} of them"),
        ));
    }
    faults
}

fn unknown_groups(terms: &[Approver], groups: &Groups, pointer: &str, faults: &mut Vec<(String, String)>) {
    for (index, term) in terms.iter().enumerate() {
        if let Approver::Group(name) = term
            && !groups.contains_key(name)
        {
            faults.push((
                format!("{pointer}/{index}"),
                format!("there is no group `{name}` in `approvals.groups`"),
            ));
        }
    }
}

/// Why a gate could never be passed as things are: one sentence per level that lacks people. `people` are all callers
/// that are known, each with roles; the one named `anonymous` stands for everybody when no keys are configured.
pub(super) fn obstacles(
    gate: &Gate,
    requester: &str,
    authors: &[String],
    groups: &Groups,
    people: &[Caller],
) -> Vec<String> {
    let mut found = Vec::new();
    for (index, level) in gate.levels.iter().enumerate() {
        let may = people.iter().filter(|person| {
            let excluded = level.exclude.iter().any(|exclusion| match exclusion {
                Exclusion::Requester => person.name == requester,
                Exclusion::Author => authors.contains(&person.name),
                Exclusion::PreviousLevel => false,
            });
            let asked = level
                .approvers
                .iter()
                .any(|term| bears(term, groups, &person.name, |role| person.has(role)));
            let known = !person.is_anonymous() || !needs_another_person(level);
            asked && known && !excluded && person.has(Role::Approver)
        });
        let may = may.count();
        if may >= level.need as usize {
            continue;
        }
        let anonymous = people.iter().all(Caller::is_anonymous);
        let why = if anonymous {
            "no access keys are configured, so every caller is `anonymous` and nobody counts as another person"
        } else {
            "of the callers known here, too few are listed, hold the role `approver` and are not excluded"
        };
        found.push(format!(
            "level {} of the gate needs {} and {may} could approve: {why}",
            index + 1,
            if level.need == 1 {
                "another person".to_owned()
            } else {
                format!("{} people", level.need)
            },
        ));
    }
    found
}

fn current_level(approval: &Approval) -> Option<&Level> {
    usize::try_from(approval.level)
        .ok()
        .and_then(|level| approval.rules.levels.get(level))
}

/// Whether one anonymous caller can't be enough.
fn needs_another_person(level: &Level) -> bool {
    !level.exclude.is_empty() || level.need > 1
}

/// Decisions of this round and level.
fn decided_here(facts: &Facts) -> impl Iterator<Item = &Decision> {
    let (round, level) = (facts.approval.round, facts.approval.level);
    facts
        .decisions
        .iter()
        .filter(move |decision| decision.round == round && decision.level == level)
}

fn is_asked(
    approval: &Approval,
    level: &Level,
    groups: &Groups,
    name: &str,
    has_role: impl Fn(Role) -> bool,
) -> bool {
    let escalated = approval.rules.escalate_to.iter().filter(|_| approval.escalated);
    level
        .approvers
        .iter()
        .chain(escalated)
        .any(|term| bears(term, groups, name, &has_role))
}

fn bears(term: &Approver, groups: &Groups, name: &str, has_role: impl Fn(Role) -> bool) -> bool {
    match term {
        Approver::Name(named) => named == name,
        Approver::Group(group) => groups
            .get(group)
            .is_some_and(|members| members.iter().any(|member| member == name)),
        Approver::Role(role) => has_role(*role),
    }
}

fn exclusion(facts: &Facts, level: &Level, name: &str) -> Option<&'static str> {
    excluded_names(facts, level)
        .find(|(excluded, _)| *excluded == name)
        .map(|(_, reason)| reason)
}

fn excluded_names<'a>(facts: &'a Facts, level: &'a Level) -> impl Iterator<Item = (&'a str, &'static str)> {
    let Approval {
        requester,
        authors,
        round,
        level: at,
        ..
    } = &facts.approval;
    let requester = level
        .exclude
        .contains(&Exclusion::Requester)
        .then_some((requester.as_str(), "who asks for it does not approve it"));
    let authors = authors
        .iter()
        .filter(|_| level.exclude.contains(&Exclusion::Author))
        .map(|author| (author.as_str(), "who wrote it does not approve it"));
    let earlier = facts
        .decisions
        .iter()
        .filter(move |decision| {
            level.exclude.contains(&Exclusion::PreviousLevel)
                && decision.round == *round
                && decision.level < *at
        })
        .flat_map(|decision| {
            [Some(&decision.person), decision.on_behalf.as_ref()]
                .into_iter()
                .flatten()
        })
        .map(|name| {
            (
                name.as_str(),
                "who decided at an earlier level does not decide at this one",
            )
        });
    requester.into_iter().chain(authors).chain(earlier)
}

#[cfg(test)]
mod tests;
