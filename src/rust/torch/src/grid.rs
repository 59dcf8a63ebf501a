//! The repulsion in linear time: fields spread onto a regular grid over the embedding with cubic
//! B-splines, convolved, and gathered with the same splines.
//!
//! A Gaussian, which comes with taps, is convolved along one axis after the other. Another kernel
//! is no product over the axes, and is convolved by Fourier's transform.

use neuralee_torch_abi::Caller;
use tch::{Device, Kind, Tensor};

use crate::call::{check, chunk, Outcome};
use crate::inputs::Inputs;
use crate::kernel::Kernel;

/// Nodes that a point meets along an axis.
const ORDER: i64 = 4;

/// Nodes beyond the last distance between two nodes, before a kernel that is continued periodically
/// turns. What that bends is 0.27^8 of it at the last distance.
const MARGIN: i64 = 8;

/// Lengths of transforms are multiples of this.
const STEP: i64 = 16;

/// Bytes that a node of a transform takes for one field: the nodes, their spectrum, and those of
/// the product.
const TRANSFORMED: usize = 64;

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
    fn new(x: &Tensor, h: f64) -> Self {
        let axes = x.size()[1];
        let (mut extent, mut bins, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for a in 0..axes {
            let u = x.narrow(1, a, 1).squeeze_dim(1) / h;
            let floor = u.floor();
            let low = floor.min().double_value(&[]);
            let high = floor.max().double_value(&[]);
            weights.push(splines(&(u - &floor)));
            bins.push((floor - low).to_kind(Kind::Int64));
            extent.push((high - low) as i64 + ORDER);
        }
        let mut corners = bins.remove(0);
        for (bin, length) in bins.iter().zip(&extent[1..]) {
            corners = corners * *length + bin;
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

    /// Every node around a point: its number beyond the corner, and its index along each axis.
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
            let nodes = Tensor::arange(length, (Kind::Int64, device));
            let distance = (nodes.unsqueeze(1) - nodes.unsqueeze(0)).abs();
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

    /// The spectrum of the kernel K between nodes on a torus of these lengths. Splines that spread
    /// and gather with it pass through k at the nodes:
    ///
    /// ```text
    /// K^(theta) = k^(theta) / prod_a ((2 + cos theta_a) / 3)^2
    /// ```
    ///
    /// since a cubic B-spline is 2/3 at its centre and 1/6 at the nodes beside it.
    fn spectrum(&self, kernel: Kernel, h: f64, lengths: &[i64], device: Device) -> Tensor {
        let axes = lengths.len();
        let along = |axis: usize, values: Tensor| {
            let mut shape = vec![1; axes];
            shape[axis] = -1;
            values.view(shape.as_slice())
        };
        let nodes = |length: i64| Tensor::arange(length, (Kind::Double, device));
        let mut squares = Tensor::zeros(lengths, (Kind::Double, device));
        for (axis, &length) in lengths.iter().enumerate() {
            let node = nodes(length);
            let distance = node.minimum(&(length as f64 - &node)) * h;
            squares += along(axis, &distance * &distance);
        }
        let (values, _) = kernel.repulsion(squares);
        let all: Vec<i64> = (0..axes as i64).collect();
        let mut spectrum = values
            .fft_rfftn(lengths, all.as_slice(), "backward")
            .real()
            .contiguous();
        for (axis, &length) in lengths.iter().enumerate() {
            let kept = spectrum.size()[axis];
            let angle = nodes(kept) * (std::f64::consts::TAU / length as f64);
            let spline = (angle.cos() + 2.0) / 3.0;
            spectrum /= along(axis, &spline * &spline);
        }
        spectrum
    }

    /// The kernel applied by Fourier's transform, to as many fields at once as the scratch memory
    /// holds.
    fn transformed(
        &self,
        caller: &Caller,
        fields: &Tensor,
        kernel: Kernel,
        h: f64,
        (device, scratch): (Device, usize),
    ) -> Outcome<Tensor> {
        let width = fields.size()[1];
        let lengths: Vec<i64> = self
            .extent
            .iter()
            .map(|length| (2 * (length + MARGIN) + STEP - 1) / STEP * STEP)
            .collect();
        let spectrum = self.spectrum(kernel, h, &lengths, device);
        let axes: Vec<i64> = (1..=lengths.len() as i64).collect();
        let images = Tensor::zeros_like(fields);
        let bytes = TRANSFORMED * lengths.iter().product::<i64>() as usize;
        for (first, count) in chunk(width as usize, bytes, scratch) {
            check(caller)?;
            let (first, count) = (first as i64, count as i64);
            let shape: Vec<i64> = std::iter::once(count).chain(self.extent.clone()).collect();
            let mut image = fields
                .narrow(1, first, count)
                .transpose(0, 1)
                .contiguous()
                .view(shape.as_slice())
                .fft_rfftn(lengths.as_slice(), axes.as_slice(), "backward");
            image *= &spectrum;
            let mut image = image.fft_irfftn(lengths.as_slice(), axes.as_slice(), "backward");
            for (axis, &length) in (1..).zip(&self.extent) {
                image = image.narrow(axis, 0, length);
            }
            let image = image.reshape([count, self.nodes()]).transpose(0, 1);
            images.narrow(1, first, count).copy_(&image);
        }
        Ok(images)
    }
}

/// psi = sum_nm w-_nm K(x_n, x_m); `scale` times its gradient is added to `gradient`.
#[allow(clippy::too_many_arguments)]
pub(crate) fn evaluate(
    caller: &Caller,
    inputs: &Inputs<'_>,
    (kernel, taps): (Kernel, &[f64]),
    x: &Tensor,
    h: f64,
    scale: f64,
    gradient: &mut Tensor,
    (device, scratch): (Device, usize),
) -> Outcome<f64> {
    let grid = Grid::new(x, h);
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
    let fields = if taps.is_empty() {
        grid.transformed(caller, &fields, kernel, h, (device, scratch))?
    } else {
        grid.convolved(fields, taps, device)
    };
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
