//! Repulsion by a Gaussian, a product over the axes, on one grid.

use faer::Accum;

use super::super::factors::Factors;
use super::super::shape::Shape;
use super::super::spline::ORDER;
use super::bins::Sorted;
use super::convolve::{convolve, convolve_last};
use super::spread::spread;
use super::taps::kernel_taps;
use super::tiles::{Passes, Tiling};
use super::workspace::Workspace;

/// Multiplications and additions of spreading n points and of gathering at them.
pub fn point_flops(n: usize, axes: usize, width: usize) -> f64 {
    4.0 * n as f64 * (ORDER as f64).powi(axes as i32) * width as f64
}

/// Nodes of one box around all points along every axis.
fn box_nodes(shape: &Shape, h: f64) -> impl Iterator<Item = f64> + '_ {
    let bounds = shape.low.iter().zip(&shape.high);
    bounds.map(move |(low, high)| (high / h).floor() - (low / h).floor() + ORDER as f64)
}

/// The taps of a Gaussian that a box around all points needs.
pub fn box_taps(shape: &Shape, h: f64) -> Vec<f64> {
    kernel_taps(h, box_nodes(shape, h).fold(1.0, f64::max) as usize)
}

/// Bytes of one box of nodes with `width` fields around all points, before and after a convolution.
pub fn box_bytes(shape: &Shape, h: f64, width: usize) -> f64 {
    2.0 * 8.0 * box_nodes(shape, h).product::<f64>() * width as f64
}

/// Leaves phi on the nodes of the last tiles of `passes` in the workspace's grid.
pub(super) fn convolved<const D: usize>(
    factors: &Factors,
    tiling: &Tiling,
    sorted: &Sorted<D>,
    passes: &Passes,
    workspace: &mut Workspace,
) {
    let Workspace { grid, image, .. } = workspace;
    let width = factors.width;
    let size = tiling.nodes() * width;
    grid.resize(passes.sets[0].len() * size);
    spread(factors, tiling, sorted, grid);
    let longest = (0..D).map(|a| tiling.side[a] * tiling.count[a] + ORDER - 1);
    let taps = kernel_taps(tiling.h, longest.max().unwrap_or(1));
    for axis in 0..D {
        let [from, to] = [0, 1].map(|pass| &passes.sets[axis + pass]);
        image.resize(to.len() * size);
        if axis + 1 < D {
            convolve(
                (from, &*grid),
                (to, &mut *image),
                &taps,
                tiling,
                axis,
                width,
                Accum::Replace,
            );
        } else {
            convolve_last(
                (from, &*grid),
                (to, &mut *image),
                &taps,
                tiling,
                width,
                Accum::Replace,
            );
        }
        std::mem::swap(grid, image);
    }
}
