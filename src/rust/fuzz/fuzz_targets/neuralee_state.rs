//! A checkpoint of the training of a network, likewise; one that is accepted also goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_core::neuralee;
use neuralee_core::session::Session;
use neuralee_fuzz::{outcome, problem, sealed};

fuzz_target!(|data: &[u8]| {
    let bytes = sealed::seal_input(&sealed::NEURALEE_STATE, data);
    let resumed = neuralee::resume(problem::cells().view(), &problem::training(), &bytes, &());
    if let Some(mut session) = outcome(resumed) {
        let _ = session.advance(2, &());
        outcome(session.finish(&()));
    }
});
