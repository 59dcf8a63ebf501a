//! A rayon pool of a given size for one job.

use crate::{Error, Result};

/// Runs `work` in a pool of `threads` workers; all parallel code of this crate that it
/// calls uses that pool.
pub fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
    if threads == 0 {
        return Err(Error::input("`threads` is 0.", "Give at least 1 thread."));
    }
    Ok(pool(threads)?.install(work))
}

/// A pool of `threads` workers.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::internal(format!("Could not start {threads} threads: {e}."), ""))
}
