//! What a member of the family is.

use multiversion::multiversion;

use crate::objective::terms::Terms;
use crate::objective::tether::Tether;
use crate::objective::weight::RepulsionWeight;

/// The grids on which the repulsion is summed in linear time.
///
/// `widest` is the distance between nodes that is accurate enough where the points are not all
/// closer together, in units of the embedding.
#[derive(Debug, Clone, Copy)]
pub enum Grids {
    /// One grid: k = exp(-r^2) alone, a product over the axes.
    Gaussian {
        /// Distance between nodes.
        widest: f64,
    },
    /// A pyramid of grids: k is a mixture of Gaussians, k(r^2) = int density(t) exp(-t r^2) dt. The
    /// mixture exists where k falls monotonically with all its derivatives (Bernstein).
    Pyramid {
        /// The weight of exp(-t r^2) in k.
        density: fn(f64) -> f64,
        /// Distance between nodes.
        widest: f64,
        /// The same for [`Resolution::Coarse`](crate::objective::Resolution::Coarse), and for
        /// maps whose grids would not fit otherwise.
        coarsest: f64,
    },
}

impl Grids {
    /// Distance between nodes where the points are not all closer together.
    pub fn widest(self) -> f64 {
        match self {
            Grids::Gaussian { widest } | Grids::Pyramid { widest, .. } => widest,
        }
    }

    /// Distance between nodes for the coarse form of the repulsion, where there is one.
    pub fn coarsest(self) -> Option<f64> {
        match self {
            Grids::Gaussian { .. } => None,
            Grids::Pyramid { coarsest, .. } => Some(coarsest),
        }
    }
}

/// A member of the family; `objective/kernel` has a file for each.
pub trait Member: Sync {
    /// What people, saved models and saved options call it.
    const NAME: &'static str;

    /// What fingerprints and devices call it: never changed, never used twice.
    const ID: u8;

    /// The weight of the repulsion where the caller names none: by default the map finds lambda.
    const USUAL_WEIGHT: RepulsionWeight = RepulsionWeight::Share(1.0);

    /// The other terms of E where the caller names none.
    const USUAL_TERMS: Terms = Terms {
        agreement: 2.0,
        uniform: 0.5,
        densities: 0.0,
    };

    /// What keeps a map together whose cells do not all hang together.
    const TETHER: Tether = Tether::Wide(1e-3);

    /// Whether a is r^2. Where it is not, a is concave in r^2.
    const QUADRATIC_ATTRACTION: bool;

    /// Squared distance beyond which a pair no longer repels in double precision.
    const NEGLIGIBLE_SQUARED_DISTANCE: f64;

    /// The grids on which the repulsion is summed in linear time.
    const GRIDS: Grids;

    /// a(r^2)
    fn attraction(squared_distance: f64) -> f64;

    /// a'(r^2)
    fn pull(squared_distance: f64) -> f64;

    /// Replaces every r^2 by k(r^2), and fills `slopes` with -k'(r^2).
    fn repulsion(squared_distances: &mut [f64], slopes: &mut [f64]);
}

/// A member whose type is not known; every [`Member`] is one.
pub trait AnyMember: Sync {
    /// [`Member::NAME`]
    fn name(&self) -> &'static str;

    /// [`Member::ID`]
    fn id(&self) -> u8;

    /// [`Member::USUAL_WEIGHT`]
    fn usual_weight(&self) -> RepulsionWeight;

    /// [`Member::USUAL_TERMS`]
    fn usual_terms(&self) -> Terms;

    /// [`Member::TETHER`]
    fn tether(&self) -> Tether;

    /// [`Member::QUADRATIC_ATTRACTION`]
    fn has_quadratic_attraction(&self) -> bool;

    /// [`Member::NEGLIGIBLE_SQUARED_DISTANCE`]
    fn negligible_squared_distance(&self) -> f64;

    /// [`Member::GRIDS`]
    fn grids(&self) -> Grids;

    /// a(r^2)
    fn attraction(&self, squared_distance: f64) -> f64;

    /// a'(r^2)
    fn pull(&self, squared_distance: f64) -> f64;

    /// Replaces every r^2 by a(r^2), and fills `pulls` with a'(r^2).
    fn attractions(&self, squared_distances: &mut [f64], pulls: &mut [f64]);

    /// Replaces every r^2 by k(r^2), and fills `slopes` with -k'(r^2).
    fn repulsions(&self, squared_distances: &mut [f64], slopes: &mut [f64]);

    /// k(r^2) and -k'(r^2).
    fn repulsion(&self, squared_distance: f64) -> (f64, f64) {
        let (mut value, mut slope) = ([squared_distance], [0.0]);
        self.repulsions(&mut value, &mut slope);
        (value[0], slope[0])
    }
}

impl<M: Member> AnyMember for M {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn id(&self) -> u8 {
        M::ID
    }

    fn usual_weight(&self) -> RepulsionWeight {
        M::USUAL_WEIGHT
    }

    fn usual_terms(&self) -> Terms {
        M::USUAL_TERMS
    }

    fn tether(&self) -> Tether {
        M::TETHER
    }

    fn has_quadratic_attraction(&self) -> bool {
        M::QUADRATIC_ATTRACTION
    }

    fn negligible_squared_distance(&self) -> f64 {
        M::NEGLIGIBLE_SQUARED_DISTANCE
    }

    fn grids(&self) -> Grids {
        M::GRIDS
    }

    fn attraction(&self, squared_distance: f64) -> f64 {
        M::attraction(squared_distance)
    }

    fn pull(&self, squared_distance: f64) -> f64 {
        M::pull(squared_distance)
    }

    fn attractions(&self, squared_distances: &mut [f64], pulls: &mut [f64]) {
        attractions::<M>(squared_distances, pulls);
    }

    fn repulsions(&self, squared_distances: &mut [f64], slopes: &mut [f64]) {
        M::repulsion(squared_distances, slopes);
    }
}

/// Replaces every r^2 by a(r^2), and fills `pulls` with a'(r^2).
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn attractions<M: Member>(squared_distances: &mut [f64], pulls: &mut [f64]) {
    for (value, pull) in squared_distances.iter_mut().zip(pulls) {
        *pull = M::pull(*value);
        *value = M::attraction(*value);
    }
}
