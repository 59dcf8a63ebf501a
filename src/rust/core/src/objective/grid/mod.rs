//! Repulsion in linear time: D + 2 fields on a regular grid over the embedding.
//!
//! psi_n = c_n . phi(x_n) with phi(x) = sum_m q_m exp(-|x - x_m|^2) (see [`Fields`]).
//! The q_m are spread onto nodes with cubic B-splines B, convolved with a kernel k on
//! the nodes, and gathered with the same splines, so that what is computed is exactly
//!
//! ```text
//! E- = sum_nm w-_nm K(x_n, x_m),
//! K(x, y) = sum_gg' B(x - g) k(g - g') B(y - g'),  close to exp(-|x - y|^2),
//! ```
//!
//! and, K being symmetric, the gradient of that E- is the gather with the splines'
//! derivative at fixed fields, twice. Every field sees the same K, so its error is not
//! amplified where the terms of c_n . q_m cancel. The pattern is the particle-mesh one
//! of Hockney and Eastwood (1988) with their optimal influence function.

mod cells;
mod convolve;
mod gather;
mod spread;
mod taps;

use rayon::prelude::*;

use super::fields::Fields;
use super::kernel::CUTOFF_RADIUS;
use cells::sort_by_cell;
use convolve::convolve;
use gather::{gather, GATHER};
use spread::spread;
use taps::kernel_taps;

/// Order of the spline: nodes that a point meets along an axis.
pub const ORDER: usize = 4;

/// Nodes that cover the points, `extent[0]` the slowest axis, at whole multiples of h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    low: [i64; 3],
    extent: [usize; 3],
    axes: usize,
}

impl Extent {
    /// The smallest grid of spacing `h` that covers the points, `None` where it would
    /// have more than 2^40 nodes or a coordinate is not finite.
    pub fn covering(x: &[f64], d: usize, h: f64) -> Option<Self> {
        let mut low = [0i64; 3];
        let mut extent = [1usize; 3];
        let mut nodes = 1f64;
        for a in 0..d {
            let column = x.iter().skip(a).step_by(d);
            let (smallest, largest) = column
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| {
                    (l.min(v), h.max(v))
                });
            let cells = (largest / h).floor() - (smallest / h).floor() + 1.0;
            nodes *= cells + (ORDER - 1) as f64;
            // The comparison is false for NaN too.
            if !(nodes < (1u64 << 40) as f64) || !(smallest / h).is_finite() {
                return None;
            }
            low[a] = (smallest / h).floor() as i64;
            extent[a] = cells as usize + ORDER - 1;
        }
        Some(Extent {
            low,
            extent,
            axes: d,
        })
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.extent.iter().product()
    }

    /// Multiplications and additions of one evaluation for n points.
    pub fn flops(&self, n: usize, width: usize, h: f64) -> f64 {
        let reach = 2.0 * (CUTOFF_RADIUS / h).ceil() + 1.0;
        let taps: f64 = self.extent[..self.axes]
            .iter()
            .map(|&e| reach.min(e as f64))
            .sum();
        let points = 4.0 * n as f64 * (ORDER as f64).powi(self.axes as i32);
        (points + 2.0 * taps * self.nodes() as f64) * width as f64
    }

    /// Bytes of one evaluation: the grid and its image under the convolution.
    pub fn bytes(&self, width: usize) -> f64 {
        16.0 * self.nodes() as f64 * width as f64
    }
}

/// Buffers that are kept from one evaluation to the next.
#[derive(Debug, Default)]
pub struct Workspace {
    grid: Vec<f64>,
    image: Vec<f64>,
}

/// psi = sum_nm w-_nm K(x_n, x_m); its gradient times `scale` is added to `gradient`.
pub fn evaluate<const D: usize>(
    fields: &Fields,
    x: &[f64],
    h: f64,
    extent: &Extent,
    workspace: &mut Workspace,
    scale: f64,
    gradient: &mut [f64],
) -> f64 {
    let (points, _) = x.as_chunks::<D>();
    let width = fields.width;
    let sorted = sort_by_cell(points, h, extent);

    workspace.grid.clear();
    workspace.grid.resize(extent.nodes() * width, 0.0);
    workspace.image.resize(extent.nodes() * width, 0.0);
    spread(fields, points, h, extent, &sorted, &mut workspace.grid);
    let taps = kernel_taps(h, extent.extent[..D].iter().copied().max().unwrap_or(1));
    for axis in 0..D {
        convolve(
            &workspace.grid,
            &mut workspace.image,
            &taps,
            extent,
            axis,
            width,
        );
        std::mem::swap(&mut workspace.grid, &mut workspace.image);
    }
    workspace.grid.par_chunks_exact_mut(width).for_each(|node| {
        // c_n . phi = (-2 phi_y . y_n + phi_{|y|^2} + phi_1 |y_n|^2) / S: with these
        // changes of place and sign it is the product of the node with row q_n.
        node[..fields.inputs].iter_mut().for_each(|v| *v *= -2.0);
        node.swap(fields.inputs, fields.inputs + 1);
    });

    let forces = gather::<D>(fields, points, h, extent, &sorted, &workspace.grid);
    let mut energy = 0.0;
    let factor = 2.0 * scale / fields.total;
    let (gradient, _) = gradient.as_chunks_mut::<D>();
    for (part, ids) in forces.iter().zip(sorted.ids.chunks(GATHER)) {
        energy += part.energy;
        for (&id, slope) in ids.iter().zip(part.slopes.chunks_exact(D)) {
            for a in 0..D {
                gradient[id as usize][a] += factor * slope[a];
            }
        }
    }
    energy / fields.total
}
