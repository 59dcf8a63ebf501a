//! How a long computation reports progress and learns that it should stop.

use crate::{Error, Result};

/// Watches a long computation. Called from worker threads, so it must not block.
pub trait Monitor: Sync {
    /// True once the caller wants the computation to stop.
    fn cancelled(&self) -> bool;
    /// A new stage begins that will [`Monitor::advance`] `total` units.
    fn stage(&self, name: &'static str, total: usize);
    /// `amount` more units of the current stage are done.
    fn advance(&self, amount: usize);

    /// `Err(Interrupted)` once the caller wants the computation to stop.
    fn check(&self) -> Result<()> {
        if self.cancelled() {
            return Err(Error::interrupted("The computation was interrupted.", ""));
        }
        Ok(())
    }
}

/// Never cancels and ignores progress.
impl Monitor for () {
    fn cancelled(&self) -> bool {
        false
    }
    fn stage(&self, _: &'static str, _: usize) {}
    fn advance(&self, _: usize) {}
}
