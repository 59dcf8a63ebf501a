//! The k nearest neighbours of every point.

mod approximate;
mod exact;
mod given;
mod partition;

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::monitor::Monitor;
use crate::{Error, Result};

pub use approximate::Index;
pub use exact::{exact, exact_queries};
pub use given::from_lists;

/// Points closer to their mean than this have squared distances that lose digits or
/// vanish among the smallest doubles.
const SMALLEST: f64 = 1e-145;

/// k nearest neighbours of n points, the point itself excluded by its index; or of n
/// queries among other points.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighborGraph {
    /// Number of points.
    pub n: usize,
    /// Neighbours per point.
    pub k: usize,
    /// n x k, row-major: ids of the neighbours, nearest first, ties by ascending id.
    pub ids: Vec<u32>,
    /// n x k, row-major: squared Euclidean distances, in the same order.
    pub squared_distances: Vec<f64>,
}

/// How neighbours are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// Exactly up to 20,000 points, approximately beyond.
    #[default]
    Auto,
    /// By all distances.
    Exact,
    /// Among the points of near cells.
    Approximate,
}

/// Points up to which the exact search takes a second or two.
const EXACT_UP_TO: usize = 20_000;

impl Search {
    /// Whether `n` points are searched approximately.
    pub fn is_approximate(self, n: usize) -> bool {
        match self {
            Search::Auto => n > EXACT_UP_TO,
            Search::Exact => false,
            Search::Approximate => true,
        }
    }
}

/// A neighbour graph whose points may stand in another order than they came in.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderedGraph {
    /// The graph; points are numbered by their place.
    pub graph: NeighborGraph,
    /// Id of the point at each place, near points near each other; `None` where the
    /// points stand as they came.
    pub order: Option<Vec<u32>>,
}

/// The k nearest neighbours of every row of `points` (n x D) among the other rows.
/// `seed` is for the approximate search.
pub fn search(
    points: ArrayView2<'_, f64>,
    k: usize,
    how: Search,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<OrderedGraph> {
    check_size(points.nrows(), k)?;
    if !how.is_approximate(points.nrows()) {
        let graph = exact(points, k, monitor)?;
        return Ok(OrderedGraph { graph, order: None });
    }
    let index = Index::new(points, seed, monitor)?;
    let graph = index.graph(k, monitor)?;
    let order = Some(index.into_order());
    Ok(OrderedGraph { graph, order })
}

/// The k nearest rows of `points` (N x D) of every row of `queries` (n x D). `seed` is for
/// the approximate search.
pub fn search_queries(
    points: ArrayView2<'_, f64>,
    queries: ArrayView2<'_, f64>,
    k: usize,
    how: Search,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<NeighborGraph> {
    let graph = if how.is_approximate(points.nrows()) {
        Index::new(points, seed, monitor)?.queries(queries, k, monitor)?
    } else {
        exact_queries(points, queries, k, monitor)?
    };
    let overflows = |distance: &f64| !distance.is_finite();
    if let Some(at) = graph.squared_distances.iter().position(overflows) {
        return Err(Error::input(
            format!(
                "Row {} of the queries lies so far from the points that distances overflow.",
                at / k + 1
            ),
            "Bring the queries to the scale of the points.",
        ));
    }
    Ok(graph)
}

impl OrderedGraph {
    /// The graph with points numbered as they came.
    pub fn into_graph(self) -> NeighborGraph {
        let OrderedGraph { graph, order } = self;
        let Some(order) = order else { return graph };
        let (n, k) = (graph.n, graph.k);
        let mut place = vec![0u32; n];
        for (at, &id) in order.iter().enumerate() {
            place[id as usize] = at as u32;
        }
        let mut ids = vec![0u32; n * k];
        let mut squared_distances = vec![0.0; n * k];
        ids.par_chunks_exact_mut(k)
            .zip(squared_distances.par_chunks_exact_mut(k))
            .zip(&place)
            .for_each(|((ids, distances), &place)| {
                let from = place as usize * k;
                let listed = graph.ids[from..from + k].iter();
                let mut list: Vec<(f64, u32)> = listed
                    .zip(&graph.squared_distances[from..from + k])
                    .map(|(&other, &distance)| (distance, order[other as usize]))
                    .collect();
                list.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                for ((distance, id), slot) in list.into_iter().zip(ids.iter_mut().zip(distances)) {
                    (*slot.0, *slot.1) = (id, distance);
                }
            });
        NeighborGraph {
            n,
            k,
            ids,
            squared_distances,
        }
    }
}

/// Refuses sizes for which no graph of k neighbours exists.
fn check_size(n: usize, k: usize) -> Result<()> {
    if n < 2 {
        return Err(Error::input(
            format!("There are {n} points, so that no point has a neighbour."),
            "Give at least 2 points.",
        ));
    }
    if n > u32::MAX as usize {
        return Err(Error::input(
            format!("{n} points are more than neighbour ids can count."),
            "Give at most 4,294,967,295 points.",
        ));
    }
    if k == 0 || k >= n {
        return Err(Error::input(
            format!(
                "`k` is {k}, but each of {n} points has {} other points.",
                n - 1
            ),
            format!("Give `k` between 1 and {}.", n - 1),
        ));
    }
    Ok(())
}

/// Refuses points without coordinates or with values that are not finite.
fn check_points(points: ArrayView2<'_, f64>) -> Result<()> {
    if points.ncols() == 0 {
        return Err(Error::input(
            "The points have no coordinates.",
            "Give at least one column.",
        ));
    }
    if let Some(((row, column), value)) = points.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(Error::not_finite(
            format!(
                "Row {}, column {} of the points is {value}.",
                row + 1,
                column + 1
            ),
            "Remove or replace missing and infinite values first.",
        ));
    }
    Ok(())
}

/// Refuses queries that do not fit `n` points of `dim` coordinates, or too many neighbours.
fn check_queries(queries: ArrayView2<'_, f64>, n: usize, dim: usize, k: usize) -> Result<()> {
    if queries.ncols() != dim {
        return Err(Error::input(
            format!(
                "The queries have {} coordinates, the points {dim}.",
                queries.ncols()
            ),
            "Give queries with the columns of the points.",
        ));
    }
    if k == 0 || k > n {
        return Err(Error::input(
            format!("`k` is {k}, but there are {n} points."),
            format!("Give `k` between 1 and {n}."),
        ));
    }
    check_points(queries)
}

/// Squared Euclidean distance from the differences of the coordinates, which is exact to
/// rounding however far both points lie from the origin.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    // Four partial sums let the compiler use vector registers without reordering a sum.
    let mut sums = [0.0; 4];
    let (a_blocks, b_blocks) = (a.chunks_exact(4), b.chunks_exact(4));
    let mut sum = 0.0;
    for (x, y) in a_blocks.remainder().iter().zip(b_blocks.remainder()) {
        sum += (x - y) * (x - y);
    }
    for (x, y) in a_blocks.zip(b_blocks) {
        for lane in 0..4 {
            let difference = x[lane] - y[lane];
            sums[lane] += difference * difference;
        }
    }
    sum + (sums[0] + sums[1]) + (sums[2] + sums[3])
}
