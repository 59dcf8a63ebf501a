//! When a run has converged.

use crate::objective::RepulsionWeight;
use crate::session::TraceRow;

/// Iterations over which the relative decrease of E is judged.
const WINDOW: usize = 10;

/// Tolerance on the way to the last lambda: the map only has to unfold there.
const PATH_TOLERANCE: f64 = 1e-3;

/// A relative step above this says that the embedding is still unfolding, however flat
/// E is there.
const UNFOLDING: f64 = 0.1;

/// What an iteration has brought.
pub(super) struct Step<'a> {
    /// Length of the step, in units of that of X.
    pub moved: f64,
    /// |G| |X|: what a change of X by its own length could change E by, to first order.
    pub slope: f64,
    /// The history at the lambda of the moment.
    pub stage: &'a [TraceRow],
    /// Whether that is the last lambda.
    pub last_stage: bool,
}

impl Step<'_> {
    /// Whether the run has converged at the lambda of the moment.
    pub fn has_converged(&self, weight: RepulsionWeight, tol: f64) -> bool {
        let tol = if self.last_stage {
            tol
        } else {
            tol.max(PATH_TOLERANCE)
        };
        // A logarithm has no size of its own: tol is then of its change, and of its slope. It is
        // too large a number to tell a short step from the end.
        let loss = self.stage.last().map_or(0.0, |row| row.loss);
        let (size, rests) = match weight {
            RepulsionWeight::Lambda(_) => (loss.abs(), self.moved <= tol),
            RepulsionWeight::Share(_) => (1.0, false),
        };
        let flat = self.slope <= tol * size;
        // A start close to a saddle has a small gradient too, but moves fast.
        rests || (self.moved <= UNFOLDING && (flat || levelled(self.stage, tol * size)))
    }
}

/// Whether E has fallen by no more than `least` over the last iterations of a stage.
fn levelled(stage: &[TraceRow], least: f64) -> bool {
    if stage.len() <= WINDOW {
        return false;
    }
    let (now, before) = (
        stage[stage.len() - 1].loss,
        stage[stage.len() - 1 - WINDOW].loss,
    );
    before - now <= least
}
