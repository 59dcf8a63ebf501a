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
mod potential;
mod spread;
mod taps;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;

use super::aligned::Aligned;
use super::fields::Fields;
use super::kernel::CUTOFF_RADIUS;
use super::shape::Shape;
use cells::sort_by_cell;
use convolve::{convolve, convolve_last};
use gather::{gather, GATHER};
pub use potential::Nodes;
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
    pub fn covering(shape: &Shape, h: f64) -> Option<Self> {
        let mut low = [0i64; 3];
        let mut extent = [1usize; 3];
        let mut nodes = 1f64;
        let axes = shape.low.len();
        for a in 0..axes {
            let (first, last) = ((shape.low[a] / h).floor(), (shape.high[a] / h).floor());
            let cells = last - first + 1.0;
            nodes *= cells + (ORDER - 1) as f64;
            // The comparison is false for NaN too.
            if !(nodes < (1u64 << 40) as f64) || !first.is_finite() {
                return None;
            }
            low[a] = first as i64;
            extent[a] = cells as usize + ORDER - 1;
        }
        shape
            .deviation
            .is_finite()
            .then_some(Extent { low, extent, axes })
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
    grid: Aligned<f64>,
    image: Aligned<f64>,
    slopes: Vec<AtomicU64>,
}

/// Points whose rows are collected and handled at once: they stay in the first-level cache.
const BLOCK: usize = 32;

/// Lines of nodes that are handled at once: with `ORDER` nodes each and eight fields they
/// take half of the 32 registers of AVX-512.
const LINES: usize = 4;

/// a b + c in one operation where the processor has it.
#[inline(always)]
fn fused<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
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

    let Workspace {
        grid,
        image,
        slopes,
    } = workspace;
    grid.resize(extent.nodes() * width);
    image.resize(extent.nodes() * width);
    grid.par_chunks_mut(1 << 14)
        .for_each(|chunk| chunk.fill(0.0));
    spread(fields, h, extent, &sorted, grid);
    let taps = kernel_taps(h, extent.extent[..D].iter().copied().max().unwrap_or(1));
    for axis in 0..D - 1 {
        convolve(grid, image, &taps, extent, axis, width);
        std::mem::swap(grid, image);
    }
    convolve_last(grid, image, &taps, extent, width);

    let forces = gather(fields, h, extent, &sorted, image);
    // Every point is written once; atomics let several tasks write into one vector.
    slopes.resize_with(x.len(), AtomicU64::default);
    forces
        .par_iter()
        .zip(sorted.ids.par_chunks(GATHER))
        .for_each(|(part, ids)| {
            for (&id, slope) in ids.iter().zip(part.slopes.chunks_exact(D)) {
                for a in 0..D {
                    slopes[id as usize * D + a].store(slope[a].to_bits(), Relaxed);
                }
            }
        });
    let factor = 2.0 * scale / fields.total;
    gradient
        .par_chunks_mut(1 << 13)
        .zip(slopes.par_chunks(1 << 13))
        .for_each(|(gradient, slopes)| {
            for (g, slope) in gradient.iter_mut().zip(slopes) {
                *g += factor * f64::from_bits(slope.load(Relaxed));
            }
        });
    forces.iter().map(|part| part.energy).sum::<f64>() / fields.total
}
