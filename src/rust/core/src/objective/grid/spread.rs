//! From the points to the nodes.

use std::ops::Range;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::super::factors::Factors;
use super::super::spline::{self, ORDER};
use super::bins::{line_offset, Sorted};
use super::block::{fused, BLOCK, LINES};
use super::tiles::{bin_of, Tiling};
use crate::aligned::{Aligned, LINE};

/// Rows of bins per slab of a tile, along the slowest axis. Points of a slab touch
/// `SLAB + ORDER - 1` rows of nodes, so slabs two apart never meet and can be filled at the
/// same time.
const SLAB: usize = 4;

/// The splines of the points of a block, and what follows for some lines of nodes.
struct Scratch<const D: usize> {
    axes: [[[f64; ORDER]; D]; BLOCK],
    weights: [[[f64; ORDER]; LINES]; BLOCK],
}

/// Adds every q_m, weighted by the splines, to the nodes around its point. `grid`: the
/// tiles with points, node by node, all fields of a node together.
pub(super) fn spread<const D: usize>(
    factors: &Factors,
    tiling: &Tiling,
    sorted: &Sorted<D>,
    grid: &mut [f64],
) {
    grid.par_chunks_mut(tiling.nodes() * factors.width)
        .zip(sorted.starts.par_windows(2))
        .for_each(|(tile, runs)| {
            tile.par_chunks_mut(SLAB * factors.width)
                .for_each(|nodes| nodes.fill(0.0));
            // Slabs of even number first, then those of odd number.
            for parity in 0..2 {
                spread_slabs(factors, tiling, sorted, runs[0]..runs[1], parity, tile);
            }
        });
}

/// The points of every second slab of a tile, whose runs are given.
fn spread_slabs<const D: usize>(
    factors: &Factors,
    tiling: &Tiling,
    sorted: &Sorted<D>,
    runs: Range<usize>,
    parity: usize,
    tile: &mut [f64],
) {
    let width = factors.width;
    let slab_nodes = SLAB * tiling.extent[1..D].iter().product::<usize>();
    let skipped = (parity * slab_nodes * width).min(tile.len());
    tile[skipped..]
        .par_chunks_mut(2 * slab_nodes * width)
        .enumerate()
        .for_each(|(pair, nodes)| {
            let first_node = (2 * pair + parity) * slab_nodes;
            let corners = &sorted.corners[runs.clone()];
            let first = corners.partition_point(|&corner| corner < first_node);
            let last = corners.partition_point(|&corner| corner < first_node + slab_nodes);
            if first == last {
                return;
            }
            let mut rows = Aligned::zeros(BLOCK * width);
            let mut scratch = Scratch {
                axes: [[[0.0; ORDER]; D]; BLOCK],
                weights: [[[0.0; ORDER]; LINES]; BLOCK],
            };
            let mut asked = 0;
            for run in runs.start + first..runs.start + last {
                let corner = sorted.corners[run] - first_node;
                let end = sorted.runs[run + 1] as usize;
                for start in (sorted.runs[run] as usize..end).step_by(BLOCK) {
                    let block = start..end.min(start + BLOCK);
                    factors.copy_weighted_rows(&sorted.ids[block.clone()], &mut rows);
                    let ahead = sorted.ids.len().min(block.end + BLOCK);
                    factors.prefetch(&sorted.ids[asked.max(block.end)..ahead]);
                    asked = ahead;
                    spread_block(
                        &rows[..block.len() * width],
                        &sorted.points[block],
                        tiling,
                        &mut scratch,
                        &mut nodes[corner * width..],
                    );
                }
            }
        });
}

/// Adds the `rows` of points in one bin to the nodes from the bin's first on.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn spread_block<const D: usize>(
    rows: &[f64],
    points: &[[f64; D]],
    tiling: &Tiling,
    scratch: &mut Scratch<D>,
    nodes: &mut [f64],
) {
    let fma = target_cfg_f!(target_feature = "fma") || cfg!(target_arch = "aarch64");
    let width = rows.len() / points.len();
    let Scratch { axes, weights } = scratch;
    for (axes, point) in axes.iter_mut().zip(points) {
        for a in 0..D {
            axes[a] = spline::weights::<ORDER>(bin_of(point[a], tiling.h, tiling.low[a]).1).0;
        }
    }
    let lines = ORDER.pow(D as u32 - 1);
    for first in (0..lines).step_by(LINES) {
        let mut starts = [0; LINES];
        for l in 0..LINES.min(lines) {
            let (offset, digits) = line_offset::<D>(first + l, tiling);
            starts[l] = offset * width;
            // Weight of a node: the product over the axes.
            for (weights, axes) in weights.iter_mut().zip(&axes[..points.len()]) {
                let mut slow = 1.0;
                for a in 0..D - 1 {
                    slow *= axes[a][digits[a]];
                }
                for j in 0..ORDER {
                    weights[l][j] = slow * axes[D - 1][j];
                }
            }
        }
        match (D, fma) {
            (1, true) => add_rows::<1, true>(nodes, &starts, weights, rows, width),
            (1, false) => add_rows::<1, false>(nodes, &starts, weights, rows, width),
            (_, true) => add_rows::<LINES, true>(nodes, &starts, weights, rows, width),
            (_, false) => add_rows::<LINES, false>(nodes, &starts, weights, rows, width),
        }
    }
}

/// node_lj += sum_i weights_ilj q_i for `L` lines of `ORDER` nodes.
#[inline(always)]
fn add_rows<const L: usize, const FMA: bool>(
    nodes: &mut [f64],
    starts: &[usize; LINES],
    weights: &[[[f64; ORDER]; LINES]; BLOCK],
    rows: &[f64],
    width: usize,
) {
    for field in (0..width).step_by(LINE) {
        let mut sums = [[[0.0; LINE]; ORDER]; L];
        for (weights, row) in weights.iter().zip(rows.chunks_exact(width)) {
            let row: &[f64; LINE] = row[field..field + LINE].try_into().unwrap();
            for l in 0..L {
                for j in 0..ORDER {
                    for lane in 0..LINE {
                        sums[l][j][lane] = fused::<FMA>(weights[l][j], row[lane], sums[l][j][lane]);
                    }
                }
            }
        }
        for l in 0..L {
            let line = &mut nodes[starts[l] + field..];
            for j in 0..ORDER {
                for (node, sum) in line[j * width..][..LINE].iter_mut().zip(&sums[l][j]) {
                    *node += sum;
                }
            }
        }
    }
}
