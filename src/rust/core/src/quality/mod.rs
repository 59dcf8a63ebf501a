//! How much of the data a map keeps: of its neighbours, distances, densities and labels.
//!
//! Distances are Euclidean in both spaces. Where a measure would need all pairs of many
//! cells, it is estimated from a seeded sample of cells or pairs.

mod densities;
mod distances;
mod labels;
mod ranks;
mod reliability;

pub use densities::density_correlation;
pub use distances::distance_correlation;
pub use labels::label_accuracy;
pub use ranks::CoRanking;
pub use reliability::Reliability;

use ndarray::ArrayView2;

use crate::{Error, Result};

/// Refuses data and embeddings that do not belong together or hold values that are not
/// finite.
fn check_pair(data: ArrayView2<'_, f64>, embedding: ArrayView2<'_, f64>) -> Result<()> {
    if data.nrows() != embedding.nrows() {
        return Err(Error::input(
            format!(
                "The data have {} cells, but the embedding has {}.",
                data.nrows(),
                embedding.nrows()
            ),
            "Give one row per cell in both, in the same order.",
        ));
    }
    check_points(data, "data")?;
    check_points(embedding, "embedding")
}

fn check_points(points: ArrayView2<'_, f64>, what: &str) -> Result<()> {
    if points.ncols() == 0 {
        return Err(Error::input(
            format!("The {what} has no columns."),
            "Give at least one column.",
        ));
    }
    match points.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => Err(Error::not_finite(
            format!(
                "Row {}, column {} of the {what} is {value}.",
                row + 1,
                column + 1
            ),
            "Remove or replace missing and infinite values first.",
        )),
    }
}
