//! Several deployments as one: what to start, wait for or take back next. Pure. Releases (several templates) and rolling
//! deployments (several environments) both go by it: members in waves, each wave after the one before it has succeeded.

use chrono::{DateTime, TimeDelta, Utc};

use super::model::State;
use super::strategy::OnFailure;

/// One member as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its wave, from 0.
    pub wave: u32,
    /// Its deployment's state; none before it is started.
    pub state: Option<State>,
    /// Whether it was told to go back.
    pub told_back: bool,
    /// When its deployment ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What the whole is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Moving forward.
    Forward,
    /// Something failed, or a person said so.
    Back,
}

/// How the whole ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every member succeeded.
    Succeeded,
    /// Something failed, and what was to be taken back was.
    RolledBack,
    /// Something failed, and nothing was to be taken back.
    Failed,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Start these members, by their place.
    Start(Vec<usize>),
    /// Take these members back, by their place.
    TakeBack(Vec<usize>),
    /// A member failed: turn around, because of it.
    TurnBack(usize),
    /// All members succeeded; whoever asked may run scenarios now.
    Arrived,
    /// Look again when a member changes, or at this time.
    Wait(Option<DateTime<Utc>>),
    /// It is over.
    Over(Outcome),
}

/// How the whole is to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// At the same time within a wave.
    pub max_parallel: u32,
    /// When a member fails.
    pub on_failure: OnFailure,
    /// Between waves, seconds.
    pub bake_seconds: u64,
}

/// What to do next.
pub fn next(members: &[Member], direction: Direction, rules: Rules, now: DateTime<Utc>) -> Next {
    match direction {
        Direction::Forward => forward(members, rules, now),
        Direction::Back => back(members, rules),
    }
}

fn forward(members: &[Member], rules: Rules, now: DateTime<Utc>) -> Next {
    if let Some(failed) = members.iter().position(|member| has_failed(*member)) {
        return Next::TurnBack(failed);
    }
    let succeeded = |member: &Member| member.state == Some(State::Succeeded);
    let Some(wave) = members
        .iter()
        .filter(|member| !succeeded(member))
        .map(|member| member.wave)
        .min()
    else {
        return Next::Arrived;
    };
    let bake = TimeDelta::seconds(i64::try_from(rules.bake_seconds).unwrap_or(i64::MAX / 1_000));
    let before = members
        .iter()
        .filter(|member| member.wave < wave)
        .filter_map(|member| member.finished_at)
        .max();
    if let Some(baked) = before
        .map(|finished| finished + bake)
        .filter(|baked| *baked > now)
    {
        return Next::Wait(Some(baked));
    }
    let here = || {
        members
            .iter()
            .enumerate()
            .filter(|(_, member)| member.wave == wave)
    };
    let running = here()
        .filter(|(_, member)| member.state.is_some() && !succeeded(member))
        .count();
    let room = usize::try_from(rules.max_parallel)
        .unwrap_or(usize::MAX)
        .saturating_sub(running);
    let start: Vec<_> = here()
        .filter(|(_, member)| member.state.is_none())
        .map(|(place, _)| place)
        .take(room)
        .collect();
    if start.is_empty() {
        Next::Wait(None)
    } else {
        Next::Start(start)
    }
}

fn back(members: &[Member], rules: Rules) -> Next {
    let active = |member: &Member| member.state.is_some_and(|state| !state.is_finished());
    // What still moves is always stopped: with `stop` it takes itself back only if it is what failed.
    let to_tell = |member: &Member| match rules.on_failure {
        OnFailure::RollbackAll => active(member) || member.state == Some(State::Succeeded),
        OnFailure::RollbackFailed | OnFailure::Stop => active(member),
    };
    // The last wave first.
    let Some(wave) = members
        .iter()
        .filter(|member| (to_tell(member) && !member.told_back) || (active(member) && member.told_back))
        .map(|member| member.wave)
        .max()
    else {
        let undone = members
            .iter()
            .any(|member| member.state == Some(State::RolledBack) || member.told_back);
        return Next::Over(if undone {
            Outcome::RolledBack
        } else {
            Outcome::Failed
        });
    };
    let tell: Vec<_> = members
        .iter()
        .enumerate()
        .filter(|(_, member)| member.wave == wave && to_tell(member) && !member.told_back)
        .map(|(place, _)| place)
        .collect();
    if tell.is_empty() {
        Next::Wait(None)
    } else {
        Next::TakeBack(tell)
    }
}

fn has_failed(member: Member) -> bool {
    member
        .state
        .is_some_and(|state| state.is_finished() && state != State::Succeeded)
}

/// Orders members so that each comes after those it depends on: waves. `depends_on[i]` holds the places `i` needs first.
/// The places of a circle are the error.
pub fn order(depends_on: &[Vec<usize>]) -> Result<Vec<u32>, Vec<usize>> {
    let mut waves: Vec<Option<u32>> = vec![None; depends_on.len()];
    loop {
        let ready: Vec<(usize, u32)> = depends_on
            .iter()
            .enumerate()
            .filter(|(place, _)| waves.get(*place).copied().flatten().is_none())
            .filter_map(|(place, needs)| {
                let done: Option<Vec<u32>> = needs
                    .iter()
                    .map(|need| waves.get(*need).copied().flatten())
                    .collect();
                done.map(|waves| (place, waves.into_iter().max().map_or(0, |wave| wave + 1)))
            })
            .collect();
        if ready.is_empty() {
            break;
        }
        for (place, wave) in ready {
            if let Some(slot) = waves.get_mut(place) {
                *slot = Some(wave);
            }
        }
    }
    let circle: Vec<_> = waves
        .iter()
        .enumerate()
        .filter(|(_, wave)| wave.is_none())
        .map(|(place, _)| place)
        .collect();
    if circle.is_empty() {
        Ok(waves.into_iter().flatten().collect())
    } else {
        Err(circle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        max_parallel: u32::MAX,
        on_failure: OnFailure::RollbackAll,
        bake_seconds: 0,
    };

    fn member(wave: u32, state: Option<State>) -> Member {
        let finished_at = state
            .filter(|state| state.is_finished())
            .map(|_| DateTime::UNIX_EPOCH);
        Member {
            wave,
            state,
            told_back: false,
            finished_at,
        }
    }

    fn go(members: &[Member], rules: Rules) -> Next {
        next(members, Direction::Forward, rules, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_wave_starts_when_the_one_before_has_succeeded_and_baked() {
        let fresh = [member(0, None), member(0, None), member(1, None)];
        assert_eq!(go(&fresh, RULES), Next::Start(vec![0, 1]));
        assert_eq!(
            go(
                &fresh,
                Rules {
                    max_parallel: 1,
                    ..RULES
                }
            ),
            Next::Start(vec![0])
        );
        let half = [
            member(0, Some(State::Succeeded)),
            member(0, Some(State::Baking)),
            member(1, None),
        ];
        assert_eq!(go(&half, RULES), Next::Wait(None));
        let done = [member(0, Some(State::Succeeded)), member(1, None)];
        assert_eq!(go(&done, RULES), Next::Start(vec![1]));
        let baking = go(
            &done,
            Rules {
                bake_seconds: 60,
                ..RULES
            },
        );
        assert_eq!(
            baking,
            Next::Wait(Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(60)))
        );
        assert_eq!(go(&[member(0, Some(State::Succeeded))], RULES), Next::Arrived);
    }

    #[test]
    fn a_failure_turns_back_and_all_that_succeeded_is_taken_back_last_wave_first() {
        let mut members = [
            member(0, Some(State::Succeeded)),
            member(1, Some(State::Succeeded)),
            member(2, Some(State::RolledBack)),
        ];
        assert_eq!(go(&members, RULES), Next::TurnBack(2));
        let back = |members: &[Member]| next(members, Direction::Back, RULES, DateTime::UNIX_EPOCH);
        assert_eq!(back(&members), Next::TakeBack(vec![1]));
        members[1].told_back = true;
        members[1].state = Some(State::RollingBack);
        assert_eq!(back(&members), Next::Wait(None));
        members[1].state = Some(State::RolledBack);
        assert_eq!(back(&members), Next::TakeBack(vec![0]));
        members[0].told_back = true;
        members[0].state = Some(State::RolledBack);
        assert_eq!(back(&members), Next::Over(Outcome::RolledBack));
    }

    #[test]
    fn with_stop_what_succeeded_stays() {
        let members = [
            member(0, Some(State::Succeeded)),
            member(1, Some(State::Failed)),
            member(2, None),
        ];
        let rules = Rules {
            on_failure: OnFailure::Stop,
            ..RULES
        };
        assert_eq!(
            next(&members, Direction::Back, rules, DateTime::UNIX_EPOCH),
            Next::Over(Outcome::Failed)
        );
    }

    #[test]
    fn members_come_after_what_they_depend_on_and_a_circle_is_found() {
        assert_eq!(
            order(&[vec![], vec![0], vec![0, 1], vec![]]),
            Ok(vec![0, 1, 2, 0])
        );
        assert_eq!(order(&[vec![1], vec![0], vec![]]), Err(vec![0, 1]));
    }
}
