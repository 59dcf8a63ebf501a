//! A checkpoint of the training of a network, likewise; one that is accepted also goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_core::train::{Run, State};
use neuralee_fuzz::{outcome, problem, sealed};

fuzz_target!(|data: &[u8]| {
    let bytes = sealed::of_input(&sealed::NEURALEE_STATE, data);
    let Some(state) = outcome(State::from_bytes(&bytes)) else {
        return;
    };
    let resumed = Run::resume(
        problem::problem(),
        &[problem::LAMBDA],
        problem::training(),
        &problem::architecture(),
        state,
        &(),
    );
    if let Some(mut run) = outcome(resumed) {
        let _ = run.advance(2, &());
        outcome(run.best_network());
    }
});
