//! The k nearest neighbours of every point.

mod approximate;
mod exact;
mod given;
mod graph;
mod partition;

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::monitor::Monitor;
use crate::order::{rows_of, Order};
use crate::{Error, Result};

use graph::check_size;

pub use approximate::Index;
pub use exact::{exact, exact_queries};
pub use given::from_lists;
pub(crate) use graph::squared_distance;
pub use graph::NeighborGraph;

/// How neighbours are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// Exactly up to 20,000 points, approximately beyond.
    #[default]
    Auto,
    /// By all distances.
    Exact,
    /// Among the points of near clusters.
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
    /// The graph; points are numbered by their row.
    pub graph: NeighborGraph,
    /// Near points are near each other in it.
    pub order: Order,
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
        return Ok(graph.into());
    }
    let index = Index::new(points, seed, monitor)?;
    let graph = index.graph(k, monitor)?;
    let order = Order(Some(index.into_order()));
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

impl From<NeighborGraph> for OrderedGraph {
    fn from(graph: NeighborGraph) -> Self {
        let order = Order::default();
        OrderedGraph { graph, order }
    }
}

impl OrderedGraph {
    /// The graph with points numbered as they came.
    pub fn into_graph(self) -> NeighborGraph {
        let OrderedGraph { graph, order } = self;
        let Order(Some(order)) = order else {
            return graph;
        };
        let (n, k) = (graph.n, graph.k);
        let mut ids = vec![0u32; n * k];
        let mut squared_distances = vec![0.0; n * k];
        ids.par_chunks_exact_mut(k)
            .zip(squared_distances.par_chunks_exact_mut(k))
            .zip(rows_of(&order))
            .for_each(|((ids, distances), row)| {
                let from = row as usize * k;
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
