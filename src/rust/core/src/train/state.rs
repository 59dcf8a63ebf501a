//! A run that can be put away and taken up again, as bytes.

use serde::{Deserialize, Serialize};

use super::options::{Batches, Options};
use crate::network::optimizer::Optimizer;
use crate::network::{Architecture, Moments};
use crate::objective::Plan;
use crate::sealed::Kind;
use crate::session::{Stop, TraceRow};
use crate::Result;

pub(super) const KIND: Kind = Kind {
    magic: b"NEURALET",
    version: 3,
    oldest: 3,
    reads_older: "0.1",
    name: "saved state of training",
    remedy: "Start again without `resume`, or use an intact checkpoint.",
};

/// The weights of least E.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Best {
    pub(super) values: Vec<f32>,
    pub(super) moments: Vec<Moments>,
    /// Of X before it was centred.
    pub(super) mean: Vec<f64>,
    pub(super) loss: f64,
    pub(super) iteration: u64,
}

/// All that a run knows: continuing from it gives the same bits as never having stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub(super) options: Options,
    /// Identifies inputs and weights W+.
    pub(super) fingerprint: u64,
    /// The values of lambda that the run takes in turn.
    pub(super) lambdas: Vec<f64>,
    pub(super) iteration: u64,
    pub(super) architecture: Architecture,
    /// Weights of the network; the run holds them while it goes on.
    pub(super) values: Vec<f32>,
    pub(super) optimizer: Option<Optimizer<f32>>,
    pub(super) how: Option<Plan>,
    /// The map that is learned first.
    pub(super) target: Option<Vec<f64>>,
    pub(super) best: Option<Best>,
    pub(super) trace: Vec<TraceRow>,
    pub(super) stopped: Option<Stop>,
}

impl State {
    /// Reads what [`super::Run::state_bytes`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        KIND.open(bytes)
    }

    /// The bytes of a state in a file.
    pub fn read(path: &std::path::Path) -> Result<Vec<u8>> {
        KIND.read(path)
    }

    /// Whether the pass that shows where the cells are is also the one whose gradient the
    /// next step follows.
    pub(super) fn steps_from_all(&self, architecture: &Architecture) -> bool {
        self.options.batches == Batches::All
            && architecture.dropout == 0.0
            && architecture.program.is_none()
    }

    /// The name of the first setting that is not the run's.
    pub(super) fn first_difference(
        &self,
        options: &Options,
        architecture: &Architecture,
    ) -> Option<&'static str> {
        let (own, given) = (&self.options, options);
        let (shape, wanted) = (&self.architecture, architecture);
        let same = [
            (shape.inputs == wanted.inputs, "x"),
            (shape.outputs == wanted.outputs, "d"),
            (shape.hidden == wanted.hidden, "hidden"),
            (shape.activation == wanted.activation, "activation"),
            (shape.batch_norm == wanted.batch_norm, "batch_norm"),
            (shape.dropout == wanted.dropout, "dropout"),
            (shape.residual == wanted.residual, "residual"),
            (shape.program == wanted.program, "net"),
            (own.method == given.method, "method"),
            (own.maxit == given.maxit, "maxit"),
            (own.pretraining == given.pretraining, "pretrain` or `init"),
            (own.tol == given.tol, "tol"),
            (own.patience == given.patience, "patience"),
            (own.optimizer == given.optimizer, "optimizer"),
            (
                own.batches == given.batches,
                "batches`, `batch_size` or `accumulate",
            ),
            (own.seed == given.seed, "seed"),
        ];
        same.iter().find(|(same, _)| !same).map(|&(_, name)| name)
    }

    /// Whether the last epochs at the last lambda have hardly lowered the least E.
    pub(super) fn levelled(&self) -> bool {
        let Some(last) = self.trace.last() else {
            return false;
        };
        let same_stage = |row: &TraceRow| row.stage == last.stage;
        let learned = |row: &TraceRow| row.iteration >= self.options.pretraining;
        let least = |rows: &mut dyn Iterator<Item = &TraceRow>| {
            rows.fold(f64::INFINITY, |least, row| row.loss.min(least))
        };
        let mut stage = self
            .trace
            .iter()
            .rev()
            .take_while(|&row| same_stage(row) && learned(row));
        let patience = self.options.patience as usize;
        let recent = least(&mut stage.by_ref().take(patience));
        let before = least(&mut stage);
        before.is_finite() && before - recent <= self.options.tol * recent.abs().min(before.abs())
    }
}
