//! New cells on a finished map.

use ndarray::ArrayView2;

use crate::affinity::RowAffinities;
use crate::monitor::Monitor;
use crate::neighbors::NeighborGraph;
use crate::objective::Landscape;
use crate::{Error, Result};

/// Rounds before a cell is left where it is.
const MOST_ROUNDS: usize = 200;

/// A cell has come to rest once it moves by less than this, in units of the kernel's width.
const REST: f64 = 1e-6;

/// Longest step, in units of the spectral one: the repulsion can only flatten f.
const LONGEST: f64 = 8.0;

/// Sufficient decrease: f(x + a p) <= f(x) + c1 a g.p
const ARMIJO: f64 = 1e-4;

/// Places of new cells on a map of N others that stay where they are.
///
/// A new cell with inputs y and affinities p_m to its neighbours among the N goes to a
/// minimum of
///
/// ```text
/// f(x) = sum_m p_m |x - x_m|^2 + lambda N / S sum_m |y - y_m|^2 exp(-|x - x_m|^2),
/// ```
///
/// which is N / 2 times what it would add to E if its neighbours returned its affinities
/// (the out-of-sample extension of Carreira-Perpinan 2010, section 5, with W+ normalised
/// as for the other cells). Since sum_m p_m = 1, the first sum is |x - x'|^2 and a
/// constant, x' being the mean of the neighbours: the cell starts there and follows
/// -grad f / 2, the spectral direction of one point, with backtracking and steps that
/// grow again. New cells do not feel each other.
///
/// `neighbours` and `affinities` are those of the new cells among the N. Returns n x d by
/// rows.
pub fn place(
    landscape: &Landscape,
    queries: ArrayView2<'_, f64>,
    neighbours: &NeighborGraph,
    affinities: &RowAffinities,
    lambda: f64,
    monitor: &dyn Monitor,
) -> Result<Vec<f64>> {
    let d = landscape.d();
    let k = neighbours.k;
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
    let mut means = vec![0.0; neighbours.n * d];
    let lists = neighbours
        .ids
        .chunks_exact(k)
        .zip(affinities.p.chunks_exact(k));
    for (mean, (ids, p)) in means.chunks_exact_mut(d).zip(lists) {
        for (&id, p) in ids.iter().zip(p) {
            for (mean, x) in mean
                .iter_mut()
                .zip(&landscape.map()[id as usize * d..][..d])
            {
                *mean += p * x;
            }
        }
    }
    let strength = lambda * landscape.n() as f64;
    let evaluate = |cells: &[u32], x: &[f64]| -> Result<Vec<Value>> {
        let potentials = landscape.evaluate(queries, cells, x, monitor)?;
        let points = x.chunks_exact(d).zip(cells);
        let values = points.zip(potentials).map(|((x, &cell), potential)| {
            let mean = &means[cell as usize * d..][..d];
            let mut value = Value {
                f: strength * potential.psi,
                gradient: potential.gradient.iter().map(|g| strength * g).collect(),
            };
            for a in 0..d {
                value.f += (x[a] - mean[a]).powi(2);
                value.gradient[a] += 2.0 * (x[a] - mean[a]);
            }
            value
        });
        Ok(values.collect())
    };
    let mut x = means.clone();
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
                let gradient = &values[cell].gradient;
                let from = &x[cell * d..][..d];
                from.iter()
                    .zip(gradient)
                    .map(move |(x, g)| x - 0.5 * step * g)
            })
            .collect();
        let reached = evaluate(&moving, &trials)?;
        let mut rest = Vec::with_capacity(moving.len());
        let points = moving.iter().zip(trials.chunks_exact(d).zip(reached));
        for (&cell, (trial, value)) in points {
            let at = cell as usize;
            let slope: f64 = values[at].gradient.iter().map(|g| 0.5 * g * g).sum();
            let moved = steps[at] * (0.5 * slope).sqrt();
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
}
