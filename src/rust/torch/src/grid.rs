//! The repulsion in linear time: fields spread onto a regular grid over the embedding with cubic
//! B-splines, convolved along its axes, and gathered with the same splines.

use neuralee_torch_abi::Caller;
use tch::{Device, Kind, Tensor};

use crate::objective::Inputs;
use crate::{check, chunk, Outcome};

/// Nodes that a point meets along an axis.
const ORDER: i64 = 4;

/// A grid that covers some points.
struct Grid {
    /// Nodes along each axis.
    extent: Vec<i64>,
    /// The first node that each point meets, as the number of a node.
    corners: Tensor,
    /// Along each axis, weights and slopes of the four splines, N x 4.
    splines: Vec<(Tensor, Tensor)>,
}

/// Values and derivatives of the four cubic B-splines that cover `t` in [0, 1) past a node.
fn splines(t: &Tensor) -> (Tensor, Tensor) {
    let s: Tensor = 1.0 - t;
    let (t2, s2) = (t * t, &s * &s);
    let (t3, s3) = (&t2 * t, &s2 * &s);
    let value = [
        &s3 / 6.0,
        &t3 / 2.0 - &t2 + 2.0 / 3.0,
        &s3 / 2.0 - &s2 + 2.0 / 3.0,
        &t3 / 6.0,
    ];
    let slope = [
        &s2 * -0.5,
        &t2 * 1.5 - t * 2.0,
        &s * 2.0 - &s2 * 1.5,
        &t2 * 0.5,
    ];
    (Tensor::stack(&value, 1), Tensor::stack(&slope, 1))
}

impl Grid {
    fn over(x: &Tensor, h: f64) -> Self {
        let axes = x.size()[1];
        let (mut extent, mut cells, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for a in 0..axes {
            let u = x.narrow(1, a, 1).squeeze_dim(1) / h;
            let floor = u.floor();
            let low = floor.min().double_value(&[]);
            let high = floor.max().double_value(&[]);
            weights.push(splines(&(u - &floor)));
            cells.push((floor - low).to_kind(Kind::Int64));
            extent.push((high - low) as i64 + ORDER);
        }
        let mut corners = cells.remove(0);
        for (cell, length) in cells.iter().zip(&extent[1..]) {
            corners = corners * *length + cell;
        }
        Grid {
            extent,
            corners,
            splines: weights,
        }
    }

    fn nodes(&self) -> i64 {
        self.extent.iter().product()
    }

    /// Every node around a point: its number beyond the corner, and its place along each axis.
    fn around(&self) -> Vec<(i64, Vec<i64>)> {
        let axes = self.extent.len() as u32;
        (0..ORDER.pow(axes))
            .map(|number| {
                let mut rest = number;
                let mut digits = vec![0; axes as usize];
                for digit in digits.iter_mut().rev() {
                    *digit = rest % ORDER;
                    rest /= ORDER;
                }
                let offset = digits
                    .iter()
                    .zip(&self.extent)
                    .fold(0, |sum, (digit, length)| sum * length + digit);
                (offset, digits)
            })
            .collect()
    }

    /// Of points `first ..`, the weight of the node with these digits; along axis `slope`, where
    /// there is one, the derivative.
    fn weight(&self, digits: &[i64], (first, count): (i64, i64), slope: Option<usize>) -> Tensor {
        let mut product: Option<Tensor> = None;
        for (axis, (digit, (value, derivative))) in digits.iter().zip(&self.splines).enumerate() {
            let column = if slope == Some(axis) {
                derivative
            } else {
                value
            };
            let factor = column
                .narrow(0, first, count)
                .narrow(1, *digit, 1)
                .squeeze_dim(1);
            product = Some(match product {
                Some(product) => product * factor,
                None => factor,
            });
        }
        product.expect("a grid has axes")
    }

    /// The kernel applied along each axis: the banded Toeplitz matrix of its taps, times the nodes.
    fn convolved(&self, mut fields: Tensor, taps: &[f64], device: Device) -> Tensor {
        let width = fields.size()[1];
        let taps_here = Tensor::from_slice(taps).to_device(device);
        let mut outer = 1;
        for (axis, &length) in self.extent.iter().enumerate() {
            let places = Tensor::arange(length, (Kind::Int64, device));
            let distance = (places.unsqueeze(1) - places.unsqueeze(0)).abs();
            let far = distance.ge(taps.len() as i64);
            let band = taps_here
                .index_select(0, &distance.clamp_max(taps.len() as i64 - 1).view([-1]))
                .view([length, length])
                .masked_fill(&far, 0.0);
            let inner: i64 = self.extent[axis + 1..].iter().product::<i64>() * width;
            fields = band.matmul(&fields.view([outer, length, inner]));
            outer *= length;
        }
        fields.view([self.nodes(), width])
    }
}

/// psi = sum_nm w-_nm K(x_n, x_m); `scale` times its gradient is added to `gradient`.
#[allow(clippy::too_many_arguments)]
pub(crate) fn evaluate(
    caller: &Caller,
    inputs: &Inputs<'_>,
    x: &Tensor,
    (h, taps): (f64, &[f64]),
    scale: f64,
    gradient: &mut Tensor,
    (device, scratch): (Device, usize),
) -> Outcome<f64> {
    let grid = Grid::over(x, h);
    let width = inputs.width();
    let around = grid.around();
    let mut fields = Tensor::zeros([grid.nodes(), width as i64], (Kind::Double, device));
    for (first, count) in chunk(inputs.n, 3 * width * 8, scratch) {
        check(caller)?;
        let rows = inputs.rows(first, count);
        let range = (first as i64, count as i64);
        let corners = grid.corners.narrow(0, range.0, range.1);
        for (offset, digits) in &around {
            let weight = grid.weight(digits, range, None).unsqueeze(1);
            let _ = fields.index_add_(0, &(&corners + *offset), &(&rows * weight));
        }
    }
    let fields = grid.convolved(fields, taps, device);
    check(caller)?;
    let mut energy = Tensor::zeros([], (Kind::Double, device));
    let axes = grid.extent.len();
    for (first, count) in chunk(inputs.n, 3 * width * 8, scratch) {
        check(caller)?;
        let own = inputs.coefficients(&inputs.rows(first, count));
        let range = (first as i64, count as i64);
        let corners = grid.corners.narrow(0, range.0, range.1);
        let slopes = Tensor::zeros([range.1, axes as i64], (Kind::Double, device));
        for (offset, digits) in &around {
            let met = fields.index_select(0, &(&corners + *offset));
            let product = (&own * met).sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
            energy += (&product * grid.weight(digits, range, None)).sum(Kind::Double);
            for axis in 0..axes {
                let mut column = slopes.narrow(1, axis as i64, 1);
                column += (&product * grid.weight(digits, range, Some(axis))).unsqueeze(1);
            }
        }
        let mut rows = gradient.narrow(0, range.0, range.1);
        rows += slopes * (2.0 * scale / (h * inputs.total));
    }
    Ok(energy.double_value(&[]) / inputs.total)
}
