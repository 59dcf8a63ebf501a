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
mod plane;
mod potential;
mod pyramid;
mod spread;
mod taps;
mod tiles;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use faer::Accum;
use rayon::prelude::*;

use super::fields::Fields;
use super::shape::Shape;
use crate::aligned::Aligned;
use cells::{sort_by_cell, Sorted};
use convolve::{convolve, convolve_last};
use gather::{gather, GATHER};
pub use potential::Nodes;
pub use pyramid::{evaluate as evaluate_pyramid, ground, Pyramid};
use spread::spread;
use taps::kernel_taps;

pub use tiles::{Passes, TileSet, Tiling};

/// Order of the spline: nodes that a point meets along an axis.
pub const ORDER: usize = 4;

/// Buffers that are kept from one evaluation to the next.
#[derive(Debug, Default)]
pub struct Workspace {
    grid: Aligned<f64>,
    image: Aligned<f64>,
    floors: pyramid::Buffers,
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

/// Multiplications and additions of spreading n points and of gathering at them.
pub fn point_flops(n: usize, axes: usize, width: usize) -> f64 {
    4.0 * n as f64 * (ORDER as f64).powi(axes as i32) * width as f64
}

/// Nodes of one box around all points along every axis.
fn box_nodes(shape: &Shape, h: f64) -> impl Iterator<Item = f64> + '_ {
    let bounds = shape.low.iter().zip(&shape.high);
    bounds.map(move |(low, high)| (high / h).floor() - (low / h).floor() + ORDER as f64)
}

/// The taps of the kernel that a box around all points needs.
pub fn taps_over(shape: &Shape, h: f64) -> Vec<f64> {
    kernel_taps(h, box_nodes(shape, h).fold(1.0, f64::max) as usize)
}

/// Bytes of one box of nodes with `width` fields around all points, before and after a convolution.
pub fn box_bytes(shape: &Shape, h: f64, width: usize) -> f64 {
    2.0 * 8.0 * box_nodes(shape, h).product::<f64>() * width as f64
}

/// psi = sum_nm w-_nm K(x_n, x_m); its gradient times `scale` is added to `gradient`.
/// `None` where the grid would take more than `most_bytes`.
pub fn evaluate<const D: usize>(
    fields: &Fields,
    x: &[f64],
    tiling: &Tiling,
    most_bytes: f64,
    workspace: &mut Workspace,
    scale: f64,
    gradient: &mut [f64],
) -> Option<f64> {
    let (points, _) = x.as_chunks::<D>();
    let sorted = sort_by_cell(points, tiling);
    let passes = Passes::new(tiling, sorted.tiles.clone(), sorted.tiles.clone());
    if passes.bytes(fields.width) > most_bytes {
        return None;
    }
    convolved(fields, tiling, &sorted, &passes, workspace);

    let Workspace { grid, slopes, .. } = workspace;
    let energy = forces(fields, tiling, &sorted, grid, slopes, scale, gradient);
    Some(energy)
}

/// psi from the fields on the nodes of the tiles with points; its gradient times `scale` is
/// added to `gradient`.
fn forces<const D: usize>(
    fields: &Fields,
    tiling: &Tiling,
    sorted: &Sorted<D>,
    grid: &[f64],
    slopes: &mut Vec<AtomicU64>,
    scale: f64,
    gradient: &mut [f64],
) -> f64 {
    let forces = gather(fields, tiling, sorted, grid);
    // Every point is written once; atomics let several tasks write into one vector.
    slopes.resize_with(gradient.len(), AtomicU64::default);
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

/// Leaves phi on the nodes of the last tiles of `passes` in the workspace's grid.
fn convolved<const D: usize>(
    fields: &Fields,
    tiling: &Tiling,
    sorted: &Sorted<D>,
    passes: &Passes,
    workspace: &mut Workspace,
) {
    let Workspace { grid, image, .. } = workspace;
    let width = fields.width;
    let size = tiling.nodes() * width;
    grid.resize(passes.sets[0].len() * size);
    spread(fields, tiling, sorted, grid);
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
