//! Which cells make up a batch.

use ndarray::{ArrayView2, Axis};

use crate::affinity::{self, Affinities, Weights};
use crate::monitor::Monitor;
use crate::neighbors::{self, Search};
use crate::objective::Objective;
use crate::order::Order;
use crate::random::Stream;
use crate::{Error, Result};

/// Stream of the order of the cells.
const SHUFFLE_STREAM: u64 = 0x5aff1e;

/// Cells that are a problem of their own: affinities and repulsion among themselves alone.
#[derive(Debug)]
pub struct Part {
    /// The cells.
    pub ids: Vec<u32>,
    /// E of these cells.
    pub objective: Objective,
}

/// How many batches of about `size` cells, two at least, there are among `n`.
fn count(n: usize, size: u64) -> usize {
    let size = usize::try_from(size).unwrap_or(n).clamp(1, n);
    let batches = (n as f64 / size as f64).round() as usize;
    batches.min(n / 2).max(1)
}

/// The cells of every batch of an epoch, each cell in one; sizes differ by one at most.
/// Within a batch the cells stand in ascending order, near in memory.
pub(super) fn shuffled(n: usize, size: u64, seed: u64, epoch: u64) -> Vec<Vec<u32>> {
    let stream = Stream::new(seed, SHUFFLE_STREAM).substream(epoch);
    let batches = count(n, size);
    let mut of_cell: Vec<u32> = (0..n).map(|i| (i * batches / n) as u32).collect();
    // Fisher and Yates; the high bits of the product are uniform below `i + 1`.
    for i in (1..n).rev() {
        let other = (u128::from(stream.bits(i as u64)) * (i as u128 + 1)) >> 64;
        of_cell.swap(i, other as usize);
    }
    let mut ids = vec![Vec::with_capacity(n / batches + 1); batches];
    for (id, &batch) in of_cell.iter().enumerate() {
        ids[batch as usize].push(id as u32);
    }
    ids
}

/// Of every cell, its batch and its row in it.
pub(super) fn assignments(batches: &[Vec<u32>]) -> Vec<(u32, u32)> {
    let n = batches.iter().map(Vec::len).sum();
    let mut assignments = vec![(0, 0); n];
    for (batch, ids) in batches.iter().enumerate() {
        for (row, &id) in ids.iter().enumerate() {
            assignments[id as usize] = (batch as u32, row as u32);
        }
    }
    assignments
}

/// Divides the cells in the rows of `y` into random parts of about `size`, once for all epochs.
/// Each has affinities of its own at the same perplexity. `e` makes E from the cells of a part and
/// their W+.
pub fn independent(
    y: ArrayView2<'_, f64>,
    size: u64,
    options: affinity::Options,
    search: Search,
    seed: u64,
    e: &dyn Fn(ArrayView2<'_, f64>, Weights) -> Result<Objective>,
    monitor: &dyn Monitor,
) -> Result<Vec<Part>> {
    let parts = shuffled(y.nrows(), size, seed, 0);
    monitor.stage("affinities of batches", parts.len());
    parts
        .into_iter()
        .map(|ids| {
            monitor.check()?;
            let k = options.neighbors_of(ids.len());
            if ids.len() < 3 || options.perplexity >= k as f64 {
                return Err(Error::perplexity(
                    format!(
                        "`perplexity` is {}, but batches have {} cells and {k} neighbours each.",
                        options.perplexity,
                        ids.len()
                    ),
                    "Give a larger batch_size, or a lower perplexity.",
                ));
            }
            let rows_of = |ids: &[u32]| {
                let rows: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
                y.select(Axis(0), &rows)
            };
            let graph = neighbors::search(rows_of(&ids).view(), k, search, seed, &())?;
            let affinities = Affinities::from_graph(graph, options, &())?;
            let part = match &affinities.order {
                Order(Some(order)) => order.iter().map(|&row| ids[row as usize]).collect(),
                Order(None) => ids,
            };
            let objective = e(rows_of(&part).view(), affinities.weights)?;
            monitor.advance(1);
            Ok(Part {
                objective,
                ids: part,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_in_one_batch_and_sizes_differ_by_one() {
        for (n, size, batches) in [
            (10, 3, 3),
            (10, 4, 3),
            (7, 7, 1),
            (5, 100, 1),
            (9, 2, 4),
            (3, 1, 1),
        ] {
            let parts = shuffled(n, size, 1, 0);
            assert_eq!(parts.len(), batches);
            let mut all: Vec<u32> = parts.concat();
            all.sort_unstable();
            assert!(all.iter().copied().eq(0..n as u32));
            let sizes = parts.iter().map(Vec::len);
            assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
            assert!(parts.iter().all(|part| part.is_sorted()));
        }
    }

    #[test]
    fn order_changes_with_epoch_and_seed_alone() {
        let batch = |seed, epoch| shuffled(1000, 100, seed, epoch);
        assert_eq!(batch(1, 5), batch(1, 5));
        assert_ne!(batch(1, 5), batch(1, 6));
        assert_ne!(batch(1, 5), batch(2, 5));
        // Each cell falls into each batch a tenth of the time: 300 of 3,000 give or take 5 s.
        let first = (0..3000)
            .filter(|&epoch| batch(3, epoch)[0].contains(&7))
            .count();
        assert!((first as f64 - 300.0).abs() < 5.0 * (300.0f64 * 0.9).sqrt());
    }
}
