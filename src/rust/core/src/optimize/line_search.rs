//! A step length that satisfies the weak Wolfe conditions.

use crate::objective::Energy;
use crate::vector::{add_scaled, dot};
use crate::Result;

/// Sufficient decrease: E(X + a P) <= E(X) + c1 a G.P
const ARMIJO: f64 = 1e-4;

/// Curvature: G(X + a P).P >= c2 G.P, so that L-BFGS learns a positive curvature.
const CURVATURE: f64 = 0.9;

/// Evaluations before the search gives up.
const MOST_TRIALS: usize = 25;

/// A point that was accepted.
pub struct Accepted {
    /// The new X.
    pub x: Vec<f64>,
    /// E there.
    pub energy: Energy,
    /// The gradient there.
    pub gradient: Vec<f64>,
}

/// Searches along `direction` from `x`, starting with a step of 1 or `longest`, which no
/// step exceeds. `slope` is G.P < 0. Bisection and doubling after Lewis and Overton
/// (2013), with the parabola through the known values as first guess of a shorter step.
/// Returns `None` where no step lowers the energy.
pub fn search(
    mut evaluate: impl FnMut(&[f64], &mut [f64]) -> Result<Energy>,
    x: &[f64],
    energy: f64,
    direction: &[f64],
    slope: f64,
    longest: f64,
) -> Result<Option<Accepted>> {
    let (mut short, mut long) = (0.0, f64::INFINITY);
    let mut step = longest.min(1.0);
    let mut best: Option<Accepted> = None;
    for _ in 0..MOST_TRIALS {
        let mut trial = x.to_vec();
        add_scaled(&mut trial, step, direction);
        let mut gradient = vec![0.0; x.len()];
        let reached = evaluate(&trial, &mut gradient)?;
        let trial_energy = reached.total();
        // False for NaN too.
        let lowered = trial_energy <= energy + ARMIJO * step * slope;
        if !lowered {
            if best.is_some() {
                break;
            }
            long = step;
            let parabola = -slope * step * step / (2.0 * (trial_energy - energy - slope * step));
            step = if short > 0.0 {
                0.5 * (short + long)
            } else if parabola.is_finite() {
                parabola.clamp(0.1 * step, 0.5 * step)
            } else {
                0.1 * step
            };
            continue;
        }
        let curved = dot(&gradient, direction) >= CURVATURE * slope;
        if best
            .as_ref()
            .is_none_or(|best| trial_energy < best.energy.total())
        {
            best = Some(Accepted {
                x: trial,
                energy: reached,
                gradient,
            });
        }
        if curved || step >= longest {
            break;
        }
        short = step;
        step = if long.is_finite() {
            0.5 * (short + long)
        } else {
            (2.0 * step).min(longest)
        };
    }
    Ok(best)
}
