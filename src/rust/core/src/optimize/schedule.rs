//! The weights of the repulsion that a run takes in turn, and when each of them ends.

use serde::{Deserialize, Serialize};

use crate::objective::{Kernel, RepulsionWeight};
use crate::{Error, Result};

/// The parts of rho that lead to it with [`RepulsionWeight::Share`]: while the repulsion is weak,
/// clusters still pass through each other and find their places. All of them have a coarser
/// grid, the last until the map has converged, and rho itself follows on the finer one.
const UNFOLDING: [f64; 4] = [0.3, 0.6, 0.8, 1.0];

/// Iterations at each of them but the last.
const ITERATIONS: u64 = 10;

/// The rho with which the map finds lambda: attraction and repulsion count alike, as in t-SNE.
const FOUND: RepulsionWeight = RepulsionWeight::Share(1.0);

/// The weights of the repulsion as they are asked for, each from the map of the one before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepulsionPath {
    /// What suits the kernel.
    #[default]
    Auto,
    /// The lambda that the map finds for itself: rho is 1.
    Found,
    /// Values of lambda, 0 or more.
    Lambda(Vec<f64>),
    /// Values of rho, the weight of the logarithm of the repulsion, above 0.
    Share(Vec<f64>),
}

impl RepulsionPath {
    /// The weights in turn, all of one form.
    pub fn weights(&self, kernel: Kernel) -> Vec<RepulsionWeight> {
        match self {
            RepulsionPath::Auto => vec![kernel.usual_weight()],
            RepulsionPath::Found => vec![FOUND],
            RepulsionPath::Lambda(values) => values
                .iter()
                .copied()
                .map(RepulsionWeight::Lambda)
                .collect(),
            RepulsionPath::Share(values) => {
                values.iter().copied().map(RepulsionWeight::Share).collect()
            }
        }
    }

    /// Refuses what no run can use.
    pub fn check(&self) -> Result<()> {
        let (values, wanted) = match self {
            RepulsionPath::Auto | RepulsionPath::Found => return Ok(()),
            RepulsionPath::Lambda(values) => (values, "lambda"),
            RepulsionPath::Share(values) => (values, "share"),
        };
        if values.is_empty() {
            return Err(Error::input(
                format!("`{wanted}` has no value."),
                "Give at least one.",
            ));
        }
        match self {
            RepulsionPath::Share(values) if values.contains(&0.0) => Err(Error::input(
                "A share of the repulsion is 0.",
                "Give numbers above 0; 1 is usual.",
            )),
            _ => self
                .weights(Kernel::GAUSSIAN)
                .into_iter()
                .try_for_each(|weight| weight.check().map(|_| ())),
        }
    }

    /// The stages of a free map.
    pub(crate) fn stages(&self, kernel: Kernel) -> Result<Stages> {
        let weights = self.weights(kernel);
        let Some((&first, further)) = weights.split_first() else {
            return Err(Error::internal("There is no weight of the repulsion.", ""));
        };
        Ok(match (first, further) {
            (RepulsionWeight::Share(rho), []) => Stages {
                first: RepulsionWeight::Share(UNFOLDING[0] * rho),
                further: UNFOLDING[1..]
                    .iter()
                    .chain(&[1.0])
                    .map(|part| part * rho)
                    .collect(),
                each: Some(ITERATIONS),
            },
            _ => Stages {
                first,
                further: further.iter().map(|weight| weight.number()).collect(),
                each: None,
            },
        })
    }
}

/// The weights that a free map goes through; a single rho is come to by way of parts of it.
pub(crate) struct Stages {
    pub first: RepulsionWeight,
    /// Numbers of the others, of the same form.
    pub further: Vec<f64>,
    /// Iterations at each, where they are not shared out evenly; see [`super::Run::follow`].
    pub each: Option<u64>,
}

/// The iteration at which each of `lambdas` but the last ends at the latest. `maxit` is shared out
/// evenly: stage i of s ends at iteration i maxit / s. Or every stage but the last ends after
/// `each` iterations, if they leave half of `maxit`. A stage that is followed by its own lambda, on
/// a finer grid, goes on until it has converged or half of `maxit` is done.
pub(super) fn ends(lambdas: &[f64], each: Option<u64>, maxit: u64) -> Vec<u64> {
    let (maxit, stages) = (u128::from(maxit), lambdas.len() as u128);
    let each = each.map(|each| u128::from(each).min(maxit / (2 * stages)));
    let end = |stage: u128, pair: &[f64]| match each {
        None => maxit * stage / stages,
        Some(_) if pair[0] == pair[1] => maxit / 2,
        Some(each) => each * stage,
    };
    (1..stages)
        .zip(lambdas.windows(2))
        .map(|(stage, pair)| end(stage, pair) as u64)
        .collect()
}
