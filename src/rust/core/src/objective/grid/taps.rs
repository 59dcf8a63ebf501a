//! The kernel on the nodes.

use super::super::kernel::gaussian::{fourier, CUTOFF_RADIUS};
use super::super::spline::{self, ORDER};

/// Taps of exp(-(h u)^2) along one axis, as far as `extent` or the cutoff.
pub(super) fn kernel_taps(h: f64, extent: usize) -> Vec<f64> {
    gaussian_taps(h, extent.min((CUTOFF_RADIUS / h).ceil() as usize + 1))
}

/// `count` taps k(0), k(1), … of exp(-(h u)^2) along one axis.
///
/// k^ = K^ B^^2 / (sum_l B^(theta + 2 pi l)^2)^2 minimises the mean squared error of K(x, y) over
/// the positions of the pair within their bins. The sum in it is the Fourier series of the spline
/// of twice the order at the nodes. The trapezoidal rule gives k. It is exact to rounding here,
/// since the integrand is smooth and periodic, or has died out within the period.
pub(super) fn gaussian_taps(h: f64, count: usize) -> Vec<f64> {
    // exp(-theta^2 / 4h^2) < 1e-18 beyond 13 h. The copies of k that the rule adds lie 2 pi / step
    // nodes away, where exp(-(distance h)^2) < 1e-18 as well.
    let step = std::f64::consts::TAU / (count as f64 + 6.5 / h).ceil();
    let last = (std::f64::consts::PI.min(13.0 * h) / step).ceil() as usize;
    let double = spline_at_nodes();
    let mut taps = vec![0.0; count];
    for m in 0..=last {
        let theta = m as f64 * step;
        if theta > std::f64::consts::PI {
            break;
        }
        let squares: f64 = double[0]
            + 2.0
                * (1..ORDER)
                    .map(|j| double[j] * (j as f64 * theta).cos())
                    .sum::<f64>();
        let influence =
            fourier(theta, h) * spline::transfer(theta, ORDER).powi(2) / (squares * squares);
        let both_signs = if m == 0 || theta == std::f64::consts::PI {
            1.0
        } else {
            2.0
        };
        for (j, tap) in taps.iter_mut().enumerate() {
            *tap += both_signs * influence * (theta * j as f64).cos();
        }
    }
    taps.iter_mut()
        .for_each(|tap| *tap *= step / std::f64::consts::TAU);
    taps
}

/// The spline of order 2 `ORDER` at 0, 1, …, ORDER - 1 nodes from its centre.
fn spline_at_nodes() -> [f64; ORDER] {
    let (weights, _) = spline::weights::<{ 2 * ORDER }>(0.0);
    std::array::from_fn(|j| weights[ORDER - 1 + j])
}
