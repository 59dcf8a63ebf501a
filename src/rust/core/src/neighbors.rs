//! The k nearest neighbours of every point.

/// k nearest neighbours of n points, the point itself excluded by its index.
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
