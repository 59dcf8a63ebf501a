//! Landmarks: cells of a map that a model keeps, by which it places others.
//!
//! A network is smooth, and keeps few of the immediate neighbours of a cell. Landmarks put a cell
//! among them. With affinities p_l to its nearest landmarks, at places x_l, it goes to a minimum of
//!
//! ```text
//! f(x) = sum_l p_l a(|x - x_l|^2)
//! ```
//!
//! with the attraction a of the kernel. One round is
//!
//! ```text
//! x <- sum_l w_l x_l / sum_l w_l,    w_l = p_l a'(|x - x_l|^2),
//! ```
//!
//! the minimum of what majorises f at x, as a' falls. A heavy-tailed f has many minima. The cell
//! starts where f is least: at one of its nearest landmarks, or where the network puts it. A cell
//! that is a landmark has its place.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::affinity::{solve_row, Solver};
use crate::monitor::Monitor;
use crate::network::{Points, Standard};
use crate::objective::Kernel;
use crate::random::Stream;
use crate::{Error, Result};

/// Landmarks that draw a cell.
const NEAREST: usize = 90;

/// Effective number of them.
const PERPLEXITY: f64 = 30.0;

/// Landmarks beyond the nearest whose distances are computed again: products in single precision
/// may swap the last few.
const SPARE: usize = 16;

/// Nearest landmarks at which a cell may start.
const STARTS: usize = 15;

/// Rounds before a cell is left where it is.
const MOST_ROUNDS: usize = 100;

/// A cell has come to rest once it moves by less than this, in units of the kernel's width.
const REST: f64 = 1e-3;

/// Cells placed by one task.
const CELLS: usize = 256;

/// Cells among which landmarks are chosen, at most; more would take long and change nothing.
const MOST_CANDIDATES: usize = 50_000;

/// Streams of the choice.
const STREAM: u64 = 0x1a4d;

/// Cells of a map with their places.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Landmarks {
    /// Inputs of the network, centred and scaled: cells x inputs by rows.
    inputs: Vec<f32>,
    /// Their places, cells x d by rows.
    places: Vec<f64>,
}

impl Landmarks {
    /// `count` of the cells in `points`, whose places `map` holds by rows; all, if there are no
    /// more.
    ///
    /// Each next one is drawn with a probability in proportion to its squared distance from those
    /// chosen before. (Arthur and Vassilvitskii 2007, "k-means++: the advantages of careful
    /// seeding".) So they are dense where cells are, and no rare type is left out.
    pub fn choose(points: &Points<f32>, map: &[f64], count: usize, seed: u64) -> Self {
        let (n, inputs) = (points.n(), points.inputs());
        let d = map.len() / n.max(1);
        let stream = Stream::new(seed, STREAM);
        let candidates = match n {
            ..=MOST_CANDIDATES => (0..n).collect(),
            _ => stream.substream(0).sample(n, MOST_CANDIDATES),
        };
        let chosen = if count >= n {
            (0..n).collect()
        } else {
            spread(points, &candidates, count, stream.substream(1))
        };
        let row = |id: &usize| points.values()[id * inputs..][..inputs].iter().copied();
        let place = |id: &usize| map[id * d..][..d].iter().copied();
        Landmarks {
            inputs: chosen.iter().flat_map(row).collect(),
            places: chosen.iter().flat_map(place).collect(),
        }
    }

    /// Number of landmarks on a map of `d` dimensions.
    pub fn count(&self, d: usize) -> usize {
        self.places.len() / d
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The landmarks as they were before they were centred and scaled, cells x inputs, and their
    /// places.
    pub fn cells(&self, standard: &Standard) -> (Vec<f64>, &[f64]) {
        let rows = self.inputs.chunks_exact(standard.centre.len());
        let of_row = |row: &[f32]| -> Vec<f64> {
            let row = row.iter().zip(&standard.centre);
            row.map(|(v, centre)| f64::from(*v) * standard.scale + centre)
                .collect()
        };
        (rows.flat_map(of_row).collect(), &self.places)
    }

    /// Whether they fit a network with `inputs` inputs and `d` outputs.
    pub fn fit(&self, inputs: usize, d: usize) -> bool {
        self.inputs.iter().all(|v| v.is_finite())
            && self.places.iter().all(|v| v.is_finite())
            && self.places.len().is_multiple_of(d)
            && self.inputs.len() == self.count(d) * inputs
    }

    /// Moves cells from where a network put them, `places` by rows, to where the landmarks draw
    /// them. The place of a cell depends on nothing but the cell.
    pub fn place(
        &self,
        points: &Points<f32>,
        kernel: Kernel,
        places: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<()> {
        let d = places.len() / points.n().max(1);
        if self.is_empty() || places.is_empty() {
            return Ok(());
        }
        if !self.fit(points.inputs(), d) {
            return Err(Error::internal("The landmarks do not fit the cells.", ""));
        }
        let norms: Vec<f32> = self
            .inputs
            .chunks_exact(points.inputs())
            .map(|row| row.iter().map(|v| v * v).sum())
            .collect();
        places
            .par_chunks_mut(CELLS * d)
            .enumerate()
            .try_for_each(|(task, places)| {
                monitor.check()?;
                let first = task * CELLS;
                let cells = first..first + places.len() / d;
                self.for_nearest(points, cells, &norms, |cell, ids, squared_distances| {
                    let near = ids.iter().map(|&id| &self.places[id as usize * d..][..d]);
                    let near: Vec<f64> = near.flatten().copied().collect();
                    let place = &mut places[cell * d..][..d];
                    draw(kernel, squared_distances, &near, place);
                });
                Ok(())
            })
    }

    /// Hands each cell of a range, its number in it, its nearest landmarks and their squared
    /// distances, ascending, to `use_them`.
    fn for_nearest(
        &self,
        points: &Points<f32>,
        cells: Range<usize>,
        norms: &[f32],
        mut use_them: impl FnMut(usize, &[u32], &[f64]),
    ) {
        let inputs = points.inputs();
        let count = norms.len();
        let k = NEAREST.min(count);
        let rows = &points.values()[cells.start * inputs..cells.end * inputs];
        let mut products = vec![0.0f32; cells.len() * count];
        matmul(
            MatMut::from_row_major_slice_mut(&mut products, cells.len(), count),
            Accum::Replace,
            MatRef::from_row_major_slice(rows, cells.len(), inputs),
            MatRef::from_row_major_slice(&self.inputs, count, inputs).transpose(),
            1.0,
            Par::Seq,
        );
        let cells = rows.chunks_exact(inputs).zip(products.chunks_exact(count));
        let mut order: Vec<(f32, u32)> = Vec::with_capacity(count);
        for (cell, (row, products)) in cells.enumerate() {
            order.clear();
            let pairs = products.iter().zip(norms).zip(0..);
            order.extend(pairs.map(|((product, norm), id)| (norm - 2.0 * product, id)));
            let candidates = (k + SPARE).min(count);
            if candidates < count {
                order.select_nth_unstable_by(candidates - 1, |a, b| a.0.total_cmp(&b.0));
            }
            let distance = |&(_, id): &(f32, u32)| {
                let landmark = &self.inputs[id as usize * inputs..][..inputs];
                let apart = row.iter().zip(landmark).map(|(a, b)| f64::from(a - b));
                (apart.map(|v| v * v).sum::<f64>(), id)
            };
            let mut nearest: Vec<(f64, u32)> = order[..candidates].iter().map(distance).collect();
            nearest.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let (distances, ids): (Vec<f64>, Vec<u32>) = nearest[..k].iter().copied().unzip();
            use_them(cell, &ids, &distances);
        }
    }
}

/// Moves a cell from where the network puts it to where its nearest landmarks draw it. Their
/// squared distances are given, and their places by rows in `near`.
fn draw(kernel: Kernel, squared_distances: &[f64], near: &[f64], place: &mut [f64]) {
    let (k, d) = (squared_distances.len(), place.len());
    if squared_distances[0] == 0.0 {
        place.copy_from_slice(&near[..d]);
        return;
    }
    let mut p = vec![0.0; k];
    // Of few landmarks a third is asked for, as of few neighbours.
    let perplexity = PERPLEXITY.min((k as f64 / 3.0).max(1.0));
    solve_row(squared_distances, perplexity, Solver::Newton, &mut p);
    let mut squares = vec![0.0; k];
    let mut pulls = vec![0.0; k];
    let mut evaluate = |x: &[f64], pulls: &mut [f64]| -> f64 {
        for (square, place) in squares.iter_mut().zip(near.chunks_exact(d)) {
            *square = x.iter().zip(place).map(|(a, b)| (a - b) * (a - b)).sum();
        }
        kernel.attractions(&mut squares, pulls);
        squares.iter().zip(&p).map(|(a, p)| a * p).sum()
    };
    let mut x = place.to_vec();
    let mut least = evaluate(&x, &mut pulls);
    if !kernel.has_quadratic_attraction() {
        for start in near.chunks_exact(d).take(STARTS) {
            let strain = evaluate(start, &mut pulls);
            if strain < least {
                least = strain;
                x.copy_from_slice(start);
            }
        }
    }
    for _ in 0..MOST_ROUNDS {
        evaluate(&x, &mut pulls);
        let mut next = vec![0.0; d];
        let mut total = 0.0;
        for ((pull, p), place) in pulls.iter().zip(&p).zip(near.chunks_exact(d)) {
            let weight = p * pull;
            total += weight;
            next.iter_mut()
                .zip(place)
                .for_each(|(x, l)| *x += weight * l);
        }
        next.iter_mut().for_each(|x| *x /= total);
        let moved = x
            .iter()
            .zip(&next)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>();
        x = next;
        if moved.sqrt() < REST {
            break;
        }
    }
    place.copy_from_slice(&x);
}

/// `count` of the candidates, each next one drawn by its squared distance from those before.
fn spread(points: &Points<f32>, candidates: &[usize], count: usize, stream: Stream) -> Vec<usize> {
    let inputs = points.inputs();
    let row = |id: usize| &points.values()[id * inputs..][..inputs];
    let mut left = vec![f64::INFINITY; candidates.len()];
    let mut chosen = Vec::with_capacity(count);
    let mut next = (stream.uniform(0) * candidates.len() as f64) as usize;
    while chosen.len() < count.min(candidates.len()) {
        chosen.push(candidates[next]);
        let latest = row(candidates[next]);
        left.par_iter_mut()
            .zip(candidates)
            .with_min_len(CELLS)
            .for_each(|(left, &id)| {
                let apart = row(id).iter().zip(latest).map(|(a, b)| a - b);
                *left = left.min(f64::from(apart.map(|v| v * v).sum::<f32>()));
            });
        left[next] = 0.0;
        let total: f64 = left.iter().sum();
        let mut rest = stream.uniform(chosen.len() as u64) * total;
        let drawn = left.iter().position(|part| {
            rest -= part;
            *part > 0.0 && rest < 0.0
        });
        // Rounding may leave a rest, and equal cells have no distances: then any that is left.
        let Some(found) = drawn.or_else(|| left.iter().rposition(|part| *part > 0.0)) else {
            break;
        };
        next = found;
    }
    chosen.sort_unstable();
    chosen
}
