//! How cells attract and repel, a(r^2) and k(r^2): the members of the core's family.

use tch::Tensor;

use crate::call::{Failure, Outcome};

/// Which member.
#[derive(Clone, Copy)]
pub(crate) enum Kernel {
    /// a = r^2, k = exp(-r^2).
    Gaussian,
    /// a = log(1 + r^2) + spring r^2, k = 1 / (1 + r^2).
    Student { spring: f64 },
}

impl Kernel {
    pub(crate) fn from_number(number: i32, spring: f64) -> Outcome<Self> {
        match number {
            0 => Ok(Kernel::Gaussian),
            1 => Ok(Kernel::Student { spring }),
            _ => Err(Failure::Input(format!("There is no kernel {number}."))),
        }
    }

    /// a of squared distances.
    pub(crate) fn attraction(self, squares: &Tensor) -> Tensor {
        match self {
            Kernel::Gaussian => squares.shallow_clone(),
            Kernel::Student { spring } => squares.log1p() + squares * spring,
        }
    }

    /// a' of squared distances.
    pub(crate) fn pull(self, squares: &Tensor) -> Tensor {
        match self {
            Kernel::Gaussian => squares.ones_like(),
            Kernel::Student { spring } => (squares + 1.0).reciprocal_() + spring,
        }
    }

    /// k and -k' of squared distances, which are spent.
    pub(crate) fn repulsion(self, mut squares: Tensor) -> (Tensor, Tensor) {
        match self {
            Kernel::Gaussian => {
                let kernel = squares.neg_().exp_();
                let slope = kernel.shallow_clone();
                (kernel, slope)
            }
            Kernel::Student { .. } => {
                squares += 1.0;
                let kernel = squares.reciprocal_();
                let slope = &kernel * &kernel;
                (kernel, slope)
            }
        }
    }
}
