//! The moments by which the inputs of a layer are normalised.

use serde::{Deserialize, Serialize};

/// Added to the variance of a hidden layer's inputs before it divides. The first layer adds less,
/// since its inputs come divided by their size. In their own units, some 30 times as wide, the
/// original's constant hardly counts.
const EPSILON: [f64; 2] = [1e-8, 1e-5];

/// Mean and variance of the inputs of a layer's normalisation, one number a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Means.
    pub mean: Vec<f64>,
    /// Variances; divisor: the number of cells.
    pub variance: Vec<f64>,
}

impl Moments {
    /// What is added to the variances of hidden layer `l`.
    pub fn epsilon(l: usize) -> f64 {
        EPSILON[l.min(1)]
    }

    /// 1 / sqrt(variance + epsilon) in hidden layer `l`.
    pub(super) fn inverse_deviations(&self, l: usize) -> Vec<f64> {
        let inverse = |variance: &f64| 1.0 / (variance + Moments::epsilon(l)).sqrt();
        self.variance.iter().map(inverse).collect()
    }
}
