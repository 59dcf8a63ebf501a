//! The weight of the repulsion.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How the repulsion psi = sum_nm w-_nm k(r^2_nm) enters E.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum RepulsionWeight {
    /// As lambda psi.
    Lambda(f64),
    /// As rho log psi, where the map finds lambda = rho / psi.
    Share(f64),
}

impl RepulsionWeight {
    /// Refuses a number that is negative or not finite.
    pub fn check(self) -> Result<Self> {
        let number = self.number();
        if number >= 0.0 && number.is_finite() {
            return Ok(self);
        }
        Err(Error::input(
            format!("`lambda` is {number}."),
            "Give a finite number that is not negative; 1 to 100 are usual.",
        ))
    }

    /// lambda or rho.
    pub fn number(self) -> f64 {
        match self {
            RepulsionWeight::Lambda(number) | RepulsionWeight::Share(number) => number,
        }
    }

    /// The same form with another number.
    pub fn with_number(self, number: f64) -> Self {
        match self {
            RepulsionWeight::Lambda(_) => RepulsionWeight::Lambda(number),
            RepulsionWeight::Share(_) => RepulsionWeight::Share(number),
        }
    }

    /// What a repulsion that sums to psi adds to E, and its lambda.
    pub fn weigh(self, psi: f64) -> (f64, f64) {
        match self {
            RepulsionWeight::Lambda(lambda) => (lambda * psi, lambda),
            RepulsionWeight::Share(rho) => (rho * psi.ln(), rho / psi),
        }
    }

    /// What fingerprints call the form.
    pub(super) fn id(self) -> u8 {
        match self {
            RepulsionWeight::Lambda(_) => 0,
            RepulsionWeight::Share(_) => 1,
        }
    }
}
