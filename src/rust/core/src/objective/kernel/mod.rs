//! The family of elastic embeddings: how neighbours attract and how all cells repel.
//!
//! ```text
//! E(X) = sum_nm w+_nm a(r^2_nm) + lambda sum_nm w-_nm k(r^2_nm),     r_nm = |x_n - x_m|
//! ```
//!
//! A member is a file that gives a and k and writes k as a mixture of Gaussians,
//! k(r^2) = int density(t) exp(-t r^2) dt, which exists where k falls monotonically with
//! all its derivatives (Bernstein); the grid needs no more than that.

pub mod gaussian;
pub mod student;

use serde::{Deserialize, Serialize};

pub use gaussian::Gaussian;
pub use student::Student;

/// Which member of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// a = r^2, k = exp(-r^2) (Carreira-Perpinan 2010).
    #[default]
    Gaussian,
    /// a = log(1 + r^2) + r^2 / 1000, k = 1 / (1 + r^2): Student's t with one degree of
    /// freedom, and a faint spring.
    Student,
}

/// What a member of the family is.
pub trait Member: Sync {
    /// Squared distance beyond which a pair no longer repels in double precision.
    const NEGLIGIBLE_SQUARED_DISTANCE: f64;

    /// a(r^2)
    fn attraction(squared_distance: f64) -> f64;

    /// a'(r^2)
    fn pull(squared_distance: f64) -> f64;

    /// Replaces every r^2 by k(r^2), and fills `slopes` with -k'(r^2).
    fn repulsion(squared_distances: &mut [f64], slopes: &mut [f64]);
}

/// Runs `$body` with `$member` as the type of a kernel.
macro_rules! with_member {
    ($kernel:expr, $member:ident => $body:expr) => {
        match $kernel {
            $crate::objective::kernel::Kernel::Gaussian => {
                type $member = $crate::objective::kernel::Gaussian;
                $body
            }
            $crate::objective::kernel::Kernel::Student => {
                type $member = $crate::objective::kernel::Student;
                $body
            }
        }
    };
}
pub(crate) use with_member;

impl Kernel {
    /// k(r^2) and -k'(r^2).
    pub fn repulsion(self, squared_distance: f64) -> (f64, f64) {
        let (mut value, mut slope) = ([squared_distance], [0.0]);
        with_member!(self, M => M::repulsion(&mut value, &mut slope));
        (value[0], slope[0])
    }

    /// The weight of exp(-t r^2) in k, `None` for the Gaussian itself.
    pub fn density(self) -> Option<fn(f64) -> f64> {
        match self {
            Kernel::Gaussian => None,
            Kernel::Student => Some(student::density),
        }
    }

    /// a(r^2)
    pub fn attraction(self, squared_distance: f64) -> f64 {
        with_member!(self, M => M::attraction(squared_distance))
    }

    /// a'(r^2)
    #[inline(always)]
    pub fn pull(self, squared_distance: f64) -> f64 {
        with_member!(self, M => M::pull(squared_distance))
    }
}
