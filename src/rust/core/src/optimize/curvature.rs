//! Whether E curves downwards where a run has come to rest.
//!
//! At a minimum the Hessian H of E has no negative eigenvalue. At a saddle it has one, and the
//! gradient does not show it: a group of cells in one point is at rest, and yet spreads once it is
//! disturbed. Sought is a direction with the smallest
//!
//! ```text
//! theta = v'Hv / v'Dv,    D = diag B,    B = 4 L(X) + mu I
//! ```
//!
//! with L(X) as in [`Reweighted`]: -theta is the repulsion in excess, in units of the attraction
//! of single cells. Products with H are differences of gradients. A few steps of Davidson's method
//! (1975) go from a random vector towards the smallest theta, with B as preconditioner.

use faer::{Mat, Side};

use super::reweighted::Reweighted;
use crate::monitor::Monitor;
use crate::objective::{Objective, Plan, Resolution};
use crate::random::Stream;
use crate::vector::{add_scaled, centre, dot, largest, norm};
use crate::{Error, Result};

/// mu, as a fraction of the mean diagonal: about the least eigenvalue within a group, so that 1 / B
/// enlarges its slow modes, and does not let its translation outgrow them.
const RIDGE: f64 = 0.1;

/// Directions whose span is searched, each at the price of an evaluation.
const DIRECTIONS: usize = 3;

/// theta below this is negative. What is nearer to zero is of no use to a run.
const NEGATIVE: f64 = -0.01;

/// Largest coordinate of the shift whose gradients are compared, in units of the kernel's width or
/// of the map, if that is narrower.
const SHIFT: f64 = 1e-3;

/// The same of the first step out of a saddle.
const STEP: f64 = 0.1;

/// A new direction that keeps less of its length beside the others is one of theirs.
const SPENT: f64 = 1e-6;

/// Stream of the random vectors.
const CURVATURE_STREAM: u64 = 0x5add;

/// A direction along which E curves downwards from X, where one is found; its length suits a
/// first step. `gradient` is that at X, and `draw` numbers the random vectors.
pub fn downwards(
    objective: &mut Objective,
    x: &[f64],
    gradient: &[f64],
    how: Plan,
    draw: u64,
    monitor: &dyn Monitor,
) -> Result<Option<Vec<f64>>> {
    let d = objective.d();
    let mut attraction = Reweighted::new(objective.weights(), objective.kernel(), d, 0, RIDGE);
    attraction.reweigh(x);
    let weighted = |v: &[f64]| -> Vec<f64> {
        let rows = v.chunks_exact(d).zip(attraction.diagonal());
        rows.flat_map(|(row, &diagonal)| row.iter().map(move |v| f64::from(diagonal) * v))
            .collect()
    };
    let unit = largest(x).min(1.0);
    let mut next = smooth(&attraction, draw, x.len());
    let mut directions: Vec<Vec<f64>> = Vec::with_capacity(DIRECTIONS);
    let mut products: Vec<Vec<f64>> = Vec::with_capacity(DIRECTIONS);
    let mut curvatures = Mat::<f64>::zeros(DIRECTIONS, DIRECTIONS);
    for last in 0..DIRECTIONS {
        centre(&mut next, d);
        let before = norm(&next);
        // Twice, so that rounding leaves nothing of the others.
        for _ in 0..2 {
            for other in &directions {
                let part = dot(&weighted(other), &next);
                add_scaled(&mut next, -part, other);
            }
        }
        let length = dot(&weighted(&next), &next).sqrt();
        if !(norm(&next) > SPENT * before && length.is_finite()) {
            return Ok(None);
        }
        next.iter_mut().for_each(|v| *v /= length);
        let shift = SHIFT * unit / largest(&next);
        let mut shifted = x.to_vec();
        add_scaled(&mut shifted, shift, &next);
        let mut product = vec![0.0; x.len()];
        match objective.evaluate(&shifted, how, Resolution::Fine, &mut product, monitor) {
            // The shift has left the grid.
            Err(Error::Memory(_)) => return Ok(None),
            other => other?,
        };
        for (product, gradient) in product.iter_mut().zip(gradient) {
            *product = (*product - gradient) / shift;
        }
        directions.push(next);
        products.push(product);
        for other in 0..=last {
            let curvature = dot(&directions[other], &products[last]);
            if !curvature.is_finite() {
                return Ok(None);
            }
            curvatures[(last, other)] = curvature;
        }
        let found = curvatures.submatrix(0, 0, last + 1, last + 1);
        let found = found
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| Error::internal("The curvatures of E have no eigenvalues.", ""))?;
        let theta = found.S().column_vector()[0];
        let combined = |vectors: &[Vec<f64>]| {
            let mut sum = vec![0.0; x.len()];
            for (part, vector) in found.U().col(0).iter().zip(vectors) {
                add_scaled(&mut sum, *part, vector);
            }
            sum
        };
        let mut lowest = combined(&directions);
        if theta < NEGATIVE {
            let scale = STEP * unit / largest(&lowest);
            lowest.iter_mut().for_each(|v| *v *= scale);
            return Ok(Some(lowest));
        }
        next = combined(&products);
        add_scaled(&mut next, -theta, &weighted(&lowest));
        attraction.solve(&mut next);
    }
    Ok(None)
}

/// A random vector that neighbours share, without the translations of groups: (1 - mu / B) / B of
/// noise.
fn smooth(attraction: &Reweighted, draw: u64, numbers: usize) -> Vec<f64> {
    let stream = Stream::new(draw, CURVATURE_STREAM);
    let mut noise: Vec<f64> = (0..numbers).map(|i| stream.normal(i as u64)).collect();
    attraction.solve(&mut noise);
    let mut shared: Vec<f64> = noise.iter().map(|v| attraction.ridge() * v).collect();
    attraction.solve(&mut shared);
    add_scaled(&mut noise, -1.0, &shared);
    noise
}
