//! Correlation of the distances in data and map.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::check_pair;
use crate::monitor::Monitor;
use crate::neighbors::squared_distance;
use crate::random::Stream;
use crate::{Error, Result};

/// Pairs per parallel task.
const CHUNK: usize = 4096;

/// Spearman's correlation of the distances of pairs of cells in the data with those in the map.
/// Kobak and Berens 2019, "The art of using t-SNE for single-cell transcriptomics", judge global
/// structure by it. It is 1 where the map keeps their order, and `None` where all distances are
/// equal in one of the two.
///
/// Takes all pairs where there are no more than `pairs`, else `pairs` of them drawn with
/// `seed` (with repetition).
pub fn distance_correlation(
    data: ArrayView2<'_, f64>,
    embedding: ArrayView2<'_, f64>,
    pairs: usize,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Option<f64>> {
    check_pair(data, embedding)?;
    let n = data.nrows();
    if n < 3 || pairs < 2 {
        return Err(Error::input(
            format!("{n} cells and {pairs} pairs of them are too few to correlate distances."),
            "Give at least 3 cells and 2 pairs.",
        ));
    }
    let (data, embedding) = (data.as_standard_layout(), embedding.as_standard_layout());
    let chosen = choose(n, pairs, seed);
    monitor.stage("distances", chosen.len());
    let (mut high, mut low) = (vec![0.0; chosen.len()], vec![0.0; chosen.len()]);
    high.par_chunks_mut(CHUNK)
        .zip(low.par_chunks_mut(CHUNK))
        .zip(chosen.par_chunks(CHUNK))
        .try_for_each(|((high, low), pairs)| {
            monitor.check()?;
            for ((high, low), &(a, b)) in high.iter_mut().zip(low).zip(pairs) {
                *high = between(data.view(), a, b);
                *low = between(embedding.view(), a, b);
            }
            monitor.advance(pairs.len());
            Ok::<_, Error>(())
        })?;
    Ok(correlation(&average_ranks(&high), &average_ranks(&low)))
}

fn choose(n: usize, pairs: usize, seed: u64) -> Vec<(usize, usize)> {
    if n * (n - 1) / 2 <= pairs {
        return (0..n).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
    }
    let stream = Stream::new(seed, 1);
    let draw = |at: usize, below: usize| (stream.uniform(at as u64) * below as f64) as usize;
    (0..pairs)
        .map(|pair| {
            let (a, b) = (draw(2 * pair, n), draw(2 * pair + 1, n - 1));
            (a, if b < a { b } else { b + 1 })
        })
        .collect()
}

pub(super) fn between(points: ArrayView2<'_, f64>, a: usize, b: usize) -> f64 {
    let point = |i| points.row(i).to_slice().unwrap_or_default();
    squared_distance(point(a), point(b))
}

/// Ranks, equal values sharing the mean of theirs.
pub(super) fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = from as f64 + (tied.len() + 1) as f64 / 2.0;
        for &at in tied {
            ranks[at] = rank;
        }
        from += tied.len();
    }
    ranks
}

/// Pearson's correlation of ranks; `None` where those of one are all equal.
pub(super) fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    // Ranks have the same mean whatever the ties.
    let mean = (a.len() + 1) as f64 / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        ab += (a - mean) * (b - mean);
        aa += (a - mean) * (a - mean);
        bb += (b - mean) * (b - mean);
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa.sqrt() * bb.sqrt()))
}
