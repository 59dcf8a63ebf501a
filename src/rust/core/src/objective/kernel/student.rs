//! The heavy-tailed member: Student's t with one degree of freedom, as in t-SNE (van der
//! Maaten and Hinton 2008), for attraction and repulsion.
//!
//! Its attraction has no hold over what is far. The fewer a cell is a neighbour of, the further it
//! flies, and the map shrinks to a point among outliers. A faint spring, the attraction of elastic
//! embedding itself, holds them: it rules beyond r = 30, where maps are some 100 wide. (10,000
//! cells: the outermost cell at 200 instead of 1,000, with the same neighbours and distances kept.)

use multiversion::multiversion;

use super::member::{Grids, Member};
use crate::logarithm::ln;

/// Strength of the spring.
const SPRING: f64 = 1e-3;

/// a = log(1 + r^2) + r^2 / 1000, k = 1 / (1 + r^2).
pub struct Student;

impl Member for Student {
    const NAME: &'static str = "student";
    const ID: u8 = 1;
    const QUADRATIC_ATTRACTION: bool = false;

    /// The widest spacing keeps the gradient of E- to 1e-2, at half the spacing to 1e-3 for
    /// thrice the time. With the coarsest the tail is blunt at its centre.
    const GRIDS: Grids = Grids::Pyramid {
        density,
        widest: 0.5,
        coarsest: 1.0,
    };

    const NEGLIGIBLE_SQUARED_DISTANCE: f64 = f64::INFINITY;

    #[inline(always)]
    fn attraction(squared_distance: f64) -> f64 {
        // What 1 + r^2 loses of a small r^2 is lost beside the other pairs' terms.
        ln(1.0 + squared_distance) + SPRING * squared_distance
    }

    #[inline(always)]
    fn pull(squared_distance: f64) -> f64 {
        1.0 / (1.0 + squared_distance) + SPRING
    }

    #[inline(always)]
    fn repulsion(squared_distances: &mut [f64], slopes: &mut [f64]) {
        inverses(squared_distances, slopes);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn inverses(squared_distances: &mut [f64], slopes: &mut [f64]) {
    for (value, slope) in squared_distances.iter_mut().zip(slopes) {
        *value = 1.0 / (1.0 + *value);
        *slope = *value * *value;
    }
}

/// The weight of exp(-t r^2) in k: 1 / (1 + r^2) = int_0^inf exp(-t) exp(-t r^2) dt.
fn density(t: f64) -> f64 {
    (-t).exp()
}
