//! The repulsion summed over all pairs.

use neuralee_torch_abi::Caller;
use tch::{Device, Kind, Tensor};

use crate::call::{check, chunk, Outcome};
use crate::inputs::Inputs;
use crate::kernel::Kernel;

/// Most columns of one product, so that a row of pairs is no larger than the scratch memory.
const COLUMNS: usize = 1 << 15;

/// Numbers that a pair takes while it is summed.
const PAIR: usize = 7;

/// psi = sum_nm w-_nm k(r^2_nm) with w-_nm = c_n . q_m, r_nm = |x_n - x_m|; `scale` times its
/// gradient
///
/// ```text
/// grad_n psi = 4 sum_m w-_nm k'(r^2_nm) (x_n - x_m)
/// ```
///
/// is added to `gradient`.
pub(crate) fn evaluate(
    caller: &Caller,
    inputs: &Inputs<'_>,
    kernel: Kernel,
    x: &Tensor,
    scale: f64,
    gradient: &mut Tensor,
    (device, scratch): (Device, usize),
) -> Outcome<f64> {
    let n = inputs.n;
    let d = x.size()[1];
    let columns = n.min(COLUMNS);
    let mut energy = Tensor::zeros([], (Kind::Double, device));
    for (first, count) in chunk(n, PAIR * columns * 8, scratch) {
        let own = inputs.coefficients(&inputs.rows(first, count));
        let x_n = x.narrow(0, first as i64, count as i64);
        for (start, length) in chunk(n, 1, columns) {
            check(caller)?;
            let x_m = x.narrow(0, start as i64, length as i64);
            let mut squares = Tensor::zeros([count as i64, length as i64], (Kind::Double, device));
            for a in 0..d {
                let between = x_n.narrow(1, a, 1) - x_m.narrow(1, a, 1).transpose(0, 1);
                squares += &between * &between;
            }
            let (values, slopes) = kernel.repulsion(squares);
            // Rounding can leave the weight of twins, and of a cell to itself, below zero.
            let weights = own
                .matmul(&inputs.rows(start, length).transpose(0, 1))
                .clamp_min_(0.0);
            energy += (values * &weights).sum(Kind::Double);
            let pushes = slopes * weights;
            let sums = pushes.sum_dim_intlist([1i64].as_slice(), true, Kind::Double);
            let slope = &x_n * sums - pushes.matmul(&x_m);
            let mut rows = gradient.narrow(0, first as i64, count as i64);
            rows -= slope * (4.0 * scale / inputs.total);
        }
    }
    Ok(energy.double_value(&[]) / inputs.total)
}
