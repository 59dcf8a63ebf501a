//! The weights of the repulsion that a run takes in turn.

use serde::{Deserialize, Serialize};

use crate::objective::{Balance, Kernel};
use crate::{Error, Result};

/// The parts of rho that lead to it with [`Balance::Share`]: while the repulsion is weak,
/// clusters still pass through each other and find their places. All of them have a coarser
/// grid, the last until the map has converged, and rho itself follows on the finer one.
const UNFOLDING: [f64; 4] = [0.3, 0.6, 0.8, 1.0];

/// Iterations at each of them but the last.
const ITERATIONS: u64 = 10;

/// lambda where the caller names none.
const DEFAULT_LAMBDA: f64 = 1.0;
/// rho where lambda is to be found: attraction and repulsion count alike, as in t-SNE.
const DEFAULT_SHARE: f64 = 1.0;

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
    /// What the numbers mean, and the numbers.
    pub fn values(&self, kernel: Kernel) -> (Balance, Vec<f64>) {
        match (self, kernel) {
            (RepulsionPath::Auto, Kernel::Gaussian) => (Balance::Weight, vec![DEFAULT_LAMBDA]),
            (RepulsionPath::Auto, Kernel::Student) => (Balance::Share, vec![DEFAULT_SHARE]),
            (RepulsionPath::Found, _) => (Balance::Share, vec![DEFAULT_SHARE]),
            (RepulsionPath::Lambda(values), _) => (Balance::Weight, values.clone()),
            (RepulsionPath::Share(values), _) => (Balance::Share, values.clone()),
        }
    }

    /// Refuses what no run can use.
    pub fn check(&self) -> Result<()> {
        let (values, name, wanted): (&[f64], _, _) = match self {
            RepulsionPath::Auto | RepulsionPath::Found => return Ok(()),
            RepulsionPath::Lambda(values) => (values, "lambda", "at least 0"),
            RepulsionPath::Share(values) => (values, "share", "above 0"),
        };
        let least = if name == "share" { f64::MIN_POSITIVE } else { 0.0 };
        let sound = |value: &&f64| value.is_finite() && **value >= least;
        let found = match values.iter().find(|value| !sound(value)) {
            None if values.is_empty() => String::from("empty"),
            None => return Ok(()),
            Some(value) => value.to_string(),
        };
        Err(Error::input(
            format!("`{name}` is {found}."),
            format!("Give finite numbers of {wanted}; 1 is the default."),
        ))
    }

    /// The stages of a free map.
    pub(crate) fn stages(&self, kernel: Kernel) -> Stages {
        let (balance, values) = self.values(kernel);
        match (values.as_slice(), balance) {
            (&[rho], Balance::Share) => Stages {
                balance,
                weights: UNFOLDING
                    .iter()
                    .chain(&[1.0])
                    .map(|part| part * rho)
                    .collect(),
                each: Some(ITERATIONS),
            },
            _ => Stages {
                balance,
                weights: values,
                each: None,
            },
        }
    }
}

/// The weights that a free map goes through; a single rho is come to by way of parts of it.
pub(crate) struct Stages {
    /// What the weights mean.
    pub balance: Balance,
    weights: Vec<f64>,
    /// Iterations at each, where they are not shared out evenly; see [`super::Run::follow`].
    pub each: Option<u64>,
}

impl Stages {
    /// The first and the others.
    pub fn parts(&self) -> Result<(f64, &[f64])> {
        let none = || Error::internal("`lambda` is empty.", "");
        let (&first, further) = self.weights.split_first().ok_or_else(none)?;
        Ok((first, further))
    }
}
