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
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub use gaussian::Gaussian;
pub use member::{AnyMember, Grids, Member};
pub use student::Student;

/// The members that have a name.
const NAMED: [Kernel; 2] = [Kernel::GAUSSIAN, Kernel::STUDENT];

/// Which member of the family, with its [`AnyMember`] functions; as data it is its name.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&str")]
pub struct Kernel(&'static dyn AnyMember);

impl Kernel {
    /// a = r^2, k = exp(-r^2) (Carreira-Perpinan 2010).
    pub const GAUSSIAN: Kernel = Kernel(&Gaussian);

    /// a = log(1 + r^2) + r^2 / 1000, k = 1 / (1 + r^2): Student's t with one degree of
    /// freedom, and a faint spring.
    pub const STUDENT: Kernel = Kernel(&Student);

    /// Any member of the family.
    pub const fn new<M: Member>(member: &'static M) -> Self {
        Kernel(member)
    }

    /// The member of this name; any other is an input error.
    pub fn named(name: &str) -> Result<Self> {
        let found = NAMED.into_iter().find(|kernel| kernel.name() == name);
        found.ok_or_else(|| {
            Error::input(
                format!("`kernel` is {name:?}."),
                format!(
                    "Give one of {}.",
                    NAMED.map(|kernel| kernel.name()).join(", ")
                ),
            )
        })
    }
}

impl Deref for Kernel {
    type Target = dyn AnyMember;

    fn deref(&self) -> &Self::Target {
        self.0
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
