//! New cells on a finished map.

use ndarray::{concatenate, Array2, ArrayView2, Axis};
use serde::Deserialize;

use super::Options;
use crate::affinity::{self, Affinities};
use crate::masses::Masses;
use crate::memory;
use crate::monitor::Monitor;
use crate::neighbors::{search, search_queries, Search};
use crate::objective::{Kernel, MapRepulsion, Method, Objective, RepulsionWeight, Terms};
use crate::optimize::{self, join, place, JOINING_TOLERANCE};
use crate::order::Order;
use crate::{Error, Result};

/// A finished map, on which new cells find their places.
#[derive(Debug, Clone, Copy)]
pub struct Map<'a> {
    /// N x D, the cells of the map as they were given.
    pub points: ArrayView2<'a, f64>,
    /// How many cells each stands for; `None` for one each.
    pub masses: Option<&'a Masses>,
    /// N x d, their places.
    pub embedding: ArrayView2<'a, f64>,
    /// How it was made.
    pub options: MapOptions,
}

/// How a map was made.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapOptions {
    /// How cells attract and repel.
    pub kernel: Kernel,
    /// The weight of the repulsion, given or reached.
    pub lambda: f64,
    /// The other terms of E.
    pub terms: Terms,
    /// How neighbours become attractive weights.
    pub affinity: affinity::Options,
    /// Seed of the approximate search; `None` for the usual one.
    pub seed: Option<u64>,
}

impl MapOptions {
    /// Refuses terms that no map was made with.
    fn check(&self) -> Result<&Self> {
        self.terms.check().map(|_| self)
    }

    fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| Options::default().seed)
    }
}

impl Map<'_> {
    /// Places of new cells, n x D, each alone: n x d. See [`optimize::place`].
    pub fn place(&self, new: ArrayView2<'_, f64>, monitor: &dyn Monitor) -> Result<Array2<f64>> {
        let options = self.options.check()?;
        let n = self.points.nrows();
        let k = options.affinity.neighbors_of(n);
        let valid = options.affinity.check(n, k)?;
        let seed = options.seed();
        let graph = search_queries(self.points, new, k, Search::Auto, seed, monitor)?;
        let rows = valid.rows(&graph, monitor)?;
        let (kernel, uniform) = (options.kernel, options.terms.uniform);
        let (y, x, masses) = (self.points, self.embedding, self.masses());
        let repulsion = MapRepulsion::of_masses(y, x, masses, kernel, uniform, Method::Auto)?;
        let x = place(&repulsion, new, &graph, &rows, options.lambda, monitor)?;
        Ok(Order::default().undo(&x, self.embedding.ncols()))
    }

    /// The same where new cells feel each other too, from the places `starts`, n x d. See
    /// [`optimize::join`].
    pub fn place_together(
        &self,
        new: ArrayView2<'_, f64>,
        starts: ArrayView2<'_, f64>,
        monitor: &dyn Monitor,
    ) -> Result<Array2<f64>> {
        let d = self.embedding.ncols();
        let all = concatenate(Axis(0), &[self.points, new])
            .map_err(|e| Error::internal(e.to_string(), ""))?;
        let options = self.options.check()?;
        let k = options.affinity.neighbors_of(all.nrows());
        options.affinity.check(all.nrows(), k)?;
        let graph = search(all.view(), k, Search::Auto, options.seed(), monitor)?;
        let affinities = Affinities::from_graph(graph, options.affinity, monitor)?.undo_order();
        let weight = RepulsionWeight::Lambda(options.lambda);
        let (y, w, masses) = (
            all.view(),
            affinities.weights,
            self.masses_with(new, monitor)?,
        );
        let objective = Objective::of_masses(y, masses, w, options.kernel, weight, d)?
            .with_terms(options.terms)?;
        drop(all);
        let run = optimize::Options {
            tol: JOINING_TOLERANCE,
            ..optimize::Options::default()
        };
        let x = join(objective, self.embedding, starts, run, monitor)?;
        Ok(Order::default().undo(&x, d))
    }

    fn masses(&self) -> Masses {
        let ones = || Masses::Ones(self.points.nrows());
        self.masses.cloned().unwrap_or_else(ones)
    }

    /// Those of the map's cells and of new ones, which have that of the nearest on the map.
    fn masses_with(&self, new: ArrayView2<'_, f64>, monitor: &dyn Monitor) -> Result<Masses> {
        let Some(masses) = self.masses else {
            return Ok(Masses::Ones(self.points.nrows() + new.nrows()));
        };
        let seed = self.options.seed();
        let nearest = search_queries(self.points, new, 1, Search::Auto, seed, monitor)?;
        let of_map = (0..masses.n()).map(|i| masses.of(i));
        let of_new = nearest.ids.iter().map(|&id| masses.of(id as usize));
        Masses::new(&of_map.chain(of_new).collect::<Vec<_>>())
    }
}

/// Refuses to place cells together, `cells` old and new ones with `inputs` features, where that
/// takes more bytes than `limit`, or than are free.
pub fn check_together(
    cells: usize,
    inputs: usize,
    d: usize,
    options: affinity::Options,
    limit: Option<u64>,
) -> Result<()> {
    let Some(limit) = limit.or_else(memory::available) else {
        return Ok(());
    };
    let job = memory::Job {
        n: cells,
        inputs,
        k: options.neighbors_of(cells),
        d,
        search: Some(Search::Auto),
        network: 0,
    };
    // The inputs of all cells stand beside those of the old and the new ones.
    let copy = 8 * (job.n * job.inputs) as u64;
    job.check(limit.saturating_sub(copy)).map_err(|error| {
        Error::memory(
            error.report().message.clone(),
            "Place fewer cells at a time, or each by itself: together = FALSE.",
        )
    })
}
