//! A checkpoint of free embedding, likewise; one that is accepted also goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_core::optimize::{Run, State};
use neuralee_fuzz::{outcome, problem, sealed};

/// Coordinates of the maps that go on.
const WIDEST: f64 = 1e3;

fuzz_target!(|data: &[u8]| {
    let bytes = sealed::of_input(&sealed::EE_STATE, data);
    let Some(state) = outcome(State::from_bytes(&bytes)) else {
        return;
    };
    let resumed = Run::resume(problem::objective(), &problem::FURTHER, state);
    if let Some(mut run) = outcome(resumed) {
        // The grid of a wide map has up to four million tiles, which is slow here but no fault.
        if run.embedding().iter().all(|x| x.abs() < WIDEST) {
            let _ = run.advance(2, &());
        }
        assert_eq!(run.embedding().len(), 24);
    }
});
