//! From the nodes back to the points.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::super::factors::Factors;
use super::super::spline::{self, ORDER};
use super::bins::{line_offset, Sorted};
use super::block::{fused, BLOCK, LINES};
use super::tiles::{bin_of, Tiling};
use crate::aligned::Aligned;

/// Points gathered by one task.
const GATHER: usize = 1024;

/// Points whose products with the nodes are summed at once. With two registers of AVX-512 each for
/// `LINES` lines of nodes they take half of the 32.
const POINTS: usize = 8;

/// Partial sums of a product where fewer points are at hand, so that one addition need not
/// wait for the last.
const MOST_SPLIT: usize = 4;

/// What one task of the gather brings back.
struct Forces {
    energy: f64,
    slopes: Vec<f64>,
}

/// psi from the fields on the nodes of the tiles with points; its gradient times `scale` is
/// added to `gradient`.
pub(super) fn forces<const D: usize>(
    factors: &Factors,
    tiling: &Tiling,
    sorted: &Sorted<D>,
    grid: &[f64],
    slopes: &mut Vec<AtomicU64>,
    scale: f64,
    gradient: &mut [f64],
) -> f64 {
    let forces = gather(factors, tiling, sorted, grid);
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
    let factor = 2.0 * scale / factors.total;
    gradient
        .par_chunks_mut(1 << 13)
        .zip(slopes.par_chunks(1 << 13))
        .for_each(|(gradient, slopes)| {
            for (g, slope) in gradient.iter_mut().zip(slopes) {
                *g += factor * f64::from_bits(slope.load(Relaxed));
            }
        });
    forces.iter().map(|part| part.energy).sum::<f64>() / factors.total
}

/// S psi_n and S grad phi(x_n) . c_n of every point, in the order of `sorted`. `grid`: the
/// tiles with points, line by line along the fastest axis, all nodes of a line for one
/// field together.
fn gather<const D: usize>(
    factors: &Factors,
    tiling: &Tiling,
    sorted: &Sorted<D>,
    grid: &[f64],
) -> Vec<Forces> {
    let width = factors.width;
    // Fields by which the products run, `MOST_SPLIT` at a time; those beyond stay zero.
    let depth = (factors.inputs + 2).next_multiple_of(MOST_SPLIT);
    let size = tiling.nodes() * width;
    let tile_nodes = |tile: usize| &grid[tile * size..][..size];
    sorted
        .ids
        .par_chunks(GATHER)
        .zip(sorted.points.par_chunks(GATHER))
        .enumerate()
        .map(|(task, (ids, points))| {
            let mut forces = Forces {
                energy: 0.0,
                slopes: vec![0.0; ids.len() * D],
            };
            let mut rows = Aligned::zeros(BLOCK * width);
            let mut bin = Aligned::zeros(ORDER.pow(D as u32) * depth);
            let first = task * GATHER;
            let mut run = sorted
                .runs
                .partition_point(|&start| start as usize <= first)
                - 1;
            // The tile after that of the first run.
            let mut tile = sorted.starts.partition_point(|&start| start <= run);
            let mut nodes = tile_nodes(tile - 1);
            let (mut done, mut asked) = (0, 0);
            while done < ids.len() {
                let end = (sorted.runs[run + 1] as usize - first).min(ids.len());
                if sorted.starts[tile] == run {
                    nodes = tile_nodes(tile);
                    tile += 1;
                }
                copy_bin::<D>(factors.inputs, tiling, sorted.corners[run], nodes, &mut bin);
                for start in (done..end).step_by(BLOCK) {
                    let block = start..end.min(start + BLOCK);
                    factors.copy_weighted_rows(&ids[block.clone()], &mut rows);
                    let ahead = ids.len().min(block.end + BLOCK);
                    factors.prefetch(&ids[asked.max(block.end)..ahead]);
                    asked = ahead;
                    forces.energy += gather_block(
                        &rows[..block.len() * width],
                        &points[block.clone()],
                        tiling,
                        &bin,
                        &mut forces.slopes[block.start * D..block.end * D],
                    );
                }
                done = end;
                run += 1;
            }
            forces
        })
        .collect()
}

/// The nodes around one bin: for `LINES` lines at once, field by field.
///
/// c_n . phi = (-2 phi_y . y_n + phi_{|y|^2} + phi_1 |y_n|^2) / S: with these factors and
/// changes of position it is the product with row q_n.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn copy_bin<const D: usize>(
    inputs: usize,
    tiling: &Tiling,
    corner: usize,
    tile: &[f64],
    bin: &mut [f64],
) {
    let length = tiling.extent[D - 1];
    let (row, column) = (corner / length, corner % length);
    let line_size = tile.len() * length / tiling.nodes();
    let lines = ORDER.pow(D as u32 - 1);
    let together = LINES.min(lines);
    let (bin, _) = bin.as_chunks_mut::<ORDER>();
    let depth = bin.len() / lines;
    for line in 0..lines {
        let row = row + line_offset::<D>(line, tiling).0 / length;
        let nodes = &tile[row * line_size..][..line_size];
        let targets = &mut bin[line / together * together * depth..][..together * depth];
        let targets = targets.iter_mut().skip(line % together).step_by(together);
        for (target, nodes) in targets.zip(nodes.chunks_exact(length)) {
            let nodes: &[f64; ORDER] = nodes[column..][..ORDER].try_into().unwrap();
            for j in 0..ORDER {
                target[j] = -2.0 * nodes[j];
            }
        }
    }
    for group in bin.chunks_exact_mut(together * depth) {
        let last = &mut group[inputs * together..][..2 * together];
        last.as_flattened_mut().iter_mut().for_each(|v| *v *= -0.5);
        let (norm, one) = last.split_at_mut(together);
        norm.swap_with_slice(one);
    }
}

/// S times the sum of psi over the points of a block in one bin, and the slopes.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn gather_block<const D: usize>(
    rows: &[f64],
    points: &[[f64; D]],
    tiling: &Tiling,
    bin: &[f64],
    slopes: &mut [f64],
) -> f64 {
    const NODES: usize = LINES * ORDER;
    let fma = target_cfg_f!(target_feature = "fma") || cfg!(target_arch = "aarch64");
    match (D, fma) {
        (1, true) => gather_rows::<D, ORDER, true>(rows, points, tiling, bin, slopes),
        (1, false) => gather_rows::<D, ORDER, false>(rows, points, tiling, bin, slopes),
        (_, true) => gather_rows::<D, NODES, true>(rows, points, tiling, bin, slopes),
        (_, false) => gather_rows::<D, NODES, false>(rows, points, tiling, bin, slopes),
    }
}

/// [`gather_block`] with `NODES` nodes of a bin at once.
#[inline(always)]
fn gather_rows<const D: usize, const NODES: usize, const FMA: bool>(
    rows: &[f64],
    points: &[[f64; D]],
    tiling: &Tiling,
    bin: &[f64],
    slopes: &mut [f64],
) -> f64 {
    let width = rows.len() / points.len();
    let (bin, _) = bin.as_chunks::<NODES>();
    let depth = bin.len() * NODES / ORDER.pow(D as u32);
    let (slopes, _) = slopes.as_chunks_mut::<D>();
    let mut energy = 0.0;
    let mut products = [[0.0; NODES]; POINTS];
    let mut axes = [[([0.0; ORDER], [0.0; ORDER]); D]; POINTS];
    for start in (0..points.len()).step_by(POINTS) {
        let count = POINTS.min(points.len() - start);
        let rows = &rows[start * width..(start + count) * width];
        let slopes = &mut slopes[start..start + count];
        for (axes, point) in axes.iter_mut().zip(&points[start..start + count]) {
            for a in 0..D {
                axes[a] = spline::weights(bin_of(point[a], tiling.h, tiling.low[a]).1);
            }
        }
        for (group, bin) in bin.chunks_exact(depth).enumerate() {
            let mut done = 0;
            while done < count {
                let rows = &rows[done * width..];
                let products = &mut products[done..];
                done += match count - done {
                    8.. => multiply::<8, 1, NODES, FMA>(rows, width, bin, products),
                    4.. => multiply::<4, 1, NODES, FMA>(rows, width, bin, products),
                    2.. => multiply::<2, 2, NODES, FMA>(rows, width, bin, products),
                    _ => multiply::<1, MOST_SPLIT, NODES, FMA>(rows, width, bin, products),
                };
            }
            let first = group * NODES / ORDER;
            for i in 0..count {
                energy += contract::<D, NODES>(&products[i], &axes[i], first, &mut slopes[i]);
            }
        }
        for slope in slopes.iter_mut().flatten() {
            *slope /= tiling.h;
        }
    }
    energy
}

/// Products of `B` rows with `NODES` nodes of a bin, as `SPLIT` partial sums; returns B.
#[inline(always)]
fn multiply<const B: usize, const SPLIT: usize, const NODES: usize, const FMA: bool>(
    rows: &[f64],
    width: usize,
    bin: &[[f64; NODES]],
    products: &mut [[f64; NODES]],
) -> usize {
    let mut sums = [[[0.0; NODES]; B]; SPLIT];
    let (bin, _) = bin.as_chunks::<SPLIT>();
    let rows: [&[[f64; SPLIT]]; B] =
        std::array::from_fn(|i| &rows[i * width..].as_chunks().0[..bin.len()]);
    for (chunk, nodes) in bin.iter().enumerate() {
        for s in 0..SPLIT {
            for i in 0..B {
                for j in 0..NODES {
                    sums[s][i][j] = fused::<FMA>(rows[i][chunk][s], nodes[s][j], sums[s][i][j]);
                }
            }
        }
    }
    for s in 1..SPLIT {
        for i in 0..B {
            for j in 0..NODES {
                sums[0][i][j] += sums[s][i][j];
            }
        }
    }
    products[..B].copy_from_slice(&sums[0]);
    B
}

/// The products with the nodes of the lines from `first` on times the splines: adds the
/// slopes, returns the value.
#[inline(always)]
fn contract<const D: usize, const NODES: usize>(
    products: &[f64; NODES],
    axes: &[([f64; ORDER], [f64; ORDER]); D],
    first: usize,
    slope: &mut [f64; D],
) -> f64 {
    let (fast, fast_slope) = &axes[D - 1];
    let (products, _) = products.as_chunks::<ORDER>();
    let mut value = 0.0;
    for (line, products) in products.iter().enumerate() {
        let mut digits = [0; D];
        let mut rest = first + line;
        for a in (0..D - 1).rev() {
            digits[a] = rest % ORDER;
            rest /= ORDER;
        }
        let (mut along, mut along_slope) = (0.0, 0.0);
        for j in 0..ORDER {
            along += fast[j] * products[j];
            along_slope += fast_slope[j] * products[j];
        }
        let mut slow = 1.0;
        for a in 0..D - 1 {
            slow *= axes[a].0[digits[a]];
        }
        value += slow * along;
        slope[D - 1] += slow * along_slope;
        for a in 0..D - 1 {
            let mut others = along;
            for b in 0..D - 1 {
                others *= if b == a {
                    axes[b].1[digits[b]]
                } else {
                    axes[b].0[digits[b]]
                };
            }
            slope[a] += others;
        }
    }
    value
}
