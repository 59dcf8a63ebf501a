//! Attractive weights: from each point's neighbours to row-stochastic P at a given
//! perplexity, and from P to the symmetric W+.

mod bandwidth;
mod rows;
mod symmetrize;
mod weights;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::monitor::Monitor;
use crate::neighbors::{NeighborGraph, OrderedGraph};
use crate::order::Order;
use crate::{Error, Result};

pub(crate) use bandwidth::solve_row;
pub use bandwidth::Solver;
pub use rows::RowAffinities;
pub use symmetrize::symmetrize;
pub(crate) use symmetrize::SINGLE_FROM;
pub use weights::{Sample, Weights};

/// Rows solved between two looks at the monitor.
const ROWS_PER_TASK: usize = 256;

/// What determines the affinities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Effective number of neighbours: exp of each row's entropy in nats.
    pub perplexity: f64,
    /// Neighbours of a cell; `None` for three times the perplexity.
    pub k: Option<usize>,
    /// How the row's bandwidth is found.
    pub solver: Solver,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            perplexity: 20.0,
            k: None,
            solver: Solver::Newton,
        }
    }
}

/// [`Options`] that fit a number of cells and neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValidOptions(Options);

impl Options {
    /// Neighbours of each of `n` cells.
    pub fn neighbors_of(&self, n: usize) -> usize {
        let usual = (3.0 * self.perplexity).ceil() as usize;
        self.k.unwrap_or(usual).min(n.saturating_sub(1))
    }

    /// Checks the perplexity against `n` cells with `k` neighbours each.
    pub fn check(self, n: usize, k: usize) -> Result<ValidOptions> {
        let perplexity = self.perplexity;
        let advice = || {
            let most = (n.saturating_sub(1)) as f64 / 3.0;
            if most > 1.0 {
                format!("For {n} cells a perplexity of at most {most:.4} = (N - 1) / 3 works well.")
            } else {
                format!("{n} cells are too few for entropic affinities; use at least 5.")
            }
        };
        if !(perplexity > 1.0) {
            return Err(Error::perplexity(
                format!("`perplexity` is {perplexity}; it must be larger than 1."),
                "It is the effective number of neighbours of a cell; 30 is usual.",
            ));
        }
        if perplexity >= n as f64 {
            return Err(Error::perplexity(
                format!("`perplexity` is {perplexity} but there are only {n} cells."),
                advice(),
            ));
        }
        if perplexity >= k as f64 {
            let remedy = if k + 1 < n {
                format!(
                    "Raise `k` above {perplexity}, or lower `perplexity`. {}",
                    advice()
                )
            } else {
                advice()
            };
            return Err(Error::perplexity(
                format!("`perplexity` is {perplexity} but each cell has only {k} neighbours."),
                remedy,
            ));
        }
        Ok(ValidOptions(self))
    }
}

impl ValidOptions {
    /// P of every row: p_nm ~ exp(-beta_n d^2_nm) with entropy log(perplexity).
    ///
    /// Entropic affinities: Hinton and Roweis 2003; Vladymyrov and Carreira-Perpinan
    /// 2013, "Entropic affinities: properties and efficient numerical computation".
    pub fn rows(&self, graph: &NeighborGraph, monitor: &dyn Monitor) -> Result<RowAffinities> {
        let (n, k) = (graph.n, graph.k);
        monitor.stage("affinities", n);
        let mut p = vec![0.0; n * k];
        let mut log_beta = vec![0.0; n];
        let mut perplexity = vec![0.0; n];
        p.par_chunks_mut(ROWS_PER_TASK * k)
            .zip(graph.squared_distances.par_chunks(ROWS_PER_TASK * k))
            .zip(log_beta.par_chunks_mut(ROWS_PER_TASK))
            .zip(perplexity.par_chunks_mut(ROWS_PER_TASK))
            .try_for_each(|(((p, distances), log_beta), perplexity)| {
                monitor.check()?;
                let rows = p.chunks_exact_mut(k).zip(distances.chunks_exact(k));
                for ((p, distances), (log_beta, reached)) in
                    rows.zip(log_beta.iter_mut().zip(perplexity))
                {
                    (*log_beta, *reached) =
                        bandwidth::solve_row(distances, self.0.perplexity, self.0.solver, p);
                }
                monitor.advance(log_beta.len());
                Ok(())
            })?;
        Ok(RowAffinities {
            p,
            log_beta,
            perplexity,
        })
    }
}

/// Attractive weights with all that is known of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Affinities {
    /// W+; cells are numbered by their row.
    pub weights: Weights,
    /// As in [`RowAffinities`], by row.
    pub log_beta: Vec<f64>,
    /// As in [`RowAffinities`], by row.
    pub perplexity: Vec<f64>,
    /// Neighbours per cell.
    pub k: usize,
    /// That of the graph.
    pub order: Order,
}

impl Affinities {
    /// Affinities of the cells of a graph, which is used up on the way.
    pub fn from_graph(
        graph: OrderedGraph,
        options: Options,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let OrderedGraph { mut graph, order } = graph;
        let rows = options.check(graph.n, graph.k)?.rows(&graph, monitor)?;
        graph.squared_distances = Vec::new();
        monitor.check()?;
        Ok(Affinities {
            weights: symmetrize(&graph, &rows),
            log_beta: rows.log_beta,
            perplexity: rows.perplexity,
            k: graph.k,
            order,
        })
    }

    /// The same with the cells numbered as they came.
    pub fn undo_order(self) -> Self {
        let Some(ids) = &self.order.0 else {
            return self;
        };
        let back = |values: &[f64]| self.order.undo(values, 1).into_iter().collect();
        Affinities {
            weights: self.weights.renumbered(ids),
            log_beta: back(&self.log_beta),
            perplexity: back(&self.perplexity),
            k: self.k,
            order: Order::default(),
        }
    }
}
