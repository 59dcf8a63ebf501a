//! New cells on a finished map.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::affinity::RowAffinities;
use crate::monitor::Monitor;
use crate::neighbors::NeighborGraph;
use crate::objective::{Kernel, MapRepulsion};
use crate::{Error, Result};

/// Rounds before a cell is left where it is.
const MOST_ROUNDS: usize = 200;

/// A cell has come to rest once it moves by less than this, in units of the kernel's width.
const REST: f64 = 1e-6;

/// Longest step, in units of the spectral one: the repulsion can only flatten f.
const LONGEST: f64 = 8.0;

/// Nearest neighbours at which a cell may start.
const CANDIDATES: usize = 15;

/// Sufficient decrease: f(x + a p) <= f(x) + c1 a g.p
const ARMIJO: f64 = 1e-4;

/// Places of new cells on a map of N others that stay where they are.
///
/// A new cell with inputs y and affinities p_m to its neighbours among the N goes to a
/// minimum of
///
/// ```text
/// f(x) = sum_m p_m a(|x - x_m|^2) + lambda N / S sum_m |y - y_m|^2 k(|x - x_m|^2),
/// ```
///
/// which is N / 2 times what it would add to E if its neighbours returned its affinities. (This is
/// the out-of-sample extension of Carreira-Perpinan 2010, section 5, with W+ normalised as for the
/// other cells.) For a = r^2, since sum_m p_m = 1, the first sum is |x - x'|^2 and a constant, x'
/// being the mean of the neighbours. The cell starts at x'. It follows -grad f / 2 sum_m p_m a',
/// the spectral direction of one point, with backtracking and steps that grow again. New cells do
/// not feel each other.
///
/// Where the cells of the map have masses, w- has the factor m_m, and N is sum m_m. A new cell has
/// the mass of its neighbours, which f does not show.
///
/// `neighbours` and `affinities` are those of the new cells among the N. Returns n x d by
/// rows.
pub fn place(
    repulsion: &MapRepulsion,
    queries: ArrayView2<'_, f64>,
    neighbours: &NeighborGraph,
    affinities: &RowAffinities,
    lambda: f64,
    monitor: &dyn Monitor,
) -> Result<Vec<f64>> {
    let d = repulsion.d();
    if queries.nrows() != neighbours.n {
        return Err(Error::internal(
            format!(
                "{} new cells come with neighbours of {}.",
                queries.nrows(),
                neighbours.n
            ),
            "",
        ));
    }
    let goals = Goals::new(repulsion, neighbours, affinities);
    let strength = lambda * repulsion.masses().total();
    let evaluate = |cells: &[u32], x: &[f64]| -> Result<Vec<Value>> {
        let potentials = repulsion.evaluate(queries, cells, x, monitor)?;
        let points = x.chunks_exact(d).zip(cells);
        let values = points.zip(potentials).map(|((x, &cell), potential)| {
            let mut value = Value {
                f: strength * potential.psi,
                gradient: potential.gradient.iter().map(|g| strength * g).collect(),
                pull: 0.0,
            };
            goals.add(cell as usize, x, &mut value);
            value
        });
        Ok(values.collect())
    };
    let mut x = goals.starts();
    monitor.stage("placing", MOST_ROUNDS);
    let mut moving: Vec<u32> = (0..neighbours.n as u32).collect();
    let mut values = evaluate(&moving, &x)?;
    let mut steps = vec![1.0; neighbours.n];
    for _ in 0..MOST_ROUNDS {
        if moving.is_empty() {
            break;
        }
        monitor.check()?;
        let trials: Vec<f64> = moving
            .iter()
            .flat_map(|&cell| {
                let (cell, step) = (cell as usize, steps[cell as usize]);
                let Value { gradient, pull, .. } = &values[cell];
                let from = &x[cell * d..][..d];
                from.iter()
                    .zip(gradient)
                    .map(move |(x, g)| x - 0.5 * step * g / pull)
            })
            .collect();
        let reached = evaluate(&moving, &trials)?;
        let mut rest = Vec::with_capacity(moving.len());
        let points = moving.iter().zip(trials.chunks_exact(d).zip(reached));
        for (&cell, (trial, value)) in points {
            let at = cell as usize;
            let Value { gradient, pull, .. } = &values[at];
            let slope: f64 = gradient.iter().map(|g| 0.5 * g * g / pull).sum();
            let moved = steps[at] * (0.5 * slope / pull).sqrt();
            if value.f <= values[at].f - ARMIJO * steps[at] * slope {
                x[at * d..][..d].copy_from_slice(trial);
                values[at] = value;
                steps[at] = (2.0 * steps[at]).min(LONGEST);
            } else {
                steps[at] *= 0.5;
            }
            if moved > REST {
                rest.push(cell);
            }
        }
        moving = rest;
        monitor.advance(1);
    }
    Ok(x)
}

/// f and its gradient at one cell.
struct Value {
    f: f64,
    gradient: Vec<f64>,
    /// sum_m p_m a'(|x - x_m|^2): twice it majorises the curvature of the attraction.
    pull: f64,
}

/// What every new cell is drawn to: its part of f is sum_m p_m a(|x - x_m|^2).
enum Goals<'a> {
    /// a = r^2: the mean of the neighbours.
    Means(Vec<f64>, usize),
    /// Any other: each of them.
    Neighbours {
        kernel: Kernel,
        map: &'a [f64],
        ids: &'a [u32],
        p: &'a [f64],
        d: usize,
        k: usize,
    },
}

impl<'a> Goals<'a> {
    fn new(
        repulsion: &'a MapRepulsion,
        neighbours: &'a NeighborGraph,
        affinities: &'a RowAffinities,
    ) -> Self {
        let (kernel, map, d) = (repulsion.kernel(), repulsion.map(), repulsion.d());
        let (ids, p, k) = (&neighbours.ids, &affinities.p, neighbours.k);
        if !kernel.has_quadratic_attraction() {
            return Goals::Neighbours {
                kernel,
                map,
                ids,
                p,
                d,
                k,
            };
        }
        let mut means = vec![0.0; neighbours.n * d];
        let lists = ids.chunks_exact(k).zip(p.chunks_exact(k));
        for (mean, (ids, p)) in means.chunks_exact_mut(d).zip(lists) {
            for (&id, p) in ids.iter().zip(p) {
                for (mean, x) in mean.iter_mut().zip(&map[id as usize * d..][..d]) {
                    *mean += p * x;
                }
            }
        }
        Goals::Means(means, d)
    }

    /// Where the cells start: at the mean or, since a heavy-tailed attraction has many
    /// minima, at the neighbour that the others pull at least.
    fn starts(&self) -> Vec<f64> {
        let (map, ids, d, k) = match *self {
            Goals::Means(ref means, _) => return means.clone(),
            Goals::Neighbours { map, ids, d, k, .. } => (map, ids, d, k),
        };
        let best = ids.par_chunks_exact(k).enumerate().map(|(cell, ids)| {
            let at = |id: u32| &map[id as usize * d..][..d];
            let strain = |&&id: &&u32| {
                let mut value = Value {
                    f: 0.0,
                    gradient: vec![0.0; d],
                    pull: 0.0,
                };
                self.add(cell, at(id), &mut value);
                value.f
            };
            let candidates = ids.iter().take(CANDIDATES);
            let best = candidates.min_by(|a, b| strain(a).total_cmp(&strain(b)));
            best.map_or_else(|| vec![0.0; d], |&id| at(id).to_vec())
        });
        best.collect::<Vec<_>>().concat()
    }

    fn add(&self, cell: usize, x: &[f64], value: &mut Value) {
        match *self {
            Goals::Means(ref means, d) => {
                let mean = &means[cell * d..][..d];
                for a in 0..d {
                    value.f += (x[a] - mean[a]).powi(2);
                    value.gradient[a] += 2.0 * (x[a] - mean[a]);
                }
                value.pull = 1.0;
            }
            Goals::Neighbours {
                kernel,
                map,
                ids,
                p,
                d,
                k,
            } => {
                let near = ids[cell * k..][..k].iter().zip(&p[cell * k..][..k]);
                for (&id, p) in near {
                    let neighbour = &map[id as usize * d..][..d];
                    let squares = x.iter().zip(neighbour).map(|(a, b)| (a - b) * (a - b));
                    let squared_distance = squares.sum();
                    let pull = p * kernel.pull(squared_distance);
                    value.f += p * kernel.attraction(squared_distance);
                    value.pull += pull;
                    for a in 0..d {
                        value.gradient[a] += 2.0 * pull * (x[a] - neighbour[a]);
                    }
                }
            }
        }
    }
}
