//! Correlation of the local densities in data and map.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::check_pair;
use super::distances::{average_ranks, correlation};
use crate::monitor::Monitor;
use crate::neighbors::{search, Search};
use crate::Result;

/// Spearman's correlation of the local radii in data and map. The local radius of a cell is its
/// mean distance to its k nearest cells, each space having its own: the smaller it is, the denser
/// cells lie there. Narayan, Berger and Cho 2021, "Assessing single-cell transcriptomic variability
/// through density-preserving data visualization", judge maps by such radii. It is 1 where the map
/// keeps their order, and `None` where all radii are equal in one of the two.
///
/// Neighbours are searched exactly among few cells, approximately among many; `seed` is for the
/// latter.
pub fn density_correlation(
    data: ArrayView2<'_, f64>,
    embedding: ArrayView2<'_, f64>,
    k: usize,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Option<f64>> {
    check_pair(data, embedding)?;
    let ranks = |points| {
        let radii = local_radii(points, k, seed, monitor)?;
        Ok::<_, crate::Error>(average_ranks(&radii))
    };
    Ok(correlation(&ranks(data)?, &ranks(embedding)?))
}

/// The sum of each cell's distances to its k nearest, of which the mean has the same ranks.
fn local_radii(
    points: ArrayView2<'_, f64>,
    k: usize,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Vec<f64>> {
    let graph = search(points, k, Search::Auto, seed, monitor)?.into_graph();
    let lists = graph.squared_distances.par_chunks_exact(k);
    Ok(lists
        .map(|list| list.iter().map(|squared| squared.sqrt()).sum())
        .collect())
}
