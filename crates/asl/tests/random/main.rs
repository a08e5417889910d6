//! Machines and events by chance: a frame that was written down goes on exactly as the one in memory, and whatever happens in
//! whatever order, nothing panics and the history has no gap.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed test should panic"
)]

mod drive;
mod machines;

use asl::json::spanned;
use asl::machine;
use proptest::prelude::*;

use crate::drive::{Chance, Pair};

/// Steps of one execution: loops by chance may never end.
const STEPS_MAX: usize = 60;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn an_execution_written_down_after_every_step_goes_on_as_the_one_in_memory(
        definition in machines::definition(),
        input in machines::input(),
        chances in prop::collection::vec(any::<(u8, u8)>(), STEPS_MAX),
    ) {
        let text = definition.to_string();
        let machine = machine::build(&spanned::parse(&text).unwrap());
        let machine = machine.unwrap_or_else(|why| panic!("{text}: {why:?}"));
        let mut pair = Pair::start(&machine, &input.to_string());
        for (what, how) in chances {
            if !pair.step(Chance { what, how }) {
                break;
            }
        }
        pair.has_a_whole_history();
    }
}
