//! What E has beside attraction and repulsion.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The weights of agreement and densities, and the uniform part of the repulsive weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// mu, that of the correlation of squared distances in data and map; 0 for none.
    pub agreement: f64,
    /// u, the part of W- that is the same for all pairs, 0 to below 1. 0: squared distances
    /// alone, as in elastic embedding. Towards 1: t-SNE's repulsion.
    pub uniform: f64,
    /// nu, that of the correlation of local radii in data and map; 0 for none.
    #[serde(default)]
    pub densities: f64,
}

impl Terms {
    /// E of attraction and repulsion alone, the weights of W- squared distances.
    pub const NONE: Terms = Terms {
        agreement: 0.0,
        uniform: 0.0,
        densities: 0.0,
    };

    /// Refuses what is not a number, negative, or no part of all.
    pub fn check(self) -> Result<Self> {
        let Terms {
            agreement,
            uniform,
            densities,
        } = self;
        if !(agreement >= 0.0 && agreement.is_finite()) {
            return Err(Error::input(
                format!("`agreement` is {agreement}."),
                "Give a finite number that is not negative; 2 is usual, 0 leaves the term out.",
            ));
        }
        if !(0.0..=LARGEST_UNIFORM).contains(&uniform) {
            return Err(Error::input(
                format!("`uniform` is {uniform}."),
                format!("Give a number from 0 to {LARGEST_UNIFORM}; 0.5 is usual."),
            ));
        }
        if !(densities >= 0.0 && densities.is_finite()) {
            return Err(Error::input(
                format!("`densities` is {densities}."),
                "Give a finite number that is not negative; 0 leaves the term out.",
            ));
        }
        Ok(self)
    }
}

/// Beyond, nothing would be left of the data in the weights.
const LARGEST_UNIFORM: f64 = 0.999;
