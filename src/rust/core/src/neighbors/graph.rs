//! A graph of neighbours, and what points must be to have one.

use ndarray::ArrayView2;

use crate::{Error, Result};

/// Points closer to their mean than this have squared distances that lose digits or
/// vanish among the smallest doubles.
pub(super) const SMALLEST: f64 = 1e-145;

/// k nearest neighbours of n points, the point itself excluded by its index; or of n
/// queries among other points.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighborGraph {
    /// Number of points.
    pub n: usize,
    /// Neighbours per point.
    pub k: usize,
    /// n x k, row-major: ids of the neighbours, nearest first, ties by ascending id.
    pub ids: Vec<u32>,
    /// n x k, row-major: squared Euclidean distances, in the same order.
    pub squared_distances: Vec<f64>,
}

/// Refuses sizes for which no graph of k neighbours exists.
pub(super) fn check_size(n: usize, k: usize) -> Result<()> {
    if n < 2 {
        return Err(Error::input(
            format!("There are {n} points, so that no point has a neighbour."),
            "Give at least 2 points.",
        ));
    }
    if n > u32::MAX as usize {
        return Err(Error::input(
            format!("{n} points are more than neighbour ids can count."),
            "Give at most 4,294,967,295 points.",
        ));
    }
    if k == 0 || k >= n {
        return Err(Error::input(
            format!(
                "`k` is {k}, but each of {n} points has {} other points.",
                n - 1
            ),
            format!("Give `k` between 1 and {}.", n - 1),
        ));
    }
    Ok(())
}

/// Refuses points without coordinates or with values that are not finite.
pub(super) fn check_points(points: ArrayView2<'_, f64>) -> Result<()> {
    if points.ncols() == 0 {
        return Err(Error::input(
            "The points have no coordinates.",
            "Give at least one column.",
        ));
    }
    if let Some(((row, column), value)) = points.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(Error::not_finite(
            format!(
                "Row {}, column {} of the points is {value}.",
                row + 1,
                column + 1
            ),
            "Remove or replace missing and infinite values first.",
        ));
    }
    Ok(())
}

/// Refuses queries that do not fit `n` points of `dim` coordinates, or too many neighbours.
pub(super) fn check_queries(
    queries: ArrayView2<'_, f64>,
    n: usize,
    dim: usize,
    k: usize,
) -> Result<()> {
    if queries.ncols() != dim {
        return Err(Error::input(
            format!(
                "The queries have {} coordinates, the points {dim}.",
                queries.ncols()
            ),
            "Give queries with the columns of the points.",
        ));
    }
    if k == 0 || k > n {
        return Err(Error::input(
            format!("`k` is {k}, but there are {n} points."),
            format!("Give `k` between 1 and {n}."),
        ));
    }
    check_points(queries)
}

/// Squared Euclidean distance from the differences of the coordinates, which is exact to
/// rounding however far both points lie from the origin.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    // Four partial sums let the compiler use vector registers without reordering a sum.
    let mut sums = [0.0; 4];
    let (a_blocks, b_blocks) = (a.chunks_exact(4), b.chunks_exact(4));
    let mut sum = 0.0;
    for (x, y) in a_blocks.remainder().iter().zip(b_blocks.remainder()) {
        sum += (x - y) * (x - y);
    }
    for (x, y) in a_blocks.zip(b_blocks) {
        for lane in 0..4 {
            let difference = x[lane] - y[lane];
            sums[lane] += difference * difference;
        }
    }
    sum + (sums[0] + sums[1]) + (sums[2] + sums[3])
}
