//! What is random in a step, made from one seed, so that a step taken again from the log of inputs gives the same
//! tokens, UUIDs and jitter, also by a later version of the engine. No library's generator: those may change.

use std::sync::Arc;

use asl::eval::Env;
use asl::limits::Limits;

use super::token::TokenMaker;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
#[derive(Debug, Clone)]
pub(super) struct SplitMix(u64);

impl SplitMix {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn uuid(&mut self) -> Arc<str> {
        let bytes = (u128::from(self.next()) << 64) | u128::from(self.next());
        uuid::Builder::from_random_bytes(bytes.to_be_bytes())
            .into_uuid()
            .to_string()
            .into()
    }
}

/// When a step was taken, and the seed of all that was random in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) now_ms: i64,
    pub(super) seed: u64,
}

/// Calls `step` with the environment of `moment`.
pub(super) fn with_env<T>(
    moment: Moment,
    tokens: &TokenMaker<'_>,
    has_activity: &dyn Fn(&str) -> bool,
    limits: &Limits,
    step: impl FnOnce(&mut Env<'_>) -> T,
) -> T {
    let mut numbers = SplitMix::new(moment.seed);
    let mut uuids = SplitMix::new(moment.seed ^ 0x5555_5555_5555_5555);
    let mut count = 0;
    let mut env = Env {
        now_ms: moment.now_ms,
        random: &mut || numbers.next(),
        new_token: &mut || {
            count += 1;
            tokens.make(moment.seed, count)
        },
        new_uuid: &mut || uuids.uuid(),
        has_activity,
        limits,
    };
    step(&mut env)
}

#[cfg(test)]
mod tests {
    use super::SplitMix;

    #[test]
    fn the_same_seed_gives_the_numbers_of_the_paper_for_ever() {
        let mut numbers = SplitMix::new(1_234_567);
        assert_eq!(numbers.next(), 6_457_827_717_110_365_317);
        assert_eq!(numbers.next(), 3_203_168_211_198_807_973);
    }
}
