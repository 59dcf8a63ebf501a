//! A checkpoint of free embedding, likewise; one that is accepted also goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_core::ee;
use neuralee_core::session::Session;
use neuralee_fuzz::{outcome, problem, sealed};

/// Coordinates of the maps that go on.
const WIDEST: f64 = 1e3;

fuzz_target!(|data: &[u8]| {
    let bytes = sealed::seal_input(&sealed::EE_STATE, data);
    let resumed = ee::resume(problem::cells().view(), &problem::map(), &bytes, &());
    if let Some(mut session) = outcome(resumed) {
        let x = session.embedding().expect("a map");
        assert_eq!(x.dim(), (12, 2));
        // The grid of a wide map has up to four million tiles, which is slow here but no fault.
        if x.iter().all(|x| x.abs() < WIDEST) {
            let _ = session.advance(2, &());
        }
    }
});
