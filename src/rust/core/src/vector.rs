//! Sums over long vectors, in chunks of a fixed size combined in order, so that they
//! do not depend on the thread count.

use rayon::prelude::*;

const CHUNK: usize = 1 << 13;

/// a . b
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let parts: Vec<f64> = a
        .par_chunks(CHUNK)
        .zip(b.par_chunks(CHUNK))
        .map(|(a, b)| {
            // Four running sums let the compiler use vector registers.
            let mut sums = [0.0; 4];
            for (a, b) in a.chunks(4).zip(b.chunks(4)) {
                for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                    *sum += a * b;
                }
            }
            sums.iter().sum()
        })
        .collect();
    parts.iter().sum()
}

/// |a|
pub fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// The largest |a_i|.
pub fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |largest, v| largest.max(v.abs()))
}

/// y += factor x
pub fn add_scaled(y: &mut [f64], factor: f64, x: &[f64]) {
    y.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .for_each(|(y, x)| {
            for (y, x) in y.iter_mut().zip(x) {
                *y += factor * x;
            }
        });
}

/// Moves the mean of the rows of X (N x d) to the origin; returns where it was.
pub fn centre(x: &mut [f64], d: usize) -> Vec<f64> {
    let n = (x.len() / d) as f64;
    let mean_of = |a: usize| x.iter().skip(a).step_by(d).sum::<f64>() / n;
    let mean: Vec<f64> = (0..d).map(mean_of).collect();
    for (a, mean) in mean.iter().enumerate() {
        x.iter_mut().skip(a).step_by(d).for_each(|v| *v -= mean);
    }
    mean
}
