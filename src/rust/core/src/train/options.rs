//! What determines a run of training.

use serde::{Deserialize, Serialize};

use crate::network::{optimizer, Architecture};
use crate::objective::Method;
use crate::{Error, Result};

/// What determines a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// How the repulsion is summed.
    pub method: Method,
    /// Epochs of the run, over all its continuations.
    pub maxit: u64,
    /// The run has converged once `patience` epochs lower the least E by less than this
    /// fraction.
    pub tol: f64,
    /// Epochs over which the decrease of E is judged.
    pub patience: u64,
    /// How gradients become steps.
    pub optimizer: optimizer::Options,
    /// Which cells a step is made from.
    pub batches: Batches,
    /// Seed of the order of the cells and of the units that are dropped.
    pub seed: u64,
    /// Epochs at the start in which the network learns a given map instead of lowering E.
    pub pretraining: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            method: Method::Auto,
            maxit: 500,
            tol: 1e-4,
            patience: 50,
            optimizer: optimizer::Options::default(),
            batches: Batches::All,
            seed: 42,
            pretraining: 0,
        }
    }
}

/// Which cells a step is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Batches {
    /// All cells; one step an epoch.
    All,
    /// The same step, but the hidden layers of few cells at a time are in memory, at the
    /// cost of computing them several times.
    Accumulated,
    /// About so many cells, drawn anew in every epoch; all cells are used. The gradient is
    /// that of all cells at the start of the epoch, and what the batch says of its change
    /// since.
    Shared {
        /// Cells of a batch.
        size: u64,
    },
    /// The cells of each [`Part`], whose affinities are its own: the original's scheme.
    Independent {
        /// Cells of a part, about.
        size: u64,
    },
}

impl Batches {
    /// Numbers that a run keeps for each cell: its inputs, and the hidden layers where
    /// steps are made from all cells at once.
    pub fn kept(self, architecture: &Architecture) -> usize {
        let hidden = match self {
            Batches::All => {
                let widest = architecture.hidden.iter().max().copied().unwrap_or(0);
                architecture.hidden.iter().sum::<usize>() + 2 * widest
            }
            _ => 0,
        };
        architecture.inputs + hidden
    }

    /// Whether each batch is a problem of its own.
    pub fn are_independent(self) -> bool {
        matches!(self, Batches::Independent { .. })
    }
}

impl Options {
    /// Refuses what no run can use.
    pub fn check(self) -> Result<Self> {
        self.optimizer.check()?;
        if !(self.tol >= 0.0) {
            return Err(Error::input(
                format!("`tol` is {}.", self.tol),
                "Give a number that is not negative; 1e-4 is the default.",
            ));
        }
        if self.maxit == 0 || self.patience == 0 {
            return Err(Error::input(
                "`maxit` or `patience` is 0.",
                "Give at least 1 epoch.",
            ));
        }
        if let Batches::Shared { size: size @ 0..2 } | Batches::Independent { size: size @ 0..2 } =
            self.batches
        {
            return Err(Error::input(
                format!("A batch would have {size} cells, which have no pair to repel each other."),
                "Give a batch_size of at least 2, or NULL.",
            ));
        }
        if self.pretraining >= self.maxit {
            return Err(Error::input(
                format!(
                    "All {} epochs would be spent on learning the start.",
                    self.maxit
                ),
                "Raise `maxit`, or lower `pretrain`.",
            ));
        }
        Ok(self)
    }
}
