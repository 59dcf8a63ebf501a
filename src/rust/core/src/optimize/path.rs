//! The weights of the repulsion that a run takes in turn.

use crate::objective::Balance;
use crate::{Error, Result};

/// The parts of rho that lead to it with [`Balance::Share`]: while the repulsion is weak,
/// clusters still pass through each other and find their places. All of them have a coarser
/// grid, the last until the map has converged, and rho itself follows on the finer one.
const UNFOLDING: [f64; 4] = [0.3, 0.6, 0.8, 1.0];

/// Iterations at each of them but the last.
const ITERATIONS: u64 = 10;

/// Values of lambda or rho, each of which goes on from the map of the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct LambdaPath {
    weights: Vec<f64>,
    /// Iterations at each, where they are not shared out evenly; see [`super::Run::follow`].
    pub each: Option<u64>,
}

impl LambdaPath {
    /// Those given; a single rho is come to by way of parts of it.
    pub fn of(weights: &[f64], balance: Balance) -> Self {
        match (weights, balance) {
            (&[rho], Balance::Share) => LambdaPath {
                weights: UNFOLDING
                    .iter()
                    .chain(&[1.0])
                    .map(|part| part * rho)
                    .collect(),
                each: Some(ITERATIONS),
            },
            _ => LambdaPath {
                weights: weights.to_vec(),
                each: None,
            },
        }
    }

    /// The first and the others.
    pub fn parts(&self) -> Result<(f64, &[f64])> {
        let none = || Error::internal("`lambda` is empty.", "");
        let (&first, further) = self.weights.split_first().ok_or_else(none)?;
        Ok((first, further))
    }
}
