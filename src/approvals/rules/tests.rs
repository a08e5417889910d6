//! The rules of gates, by example and by property.

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::Value;

use super::super::model::Via;
use super::*;
use crate::ids::ApprovalId;

fn caller(name: &str, roles: &[Role]) -> Caller {
    Caller {
        name: name.to_owned(),
        roles: roles.to_vec(),
    }
}

fn approver(name: &str) -> Caller {
    caller(name, &[Role::Approver])
}

fn level(need: u32, exclude: &[Exclusion]) -> Level {
    Level {
        need,
        exclude: exclude.to_vec(),
        ..Level::default()
    }
}

fn facts(gate: Gate) -> Facts {
    let approval = Approval {
        id: ApprovalId::generate(),
        subject: "dep_1".to_owned(),
        gate: "before_traffic".to_owned(),
        template: None,
        environment: None,
        title: "Deploy".to_owned(),
        requester: "requester".to_owned(),
        authors: vec!["author".to_owned()],
        rules: gate,
        digest: "sha256:1".to_owned(),
        plan: Value::Null,
        round: 1,
        level: 0,
        state: ApprovalState::Pending,
        escalated: false,
        wake_kind: None,
        wake_key: None,
        created_at: DateTime::UNIX_EPOCH,
        expires_at: None,
        closed_at: None,
        closed_reason: None,
    };
    Facts {
        approval,
        decisions: Vec::new(),
        delegations: Vec::new(),
    }
}

/// Lets `who` vote and applies what follows, as the verbs do.
fn vote(facts: &mut Facts, who: &Caller, vote: Vote) -> Result<Verdict, Refusal> {
    let on_behalf = may_decide(facts, &Groups::new(), who)?;
    let verdict = decide(facts, &facts.approval.digest.clone(), vote)?;
    let approval = &mut facts.approval;
    facts.decisions.push(Decision {
        round: approval.round,
        level: approval.level,
        digest: approval.digest.clone(),
        person: who.name.clone(),
        on_behalf,
        decision: vote,
        comment: None,
        via: Via::Api,
        at: DateTime::UNIX_EPOCH,
    });
    match &verdict {
        Verdict::Counted => {}
        Verdict::NextLevel(next) => approval.level = *next,
        Verdict::Approved => approval.state = ApprovalState::Approved,
        Verdict::Rejected => approval.state = ApprovalState::Rejected,
    }
    Ok(verdict)
}

#[test]
fn who_asks_and_who_wrote_do_not_approve() {
    let mut gate = facts(Gate::default());
    assert!(matches!(
        vote(&mut gate, &approver("requester"), Vote::Approve),
        Err(Refusal::Excluded { .. })
    ));
    assert!(matches!(
        vote(&mut gate, &approver("author"), Vote::Approve),
        Err(Refusal::Excluded { .. })
    ));
    assert_eq!(
        vote(&mut gate, &approver("bob"), Vote::Approve),
        Ok(Verdict::Approved)
    );
}

#[test]
fn an_admin_is_excluded_like_anybody() {
    let mut gate = facts(Gate::default());
    let admin = caller("requester", &[Role::Admin]);
    assert!(matches!(
        vote(&mut gate, &admin, Vote::Approve),
        Err(Refusal::Excluded { .. })
    ));
}

#[test]
fn levels_go_in_order_and_may_want_new_people() {
    let second = level(1, &[Exclusion::PreviousLevel]);
    let mut gate = facts(Gate {
        levels: vec![level(1, &[]), second],
        ..Gate::default()
    });
    assert_eq!(
        vote(&mut gate, &approver("bob"), Vote::Approve),
        Ok(Verdict::NextLevel(1))
    );
    assert!(matches!(
        vote(&mut gate, &approver("bob"), Vote::Approve),
        Err(Refusal::Excluded { .. })
    ));
    assert_eq!(
        vote(&mut gate, &approver("carol"), Vote::Approve),
        Ok(Verdict::Approved)
    );
    assert_eq!(
        vote(&mut gate, &approver("dave"), Vote::Approve),
        Err(Refusal::Closed(ApprovalState::Approved))
    );
}

#[test]
fn a_decision_about_another_digest_is_refused() {
    let gate = facts(Gate::default());
    assert!(matches!(
        decide(&gate, "sha256:0", Vote::Approve),
        Err(Refusal::DigestChanged { .. })
    ));
}

#[test]
fn a_delegate_decides_for_one_person_and_never_brings_in_the_excluded() {
    let named = Level {
        approvers: vec![Approver::Name("bob".to_owned())],
        ..Level::default()
    };
    let mut gate = facts(Gate {
        levels: vec![named],
        ..Gate::default()
    });
    assert!(matches!(
        may_take_over(&gate, "requester"),
        Err(Refusal::Excluded { .. })
    ));
    assert!(matches!(
        vote(&mut gate, &approver("carol"), Vote::Approve),
        Err(Refusal::NotAsked { .. })
    ));
    gate.delegations.push(Delegation {
        from_name: "bob".to_owned(),
        to_name: "carol".to_owned(),
        at: DateTime::UNIX_EPOCH,
    });
    assert_eq!(
        may_decide(&gate, &Groups::new(), &approver("carol")),
        Ok(Some("bob".to_owned()))
    );
    assert_eq!(
        vote(&mut gate, &approver("carol"), Vote::Approve),
        Ok(Verdict::Approved)
    );
}

#[test]
fn a_right_used_by_the_delegate_is_used_up() {
    let named = Level {
        approvers: vec![
            Approver::Name("bob".to_owned()),
            Approver::Name("dora".to_owned()),
        ],
        need: 2,
        ..Level::default()
    };
    let mut gate = facts(Gate {
        levels: vec![named],
        ..Gate::default()
    });
    gate.delegations.push(Delegation {
        from_name: "bob".to_owned(),
        to_name: "carol".to_owned(),
        at: DateTime::UNIX_EPOCH,
    });
    assert_eq!(
        vote(&mut gate, &approver("carol"), Vote::Approve),
        Ok(Verdict::Counted)
    );
    assert!(matches!(
        vote(&mut gate, &approver("bob"), Vote::Approve),
        Err(Refusal::Already { .. })
    ));
    assert_eq!(
        vote(&mut gate, &approver("dora"), Vote::Approve),
        Ok(Verdict::Approved)
    );
}

#[test]
fn anonymous_passes_only_a_gate_that_needs_nobody_else() {
    let mut closed = facts(Gate::default());
    assert_eq!(
        vote(&mut closed, &Caller::anonymous(), Vote::Approve),
        Err(Refusal::Anonymous)
    );
    let mut open = facts(Gate {
        levels: vec![level(1, &[])],
        ..Gate::default()
    });
    assert_eq!(
        vote(&mut open, &Caller::anonymous(), Vote::Approve),
        Ok(Verdict::Approved)
    );
}

#[test]
fn a_gate_that_nobody_can_pass_is_told_beforehand() {
    let groups = Groups::new();
    let anonymous = [Caller::anonymous()];
    let told = obstacles(&Gate::default(), "anonymous", &[], &groups, &anonymous);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("no access keys are configured"), "{}", told[0]);
    let alone = [caller("requester", &[Role::Admin])];
    assert_eq!(
        obstacles(&Gate::default(), "requester", &[], &groups, &alone).len(),
        1
    );
    let two = [caller("requester", &[Role::Admin]), approver("bob")];
    assert_eq!(
        obstacles(&Gate::default(), "requester", &[], &groups, &two),
        Vec::<String>::new()
    );
    let viewer = [
        caller("requester", &[Role::Admin]),
        caller("bob", &[Role::Viewer]),
    ];
    let names_bob = Level {
        approvers: vec![Approver::Name("bob".to_owned())],
        ..Level::default()
    };
    let gate = Gate {
        levels: vec![names_bob],
        ..Gate::default()
    };
    assert_eq!(obstacles(&gate, "requester", &[], &groups, &viewer).len(), 1);
}

#[test]
fn an_escalation_asks_more_people_once() {
    let mut gate = facts(Gate {
        levels: vec![Level {
            approvers: vec![Approver::Name("bob".to_owned())],
            ..Level::default()
        }],
        expires_seconds: Some(60),
        on_expire: OnExpire::Escalate,
        escalate_to: vec![Approver::Name("boss".to_owned())],
        ..Gate::default()
    });
    assert!(vote(&mut gate, &approver("boss"), Vote::Approve).is_err());
    assert_eq!(expire(&gate.approval), Expiry::Escalate);
    gate.approval.escalated = true;
    assert_eq!(expire(&gate.approval), Expiry::Close);
    assert_eq!(
        vote(&mut gate, &approver("boss"), Vote::Approve),
        Ok(Verdict::Approved)
    );
}

#[test]
fn faults_of_a_gate_are_named_by_place() {
    let gate = Gate {
        levels: vec![Level {
            approvers: vec![Approver::Group("ghosts".to_owned())],
            need: 0,
            ..Level::default()
        }],
        on_expire: OnExpire::Escalate,
        ..Gate::default()
    };
    let places: Vec<_> = gate_faults(&gate, &Groups::new())
        .into_iter()
        .map(|(place, _)| place)
        .collect();
    assert_eq!(places, ["/levels/0/need", "/levels/0/approvers/0", "/on_expire"]);
}

#[test]
fn an_approver_is_written_as_one_word() {
    for text in ["alice", "group:payments", "role:admin"] {
        assert_eq!(Approver::try_from(text.to_owned()).unwrap().to_string(), text);
    }
    for text in ["", "group:", "role:king", "team:x"] {
        assert!(Approver::try_from(text.to_owned()).is_err(), "{text}");
    }
}

const PEOPLE: [&str; 6] = ["requester", "author", "a", "b", "c", "d"];

prop_compose! {
    fn any_level()(need in 1..4_u32, exclude in proptest::sample::subsequence(
        vec![Exclusion::Author, Exclusion::Requester, Exclusion::PreviousLevel], 0..=3)) -> Level {
        level(need, &exclude)
    }
}

proptest! {
    #[test]
    fn an_approved_gate_had_enough_different_people_at_every_level(
        levels in proptest::collection::vec(any_level(), 1..4),
        votes in proptest::collection::vec((0..PEOPLE.len(), proptest::bool::weighted(0.95)), 0..40),
        delegations in proptest::collection::vec((0..PEOPLE.len(), 0..PEOPLE.len()), 0..4),
    ) {
        let mut gate = facts(Gate { levels: levels.clone(), ..Gate::default() });
        gate.delegations = delegations
            .into_iter()
            .filter(|(from, to)| from != to)
            .map(|(from, to)| Delegation {
                from_name: PEOPLE[from].to_owned(),
                to_name: PEOPLE[to].to_owned(),
                at: DateTime::UNIX_EPOCH,
            })
            .collect();
        for (person, yes) in votes {
            let _ = vote(&mut gate, &approver(PEOPLE[person]), if yes { Vote::Approve } else { Vote::Reject });
        }
        let rejected = gate.decisions.iter().any(|decision| decision.decision == Vote::Reject);
        prop_assert_eq!(gate.approval.state == ApprovalState::Rejected, rejected);
        for (index, level) in levels.iter().enumerate() {
            let here: Vec<_> = gate.decisions.iter().filter(|d| usize::try_from(d.level) == Ok(index)).collect();
            let people: BTreeSet<_> = here.iter().map(|d| d.person.as_str()).collect();
            prop_assert_eq!(people.len(), here.len(), "a person decided twice");
            if gate.approval.state == ApprovalState::Approved {
                prop_assert_eq!(here.len(), level.need as usize);
            }
            if level.exclude.contains(&Exclusion::Requester) {
                prop_assert!(!people.contains("requester"));
            }
            if level.exclude.contains(&Exclusion::Author) {
                prop_assert!(!people.contains("author"));
            }
            if level.exclude.contains(&Exclusion::PreviousLevel) {
                let earlier: BTreeSet<_> =
                    gate.decisions.iter().filter(|d| usize::try_from(d.level).is_ok_and(|level| level < index)).map(|d| d.person.as_str()).collect();
                prop_assert!(people.is_disjoint(&earlier));
            }
        }
    }

    #[test]
    fn the_order_of_approvals_at_a_level_does_not_matter(
        order in Just(vec!["a", "b", "c"]).prop_shuffle(), need in 1..4_u32
    ) {
        let mut gate = facts(Gate { levels: vec![level(need, &[Exclusion::Requester])], ..Gate::default() });
        for name in &order {
            let _ = vote(&mut gate, &approver(name), Vote::Approve);
        }
        prop_assert_eq!(gate.approval.state, ApprovalState::Approved);
        prop_assert_eq!(gate.decisions.len(), need as usize);
    }
}
