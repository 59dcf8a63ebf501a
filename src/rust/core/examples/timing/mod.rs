//! The clock of the examples.

use std::time::Instant;

/// Median seconds of `calls` calls.
pub fn median(calls: usize, mut call: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..calls)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[calls / 2]
}
