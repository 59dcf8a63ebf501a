//! The Gaussian kernel of the repulsion: where it may be cut, and its Fourier transform.

/// Squared distance beyond which the exact sum leaves a pair of tiles out: there
/// exp(-r^2) < 1e-43, which no sum of weights that total 1 can notice.
pub const NEGLIGIBLE_SQUARED_DISTANCE: f64 = 100.0;

/// Beyond this distance the grid's kernel is cut: exp(-5.5^2) = 7e-14. Where clusters a
/// thousand deviations apart in the inputs are a few units apart in the map, their
/// repulsion is a million times that within a cluster, and the tail still counts.
pub const CUTOFF_RADIUS: f64 = 5.5;

/// Fourier transform of exp(-(h u)^2) over node positions u, at `theta` radians a node.
pub fn fourier(theta: f64, h: f64) -> f64 {
    std::f64::consts::PI.sqrt() / h * (-theta * theta / (4.0 * h * h)).exp()
}
