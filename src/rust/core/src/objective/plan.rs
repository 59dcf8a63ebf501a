//! What may be said of how the repulsion is summed.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What the caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Whichever costs less.
    Auto,
    /// Always over all pairs.
    Exact,
    /// Always on a grid; needs at most three dimensions.
    Grid,
}

impl Method {
    /// Refuses a grid in more dimensions than it serves.
    pub(crate) fn check(self, d: usize) -> Result<()> {
        if self == Method::Grid && d > 3 {
            return Err(Error::dimension(
                format!("`method = \"grid\"` cannot embed in {d} dimensions."),
                "Use at most 3 dimensions, or `method = \"exact\"`.",
            ));
        }
        Ok(())
    }
}

/// Which form of E is evaluated. They differ only where the kernel has a coarse form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// For a map that is yet to unfold. The kernel is blunt at its centre, on grids of twice the
    /// spacing that take a third of the time. Of the inputs the first principal components count,
    /// beside the norms of all.
    Coarse,
    /// E itself.
    Fine,
}

/// How the repulsion is summed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Plan {
    /// Over all pairs, in O(N^2 D).
    Exact,
    /// On a grid of spacing `h`, in O(N D).
    Grid {
        /// Distance between nodes, in units of the embedding.
        h: f64,
    },
}
