//! What determines a run of the optimiser.

use serde::{Deserialize, Serialize};

use crate::objective::Method;
use crate::{Error, Result};

/// What determines a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// How the repulsion is summed.
    pub method: Method,
    /// Most iterations of the run, over all its continuations.
    pub maxit: u64,
    /// The run has converged once ten iterations lower E by less than this fraction. It has
    /// converged too once one moves X by less than this fraction of its length (not with a share of
    /// the repulsion). Last, E may be flat: |G| |X| <= tol E, so that to first order no change of X
    /// by its own length lowers E by more than this fraction.
    pub tol: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            method: Method::Auto,
            maxit: 200,
            tol: 1e-5,
        }
    }
}

/// tol where rho is given or found: it is then of the logarithm itself, not a fraction of E.
pub const DEFAULT_SHARE_TOLERANCE: f64 = 4e-3;

impl Options {
    /// Refuses what no run can use.
    pub fn check(self) -> Result<Self> {
        if !(self.tol >= 0.0) {
            return Err(Error::input(
                format!("`tol` is {}.", self.tol),
                "Give a number that is not negative; 1e-5 is the default.",
            ));
        }
        if self.maxit == 0 {
            return Err(Error::input("`maxit` is 0.", "Give at least 1 iteration."));
        }
        Ok(self)
    }
}
