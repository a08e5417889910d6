//! The proofs of [`next_step`], on a simulated alias: every step run twice, a stale call before every step, death after every
//! step, someone else's hand at any time.

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;

use super::super::judge::{OnInsufficientData, Verdict};
use super::super::model::{AliasSeen, Deployment, Pause, PauseReason, Routing, State};
use super::*;

pub(super) mod world;

use world::*;

#[test]
fn a_healthy_canary_takes_its_weights_in_order_and_succeeds() {
    let mut world = World::new(deployment(&[10, 50, 100]));
    world.run(|_| Verdict::Pass, |_, _| {});
    assert_eq!(world.deployment.state, State::Succeeded);
    assert_eq!(weights_of(&world.trail), [0, 10, 50, 100]);
    assert_eq!(world.finished, 1);
}

#[test]
fn a_failing_canary_goes_back_and_no_further_forward() {
    let mut world = World::new(deployment(&[10, 50, 100]));
    world.run(failing_at_half, |_, _| {});
    assert_eq!(world.deployment.state, State::RolledBack);
    assert_eq!(weights_of(&world.trail), [0, 10, 50, 0]);
    assert_eq!(world.deployment.error.as_deref(), Some("it fails"));
}

#[test]
fn every_step_run_twice_gives_the_same_course() {
    let mut world = World::new(deployment(&[10, 50, 100]));
    for _ in 0..5_000 {
        let step = world.decide(&failing_at_half(&world.deployment));
        if step == Step::Rest {
            break;
        }
        world.perform(&step);
        world.perform(&step);
    }
    assert_eq!(world.deployment.state, State::RolledBack);
    assert_eq!(weights_of(&world.trail), [0, 10, 50, 0]);
}

#[test]
fn death_after_every_step_gives_the_same_course() {
    // What survives a death is the record and AWS. Nothing else is kept between steps here, so each turn is a new process;
    // a death between a call and its answer is the same as a call whose answer nobody read.
    let mut world = World::new(deployment(&[10, 50, 100]));
    let mut deaths = 0;
    for _ in 0..5_000 {
        let step = world.decide(&failing_at_half(&world.deployment));
        if step == Step::Rest {
            break;
        }
        if !matches!(step, Step::Wait { .. }) {
            // Dies before it did anything …
            deaths += 1;
            let again = world.decide(&failing_at_half(&world.deployment));
            assert_eq!(step, again, "a new process decides the same");
        }
        // … and the next one does it, dies, and leaves ten minutes without anybody.
        world.perform(&step);
        world.now += TimeDelta::minutes(10);
    }
    assert!(deaths > 10);
    assert_eq!(world.deployment.state, State::RolledBack);
    assert_eq!(weights_of(&world.trail), [0, 10, 50, 0]);
}

#[test]
fn a_stale_call_before_every_step_changes_nothing_in_the_end() {
    for failing in [false, true] {
        let mut world = World::new(deployment(&[10, 50, 100]));
        let verdict = |deployment: &Deployment| {
            if failing {
                failing_at_half(deployment)
            } else {
                Verdict::Pass
            }
        };
        let mut last = 0;
        world.run(verdict, |world, _| {
            // Each new call wakes the one before it, once.
            if world.calls.len() > last && world.calls.len() >= 2 {
                last = world.calls.len();
                let (routing, mark) = world.calls[last - 2].clone();
                world.set(routing, mark);
            }
        });
        let expected = if failing {
            State::RolledBack
        } else {
            State::Succeeded
        };
        assert_eq!(world.deployment.state, expected);
        let stands = world.alias.unwrap().routing;
        assert_eq!(stands, Routing::single(if failing { "v1" } else { "v2" }));
    }
}

#[test]
fn a_foreign_change_pauses_and_is_left_alone_until_a_person_restores_it() {
    let foreign = Routing::single("v7");
    let mut world = World::new(deployment(&[10, 50, 100]));
    let stranger = foreign.clone();
    world.run(
        |_| Verdict::Pass,
        move |world, _| {
            if world.deployment.state == State::Baking && world.deployment.step == 1 {
                // Who gives no description leaves our mark on it.
                let mark = world.alias.as_ref().and_then(|seen| seen.mark);
                world.alias = Some(AliasSeen {
                    routing: stranger.clone(),
                    mark,
                });
            }
        },
    );
    assert_eq!(world.deployment.state, State::Paused);
    assert_eq!(
        world.deployment.pause.as_ref().map(|pause| pause.reason),
        Some(PauseReason::Drift)
    );
    assert_eq!(world.alias.as_ref().unwrap().routing, foreign);

    // Resuming does not overwrite it either.
    world.deployment = command(&world.deployment, Command::Resume, "alice", None)
        .unwrap()
        .next;
    world.run(|_| Verdict::Pass, |_, _| {});
    assert_eq!(world.deployment.state, State::Paused);
    assert_eq!(world.alias.as_ref().unwrap().routing, foreign);

    world.deployment = command(&world.deployment, Command::Restore, "alice", None)
        .unwrap()
        .next;
    world.run(|_| Verdict::Pass, |_, _| {});
    assert_eq!(world.deployment.state, State::Succeeded);
    assert_eq!(
        weights_of(&world.trail),
        [0, 10, 50, 50, 100],
        "restored to half, then on"
    );
}

#[test]
fn a_rollback_that_meets_a_foreign_alias_is_blocked_and_goes_on_when_it_is_as_wanted() {
    let mut world = World::new(deployment(&[10, 100]));
    let mut stranger = true;
    for _ in 0..200 {
        if world.deployment.state == State::RollingBack && std::mem::take(&mut stranger) {
            world.alias = Some(AliasSeen {
                routing: Routing::single("v7"),
                mark: None,
            });
        }
        let step = world.decide(&if world.deployment.state == State::Baking {
            harm()
        } else {
            Verdict::Pass
        });
        world.perform(&step);
    }
    assert_eq!(world.deployment.state, State::RollbackBlocked);
    world.alias = Some(AliasSeen {
        routing: Routing::single("v1"),
        mark: None,
    });
    world.run(|_| Verdict::Pass, |_, _| {});
    assert_eq!(world.deployment.state, State::RolledBack);
}

#[test]
fn the_first_deployment_creates_the_alias_and_has_no_way_back() {
    let mut world = World::new(deployment(&[10, 50, 100]));
    world.alias = None;
    world.trail.clear();
    world.run(
        |deployment| {
            if deployment.state == State::FinalBake {
                harm()
            } else {
                Verdict::Pass
            }
        },
        |world, _| {
            // A pause without a way back waits for a person: stop here.
            if world.deployment.state == State::Paused {
                world.deployment.state = State::Aborted;
            }
        },
    );
    assert_eq!(weights_of(&world.trail), [100]);
}

#[test]
fn the_same_version_again_is_no_deployment() {
    let mut world = World::new(deployment(&[10, 100]));
    world.alias = Some(AliasSeen {
        routing: Routing::single("v2"),
        mark: None,
    });
    world.run(|_| Verdict::Pass, |_, _| {});
    assert_eq!(world.deployment.state, State::Succeeded);
    assert!(world.calls.is_empty(), "the alias was not touched");
}

#[test]
fn what_was_never_seen_enough_of_pauses_for_a_person_and_goes_on_when_told() {
    let mut world = World::new(deployment(&[10, 100]));
    let few = |_: &Deployment| Verdict::InsufficientData {
        missing: "10 of 30".into(),
    };
    for _ in 0..2_000 {
        let step = world.decide(&few(&world.deployment));
        if world.deployment.state == State::Paused {
            break;
        }
        world.perform(&step);
    }
    let pause: Pause = world.deployment.pause.clone().unwrap();
    assert_eq!(pause.reason, PauseReason::Inconclusive);
    world.deployment = command(&world.deployment, Command::Promote, "alice", None)
        .unwrap()
        .next;
    world.run(few, |_, _| {});
    assert_eq!(world.deployment.state, State::Succeeded);
}

#[test]
fn it_goes_no_further_than_its_largest_weight_without_a_person() {
    let mut held = deployment(&[10, 50, 100]);
    held.course.max_weight = Some(50);
    let mut world = World::new(held);
    for _ in 0..2_000 {
        if world.deployment.state == State::Paused {
            break;
        }
        let step = world.decide(&Verdict::Pass);
        world.perform(&step);
    }
    assert_eq!(
        world.deployment.pause.as_ref().map(|pause| pause.reason),
        Some(PauseReason::HoldBack)
    );
    assert_eq!(weights_of(&world.trail), [0, 10, 50]);
    world.deployment = command(&world.deployment, Command::Resume, "alice", None)
        .unwrap()
        .next;
    world.run(|_| Verdict::Pass, |_, _| {});
    assert_eq!(weights_of(&world.trail), [0, 10, 50, 100]);
}

#[test]
fn promoting_fully_skips_the_steps_between() {
    let mut world = World::new(deployment(&[1, 10, 50, 100]));
    for _ in 0..2_000 {
        if world.deployment.state == State::Baking {
            break;
        }
        let step = world.decide(&Verdict::Pass);
        world.perform(&step);
    }
    world.deployment = command(&world.deployment, Command::PromoteFull, "alice", None)
        .unwrap()
        .next;
    world.run(|_| Verdict::Pass, |_, _| {});
    assert_eq!(weights_of(&world.trail), [0, 1, 100]);
}

#[test]
fn a_deployment_that_succeeded_is_taken_back_in_one_command() {
    let mut world = World::new(deployment(&[100]));
    world.run(|_| Verdict::Pass, |_, _| {});
    assert_eq!(world.deployment.state, State::Succeeded);
    world.deployment = command(&world.deployment, Command::Rollback, "alice", None)
        .unwrap()
        .next;
    world.run(|_| Verdict::Pass, |_, _| {});
    assert_eq!(world.deployment.state, State::RolledBack);
    assert_eq!(weights_of(&world.trail), [0, 100, 0]);
}

#[test]
fn a_gate_before_all_traffic_is_asked_once_and_still_guarded() {
    let mut gated = deployment(&[10, 100]);
    gated.has_full_gate = true;
    let asked = gated.clone();
    let mut world = World::new(gated);
    let mut gates = 0;
    world.run(
        |_| Verdict::Pass,
        |world, _| {
            gates += u32::from(world.deployment.state == State::Gate && world.deployment.intent.is_some());
        },
    );
    assert_eq!((world.deployment.state, gates), (State::Succeeded, 1));
    assert_eq!(weights_of(&world.trail), [0, 10, 100]);

    let mut world = World::new(asked);
    let verdict = |deployment: &Deployment| {
        let waits = deployment.state == State::Gate && deployment.intent.is_some();
        if waits { harm() } else { Verdict::Pass }
    };
    world.run(verdict, |_, _| {});
    assert_eq!(world.deployment.state, State::RolledBack);
}

#[test]
fn nothing_moves_while_frozen_but_back() {
    let mut world = World::new(deployment(&[10, 100]));
    while world.deployment.state != State::Shifting {
        let step = world.decide(&Verdict::Pass);
        world.perform(&step);
    }
    let frozen = Observed {
        closed: Some(Closed {
            until: world.now + TimeDelta::hours(9),
            reason: "a freeze: holidays".to_owned(),
        }),
        ..world.observed()
    };
    let step = next_step(
        &world.deployment,
        &frozen,
        &Verdict::Pass,
        OnInsufficientData::Hold,
        world.now,
    );
    let Step::Intend(pause) = &step else {
        panic!("{step:?}")
    };
    let why = pause.next.pause.clone().unwrap();
    assert_eq!((why.reason, why.resume), (PauseReason::Freeze, State::Shifting));
    assert!(
        why.detail
            .contains("a freeze: holidays: it goes on by itself at "),
        "{}",
        why.detail
    );
    world.perform(&step);
    let decide = |world: &World, observed: &Observed| {
        next_step(
            &world.deployment,
            observed,
            &Verdict::Pass,
            OnInsufficientData::Hold,
            world.now,
        )
    };
    assert!(
        matches!(decide(&world, &frozen), Step::Wait { .. }),
        "it stays paused"
    );
    let Step::Intend(opened) = decide(&world, &world.observed()) else {
        panic!("it goes on when it is open again")
    };
    assert_eq!((opened.next.state, opened.next.pause), (State::Shifting, None));
    world.run(|_| harm(), |_, _| {});
    assert_eq!(world.deployment.state, State::RolledBack);
}

#[test]
fn no_progress_fails_before_traffic_moved_and_goes_back_after_and_bakes_do_not_count() {
    let mut world = World::new(deployment(&[10, 100]));
    let hour = TimeDelta::hours(1);
    let since = world.now - hour;
    let ended = |step: Option<Step>| match step {
        Some(Step::Finish(transition) | Step::Intend(transition)) => Some(transition.next.state),
        _ => None,
    };
    assert_eq!(
        ended(past_deadline(&world.deployment, hour * 2, since, world.now)),
        None
    );
    while world.deployment.state != State::Publishing {
        let step = world.decide(&Verdict::Pass);
        world.perform(&step);
    }
    assert_eq!(
        ended(past_deadline(&world.deployment, hour, since, world.now)),
        Some(State::Failed)
    );
    while world.deployment.state != State::Baking {
        let step = world.decide(&Verdict::Pass);
        world.perform(&step);
    }
    assert_eq!(
        ended(past_deadline(&world.deployment, hour, since, world.now)),
        None
    );
    world.deployment.state = State::Judging;
    assert_eq!(
        ended(past_deadline(&world.deployment, hour, since, world.now)),
        Some(State::RollingBack)
    );
}

proptest! {
    /// Whatever the judge says, whoever touches the alias, whatever people command: it comes to rest, the alias only takes
    /// weights of the course, and what someone else wrote is only overwritten after a person said so.
    #[test]
    fn it_always_comes_to_rest_and_moves_only_as_intended(
        weights in prop::collection::btree_set(1_u8..100, 0..4),
        script in prop::collection::vec((0_u8..100, 0_u8..12), 0..60),
    ) {
        let mut course: Vec<u8> = weights.into_iter().collect();
        course.push(100);
        let mut world = World::new(deployment(&course));
        let mut allowed: Vec<u8> = course.clone();
        allowed.push(0);
        let mut overwritable: Option<Routing> = None;
        let mut foreign: Option<Routing> = None;
        for turn in 0..4_000_usize {
            let event = script.get(turn / 3).filter(|_| turn % 3 == 0).map(|event| event.1);
            // Before anything was to move, what stands there is what is deployed upon.
            if event == Some(9) && world.deployment.intent.is_some() && !world.deployment.state.is_finished() {
                let routing = Routing::single("v7");
                foreign = Some(routing.clone());
                let mark = world.alias.as_ref().and_then(|seen| seen.mark);
                world.alias = Some(AliasSeen { routing, mark });
            }
            let verb = match event {
                Some(1) => Some(Command::Promote),
                Some(2) => Some(Command::Pause),
                Some(3) => Some(Command::Resume),
                Some(4) => Some(Command::Abort),
                Some(5) => Some(Command::PromoteFull),
                Some(6) => Some(Command::Restore),
                Some(7) => Some(Command::Rollback),
                _ => None,
            };
            if let Some(transition) = verb.and_then(|verb| command(&world.deployment, verb, "a", None).ok()) {
                world.deployment = transition.next;
                overwritable = world.deployment.may_overwrite.clone().or(overwritable);
            }
            let verdict = match event {
                Some(8) => harm(),
                Some(10) => Verdict::InsufficientData { missing: String::new() },
                _ => Verdict::Pass,
            };
            let step = world.decide(&verdict);
            if let Step::Converge(Converge::Alias { to, mark }) = &step {
                prop_assert!(allowed.contains(&to.weight_of("v2")), "{to:?}");
                prop_assert_eq!(mark.deployment, world.deployment.id);
                let stands = world.alias.as_ref().map(|seen| seen.routing.clone());
                if foreign.is_some() && stands == foreign {
                    prop_assert!(overwritable == foreign, "overwrote what someone else made");
                    foreign = None;
                }
            }
            world.perform(&step);
            if world.now > DateTime::UNIX_EPOCH + TimeDelta::days(1) {
                break;
            }
        }
        let state = world.deployment.state;
        let waits = matches!(state, State::Paused | State::RollbackBlocked);
        prop_assert!(state.is_finished() || waits, "{state:?}");
    }
}
