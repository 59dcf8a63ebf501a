//! What a run of [`ee`](crate::ee) and one of [`neuralee`](crate::neuralee) have in common.

use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::monitor::Monitor;
use crate::objective::Plan;
use crate::Result;

/// A run that its caller steps through. It is whole between two steps, whatever ended the last
/// one, and goes on from bytes to the same bits.
pub trait Session {
    /// Runs until `limit` more iterations are done, the run ends, or the monitor cancels it.
    fn advance(&mut self, limit: u64, monitor: &dyn Monitor) -> Result<()>;

    /// Iterations done; of a network, epochs.
    fn iteration(&self) -> u64;

    /// Why the run ended, if it has.
    fn stop(&self) -> Option<Stop>;

    /// E over all cells; of a network, the least so far at the last weight of the repulsion.
    fn loss(&self) -> f64;

    /// The history from the start, resumed or not.
    fn trace(&self) -> &[TraceRow];

    /// X, N x d, with the cells as they came.
    fn embedding(&self) -> Result<Array2<f64>>;

    /// How the repulsion is summed at present.
    fn plan(&self) -> Plan;

    /// Most iterations of the run, and its tolerance: a resumed run keeps its own.
    fn limits(&self) -> Limits;

    /// Seconds of the stages before the first iteration.
    fn timing(&self) -> Timing;

    /// What to save in order to resume, as plain bytes.
    fn state(&self) -> Result<Vec<u8>>;

    /// Writes [`Session::state`] to a file, which replaces what was there only once it
    /// is whole.
    fn save(&self, path: &Path) -> Result<()>;
}

/// When a run ends at the latest, and when it has converged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Most iterations or epochs, over all continuations.
    pub maxit: u64,
    /// See the options of the run.
    pub tol: f64,
}

/// Seconds of the stages before the first iteration.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timing {
    /// The search of neighbours.
    pub neighbors: f64,
    /// From their distances to W+.
    pub affinity: f64,
    /// The map that a network learns first.
    pub init: f64,
}

/// One line of the history of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TraceRow {
    /// Iterations or epochs done; 0 is the start.
    pub iteration: u64,
    /// Which of the weights of the repulsion the run has come to.
    pub stage: u64,
    /// lambda in this E, given or reached.
    pub lambda: f64,
    /// E over all cells.
    pub loss: f64,
    /// Frobenius norm of its gradient with respect to X.
    pub gradient_norm: f64,
    /// Of the next step of a network.
    pub learning_rate: Option<f64>,
    /// Mean E of independent batches before their steps in this epoch.
    pub batch_loss: Option<f64>,
    /// Seconds spent in the run so far.
    pub seconds: f64,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// E no longer falls by more than `tol`.
    Converged,
    /// `maxit` iterations or epochs are done.
    Iterations,
    /// No step along the search direction lowers E: rounding is reached.
    Precision,
    /// E is no longer finite.
    Diverged,
}

impl Stop {
    /// In words, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Stop::Converged => "converged",
            Stop::Iterations => "reached maxit",
            Stop::Precision => "reached the precision of the arithmetic",
            Stop::Diverged => "diverged: a lower learning rate may help",
        }
    }

    /// Whether more iterations would change nothing.
    pub fn is_converged(self) -> bool {
        matches!(self, Stop::Converged | Stop::Precision)
    }
}
