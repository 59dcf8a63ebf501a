//! The Gaussian kernel of the repulsion: where it may be cut, and its Fourier transform.

use super::member::{Grids, Member};
use crate::exponential::exp_negative_in_place;
use crate::objective::terms::Terms;
use crate::objective::tether::Tether;
use crate::objective::weight::RepulsionWeight;

/// Beyond this distance the grid's kernel is cut: exp(-5.5^2) = 7e-14. Clusters a thousand
/// deviations apart in the inputs may lie a few units apart in the map. Their repulsion is a
/// million times that within a cluster, and the tail still counts.
pub const CUTOFF_RADIUS: f64 = 5.5;

/// a = r^2, k = exp(-r^2).
pub struct Gaussian;

impl Member for Gaussian {
    const NAME: &'static str = "gaussian";
    const ID: u8 = 0;
    const USUAL_WEIGHT: RepulsionWeight = RepulsionWeight::Lambda(1.0);
    const USUAL_TERMS: Terms = Terms::NONE;

    /// Parts come to rest where their repulsion has become this weak: some 2.5 apart.
    const TETHER: Tether = Tether::BetweenParts(1e-3);

    const QUADRATIC_ATTRACTION: bool = true;

    /// Keeps the gradient of E- to 6e-4.
    const GRIDS: Grids = Grids::Gaussian { widest: 0.18 };

    /// exp(-100) < 1e-43, which no sum of weights that total 1 can notice.
    const NEGLIGIBLE_SQUARED_DISTANCE: f64 = 100.0;

    #[inline(always)]
    fn attraction(squared_distance: f64) -> f64 {
        squared_distance
    }

    #[inline(always)]
    fn pull(_: f64) -> f64 {
        1.0
    }

    #[inline(always)]
    fn repulsion(squared_distances: &mut [f64], slopes: &mut [f64]) {
        exp_negative_in_place(squared_distances);
        slopes.copy_from_slice(squared_distances);
    }
}

/// Fourier transform of exp(-(h u)^2) over node positions u, at `theta` radians a node.
pub fn fourier(theta: f64, h: f64) -> f64 {
    std::f64::consts::PI.sqrt() / h * (-theta * theta / (4.0 * h * h)).exp()
}
