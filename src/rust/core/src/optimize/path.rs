//! The weights of the repulsion that a run takes in turn.

use crate::objective::RepulsionWeight;

/// The parts of rho that lead to it with [`RepulsionWeight::Share`]: while the repulsion is weak,
/// clusters still pass through each other and find their places. All of them have a coarser
/// grid, the last until the map has converged, and rho itself follows on the finer one.
const UNFOLDING: [f64; 4] = [0.3, 0.6, 0.8, 1.0];

/// Iterations at each of them but the last.
const ITERATIONS: u64 = 10;

/// Values of lambda or rho, each of which goes on from the map of the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct LambdaPath {
    first: RepulsionWeight,
    further: Vec<f64>,
    /// Iterations at each, where they are not shared out evenly; see [`super::Run::follow`].
    pub each: Option<u64>,
}

impl LambdaPath {
    /// Those given; a single rho is come to by way of parts of it.
    pub fn of(first: RepulsionWeight, further: &[f64]) -> Self {
        match (first, further) {
            (RepulsionWeight::Share(rho), []) => LambdaPath {
                first: RepulsionWeight::Share(UNFOLDING[0] * rho),
                further: UNFOLDING[1..]
                    .iter()
                    .chain(&[1.0])
                    .map(|part| part * rho)
                    .collect(),
                each: Some(ITERATIONS),
            },
            _ => LambdaPath {
                first,
                further: further.to_vec(),
                each: None,
            },
        }
    }

    /// The first and the others.
    pub fn parts(&self) -> (RepulsionWeight, &[f64]) {
        (self.first, &self.further)
    }
}
