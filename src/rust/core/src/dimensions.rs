//! How many dimensions a map may have.

use crate::{Error, Result};

/// Refuses what no map has.
pub(crate) fn check_dimensions(d: usize) -> Result<()> {
    if (1..=50).contains(&d) {
        return Ok(());
    }
    Err(Error::dimension(
        format!("The embedding would have {d} dimensions."),
        "Give 1 to 50 dimensions; 2 is usual.",
    ))
}
