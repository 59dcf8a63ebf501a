//! A checkpoint of free embedding, likewise; one that is accepted also goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_core::optimize::{Run, State};
use neuralee_fuzz::{outcome, problem, sealed};

fuzz_target!(|data: &[u8]| {
    let bytes = sealed::of_input(b"NEURALEE", 2, data);
    let Some(state) = outcome(State::from_bytes(&bytes)) else {
        return;
    };
    let resumed = Run::resume(problem::objective(), &problem::FURTHER, state);
    if let Some(mut run) = outcome(resumed) {
        let _ = run.advance(2, &());
        assert_eq!(run.embedding().len(), 24);
    }
});
