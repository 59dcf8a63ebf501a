//! Random subsets of cells.

use extendr_api::prelude::*;
use neuralee_core::random::Stream;

/// The stream of a seed that chooses cells; the optimiser's starts use lower numbers.
const STREAM: u64 = 0x73_75_62_73_65_74;

/// `count` distinct cells of `n`, counted from 1, ascending.
#[extendr]
fn rs_sample(n: f64, count: f64, seed: f64) -> Vec<i32> {
    Stream::new(seed as u64, STREAM)
        .sample(n as usize, (count as usize).min(n as usize))
        .into_iter()
        .map(|cell| cell as i32 + 1)
        .collect()
}

extendr_module! {
    mod sample;
    fn rs_sample;
}
