//! How well a map keeps the surroundings of each single cell.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::check_pair;
use super::distances::{average_ranks, between, correlation};
use crate::monitor::Monitor;
use crate::neighbors::{search, Search};
use crate::random::Stream;
use crate::{Error, Result};

/// Cells per parallel task.
const CHUNK: usize = 64;

/// Stream of the reference cells.
const REFERENCES: u64 = 2;

/// What a map keeps of each cell's surroundings, near and far.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// R_NX(k) of one cell: q being the share of its k nearest cells in the data that are
    /// among its k nearest in the map,
    ///
    /// ```text
    /// ((N - 1) q - k) / (N - 1 - k)
    /// ```
    ///
    /// 1 where all are, 0 as chance has it.
    pub neighbors: Vec<f64>,
    /// Spearman's correlation of the distances to the reference cells in data and map;
    /// `None` where all of them are equal in one of the two.
    pub distances: Vec<Option<f64>>,
}

impl Reliability {
    /// Neighbours are searched exactly among few cells, approximately among many. The
    /// `references` cells that distances are measured to (all cells, where there are no
    /// more) are drawn with `seed`.
    ///
    /// Cost: the search, and cells x references x (D + log references).
    pub fn new(
        data: ArrayView2<'_, f64>,
        embedding: ArrayView2<'_, f64>,
        k: usize,
        references: usize,
        seed: u64,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        check_pair(data, embedding)?;
        let n = data.nrows();
        if n < 3 {
            return Err(Error::input(
                format!("There are {n} cells."),
                "Give at least 3 cells.",
            ));
        }
        if k == 0 || k > n - 2 {
            return Err(Error::input(
                format!("`k` is {k}, but each of {n} cells has {} others.", n - 1),
                format!("Give `k` between 1 and {}.", n - 2),
            ));
        }
        if references < 3 {
            return Err(Error::input(
                format!("Distances to {references} cells have no order to speak of."),
                "Take at least 3 reference cells.",
            ));
        }
        Ok(Reliability {
            neighbors: neighbors(data, embedding, k, seed, monitor)?,
            distances: distances(data, embedding, references, seed, monitor)?,
        })
    }
}

fn neighbors(
    data: ArrayView2<'_, f64>,
    embedding: ArrayView2<'_, f64>,
    k: usize,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Vec<f64>> {
    let sorted_lists = |points| {
        let mut ids = search(points, k, Search::Auto, seed, monitor)?
            .into_graph()
            .ids;
        ids.par_chunks_exact_mut(k)
            .for_each(|list| list.sort_unstable());
        Ok::<_, Error>(ids)
    };
    let (high, low) = (sorted_lists(data)?, sorted_lists(embedding)?);
    let others = (data.nrows() - 1) as f64;
    let chance = k as f64 / others;
    Ok(high
        .par_chunks_exact(k)
        .zip(low.par_chunks_exact(k))
        .map(|(high, low)| {
            let shared = high.iter().filter(|id| low.binary_search(id).is_ok());
            (shared.count() as f64 / k as f64 - chance) / (1.0 - chance)
        })
        .collect())
}

fn distances(
    data: ArrayView2<'_, f64>,
    embedding: ArrayView2<'_, f64>,
    references: usize,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Vec<Option<f64>>> {
    let n = data.nrows();
    let chosen = Stream::new(seed, REFERENCES).sample(n, references.min(n));
    let (data, embedding) = (data.as_standard_layout(), embedding.as_standard_layout());
    let (data, embedding) = (data.view(), embedding.view());
    monitor.stage("distances", n);
    let mut found = vec![None; n];
    found
        .par_chunks_mut(CHUNK)
        .enumerate()
        .try_for_each(|(chunk, found)| {
            monitor.check()?;
            for (cell, found) in (chunk * CHUNK..).zip(found.iter_mut()) {
                let ranks = |points| {
                    let others = chosen.iter().filter(|&&other| other != cell);
                    let from_cell: Vec<f64> =
                        others.map(|&other| between(points, cell, other)).collect();
                    average_ranks(&from_cell)
                };
                *found = correlation(&ranks(data), &ranks(embedding));
            }
            monitor.advance(found.len());
            Ok::<_, Error>(())
        })?;
    Ok(found)
}
