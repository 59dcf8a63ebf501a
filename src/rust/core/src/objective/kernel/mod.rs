//! The family of elastic embeddings: how neighbours attract and how all cells repel.
//!
//! ```text
//! E(X) = sum_nm w+_nm a(r^2_nm) + lambda sum_nm w-_nm k(r^2_nm),     r_nm = |x_n - x_m|
//! ```
//!
//! A member is a file that gives a and k and what follows from them: see [`Member`]. No other
//! code asks which member it has.

pub(crate) mod gaussian;
mod member;
mod student;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::objective::weight::RepulsionWeight;
use crate::{Error, Result};

pub use gaussian::Gaussian;
use member::Erased;
pub use member::{Grids, Member};
pub use student::Student;

/// The members that have a name.
const NAMED: [Kernel; 2] = [Kernel::GAUSSIAN, Kernel::STUDENT];

/// Which member of the family; as data it is its name.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&str")]
pub struct Kernel(&'static dyn Erased);

impl Kernel {
    /// a = r^2, k = exp(-r^2) (Carreira-Perpinan 2010).
    pub const GAUSSIAN: Kernel = Kernel(&Gaussian);

    /// a = log(1 + r^2) + r^2 / 1000, k = 1 / (1 + r^2): Student's t with one degree of
    /// freedom, and a faint spring.
    pub const STUDENT: Kernel = Kernel(&Student);

    /// Any member of the family.
    pub const fn of<M: Member>(member: &'static M) -> Self {
        Kernel(member)
    }

    /// The member of this name; any other is an input error.
    pub fn named(name: &str) -> Result<Self> {
        let found = NAMED.into_iter().find(|kernel| kernel.name() == name);
        found.ok_or_else(|| {
            Error::input(
                format!("`kernel` is {name:?}."),
                format!("Give one of {}.", NAMED.map(Kernel::name).join(", ")),
            )
        })
    }

    /// What people and saved models call it.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What fingerprints and devices call it.
    pub fn id(self) -> u8 {
        self.0.id()
    }

    /// The weight of the repulsion where the caller names none.
    pub fn usual_weight(self) -> RepulsionWeight {
        self.0.usual_weight()
    }

    /// Whether a is r^2, so that the attraction is 2 tr(X' L+ X).
    pub fn has_quadratic_attraction(self) -> bool {
        self.0.quadratic_attraction()
    }

    /// Squared distance beyond which a pair no longer repels in double precision.
    pub fn negligible_squared_distance(self) -> f64 {
        self.0.negligible_squared_distance()
    }

    /// The grids on which the repulsion is summed in linear time.
    pub fn grids(self) -> Grids {
        self.0.grids()
    }

    /// a(r^2)
    pub fn attraction(self, squared_distance: f64) -> f64 {
        self.0.attraction(squared_distance)
    }

    /// a'(r^2)
    pub fn pull(self, squared_distance: f64) -> f64 {
        self.0.pull(squared_distance)
    }

    /// Replaces every r^2 by a(r^2), and fills `pulls` with a'(r^2).
    pub fn attractions(self, squared_distances: &mut [f64], pulls: &mut [f64]) {
        self.0.attractions(squared_distances, pulls);
    }

    /// k(r^2) and -k'(r^2).
    pub fn repulsion(self, squared_distance: f64) -> (f64, f64) {
        let (mut value, mut slope) = ([squared_distance], [0.0]);
        self.repulsions(&mut value, &mut slope);
        (value[0], slope[0])
    }

    /// Replaces every r^2 by k(r^2), and fills `slopes` with -k'(r^2).
    pub fn repulsions(self, squared_distances: &mut [f64], slopes: &mut [f64]) {
        self.0.repulsions(squared_distances, slopes);
    }
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Kernel) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Kernel {}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Kernel {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        Kernel::named(&name)
    }
}

impl From<Kernel> for &str {
    fn from(kernel: Kernel) -> Self {
        kernel.name()
    }
}
