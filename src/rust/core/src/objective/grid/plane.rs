//! All Gaussians of a floor at once, on tiles of the plane.
//!
//! The fields of a tile follow from a patch of nodes: its own and those of its eight neighbours, as
//! far as the kernels reach. Eight fields of a patch stay in the second-level cache while every
//! Gaussian passes along both axes. So main memory is read and written once, not once for each
//! Gaussian and axis.

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::super::spline::ORDER;
use super::block::fused;
use super::tiles::{TileSet, Tiling, REACH, SIDE};
use crate::aligned::{Aligned, LINE};

/// Nodes of a tile along an axis.
const EXTENT: usize = SIDE + ORDER - 1;

/// Nodes of a tile.
const NODES: usize = EXTENT * EXTENT;

/// Nodes whose sums run side by side: with eight fields each they take ten registers of AVX2.
const TOGETHER: usize = 5;

/// `EXTENT`, rounded up to whole blocks of `TOGETHER`.
const PADDED: usize = EXTENT.next_multiple_of(TOGETHER);

/// Nodes of a patch along an axis.
const PATCH: usize = PADDED + 2 * REACH;

/// Some fields of a node.
type Lanes = [f64; LINE];

/// A Gaussian as a band along an axis. Row j of `rows` has the taps that node j - `reach` of a
/// block has for the block's `TOGETHER` nodes.
struct Band {
    reach: usize,
    rows: Vec<[f64; TOGETHER]>,
}

impl Band {
    fn new(taps: &[f64], weight: f64) -> Self {
        let reach = taps.len() - 1;
        let tap = |distance: usize| taps.get(distance).map_or(0.0, |tap| weight * tap);
        let row = |j: usize| std::array::from_fn(|i| tap((i + reach).abs_diff(j)));
        Band {
            reach,
            rows: (0..TOGETHER + 2 * reach).map(row).collect(),
        }
    }
}

/// A Gaussian along the first and, with its weight, along the last axis.
pub(super) struct Gaussian([Band; 2]);

impl Gaussian {
    /// With at most `REACH` + 1 taps.
    pub(super) fn new(taps: &[f64], weight: f64) -> Self {
        Gaussian([Band::new(taps, 1.0), Band::new(taps, weight)])
    }
}

struct Scratch {
    /// What the tile begins with is in the first.
    tile: [Vec<f64>; 2],
    /// `PATCH` x `PATCH` nodes; those that no tile has stay zero.
    patch: Vec<Lanes>,
    /// After the pass along the first axis: `PADDED` nodes along it for each along the last.
    between: Vec<Lanes>,
    /// `EXTENT` x `PADDED` nodes.
    sums: Vec<Lanes>,
}

/// Fills `fields` with `start` and the sum of some Gaussians of what the tiles of a plane hold. It
/// writes node by node, or with `by_line` line by line as the gather reads them.
///
/// `start` puts what a tile begins with into a buffer, node by node. `packed` is overwritten.
pub(super) fn convolve_plane(
    tiling: &Tiling,
    set: &TileSet,
    sources: &[f64],
    width: usize,
    gaussians: &[Gaussian],
    start: impl Fn(usize, &mut [Vec<f64>; 2]) + Sync,
    packed: &mut Aligned<f64>,
    fields: &mut [f64],
    by_line: bool,
) {
    let size = NODES * width;
    let new = || Scratch {
        tile: Default::default(),
        patch: vec![[0.0; LINE]; PATCH * PATCH],
        between: vec![[0.0; LINE]; PATCH * PADDED],
        sums: vec![[0.0; LINE]; EXTENT * PADDED],
    };
    packed.resize(sources.len());
    packed
        .par_chunks_mut(size)
        .zip(sources.par_chunks(size))
        .for_each(|(packed, tile)| pack(tile, width, packed));
    let (packed, _) = packed.as_chunks::<LINE>();
    let tiles = fields.par_chunks_mut(size).zip(&set.tiles).enumerate();
    tiles.for_each_init(new, |scratch, (slot, (fields, &tile))| {
        start(slot, &mut scratch.tile);
        let around = neighbours(tiling, set, tile as usize);
        for first in (0..width).step_by(LINE) {
            scratch.patch.fill([0.0; LINE]);
            for (neighbour, slot) in around.iter().enumerate() {
                if let &Some(slot) = slot {
                    let nodes = &packed[(slot * size + first * NODES) / LINE..][..NODES];
                    add_tile(nodes, [neighbour / 3, neighbour % 3], &mut scratch.patch);
                }
            }
            let lines = scratch.tile[0].chunks_exact(EXTENT * width);
            for (line, sums) in lines.zip(scratch.sums.chunks_exact_mut(PADDED)) {
                for (node, sums) in line.chunks_exact(width).zip(sums) {
                    sums.copy_from_slice(&node[first..first + LINE]);
                }
            }
            for gaussian in gaussians {
                pass_both(gaussian, scratch);
            }
            let lines = fields.chunks_exact_mut(EXTENT * width);
            for (line, sums) in lines.zip(scratch.sums.chunks_exact(PADDED)) {
                if by_line {
                    let line = &mut line[first * EXTENT..][..LINE * EXTENT];
                    for (field, line) in line.chunks_exact_mut(EXTENT).enumerate() {
                        for (value, sums) in line.iter_mut().zip(sums) {
                            *value = sums[field];
                        }
                    }
                } else {
                    for (node, sums) in line.chunks_exact_mut(width).zip(sums) {
                        node[first..first + LINE].copy_from_slice(sums);
                    }
                }
            }
        }
    });
}

/// The slots of a tile and its neighbours, row by row.
fn neighbours(tiling: &Tiling, set: &TileSet, tile: usize) -> [Option<usize>; 9] {
    std::array::from_fn(|neighbour| {
        let [along, across] = [neighbour / 3, neighbour % 3].map(|shift| shift as isize - 1);
        set.neighbor(tiling, tiling.beside(tile, 0, along)?, 1, across)
    })
}

/// The nodes of a tile that lie in the patch: the first of them, its position there, and their
/// number. Given for the tile before, the tile itself and the one after.
fn overlap(shift: usize) -> (usize, usize, usize) {
    match shift {
        0 => (SIDE - REACH, 0, EXTENT + REACH - SIDE),
        1 => (0, REACH, EXTENT),
        _ => (0, REACH + SIDE, EXTENT + REACH - SIDE),
    }
}

/// From all fields of a node together to eight fields of all nodes together, so that a
/// patch is read in long runs.
fn pack(tile: &[f64], width: usize, packed: &mut [f64]) {
    for (first, packed) in (0..width)
        .step_by(LINE)
        .zip(packed.chunks_exact_mut(NODES * LINE))
    {
        for (packed, node) in packed.chunks_exact_mut(LINE).zip(tile.chunks_exact(width)) {
            packed.copy_from_slice(&node[first..first + LINE]);
        }
    }
}

/// Adds the nodes of a tile to the patch.
fn add_tile(nodes: &[Lanes], shift: [usize; 2], patch: &mut [Lanes]) {
    let [(from_row, to_row, rows), (from_column, to_column, columns)] = shift.map(overlap);
    for row in 0..rows {
        let line = &nodes[(from_row + row) * EXTENT + from_column..][..columns];
        let targets = &mut patch[(to_row + row) * PATCH + to_column..][..columns];
        for (target, node) in targets
            .as_flattened_mut()
            .iter_mut()
            .zip(line.as_flattened())
        {
            *target += node;
        }
    }
}

/// Adds one Gaussian of the patch to the sums.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn pass_both(gaussian: &Gaussian, scratch: &mut Scratch) {
    let fma = target_cfg_f!(target_feature = "fma") || cfg!(target_arch = "aarch64");
    let Gaussian([along, across]) = gaussian;
    let reach = along.reach;
    // Columns that the second pass will not read are left out of the first.
    for column in REACH - reach..REACH + PADDED + reach {
        let source = &scratch.patch[(REACH - reach) * PATCH + column..];
        let target = &mut scratch.between[column * PADDED..][..PADDED];
        target.fill([0.0; LINE]);
        match fma {
            true => pass::<true>(along, source, PATCH, target),
            false => pass::<false>(along, source, PATCH, target),
        }
    }
    for row in 0..EXTENT {
        let source = &scratch.between[(REACH - reach) * PADDED + row..];
        let target = &mut scratch.sums[row * PADDED..][..PADDED];
        match fma {
            true => pass::<true>(across, source, PADDED, target),
            false => pass::<false>(across, source, PADDED, target),
        }
    }
}

/// target_i += sum_j tap_|i - j| source_j along a line of nodes; the source begins `reach`
/// nodes before the target, and its nodes are `stride` apart.
#[inline(always)]
fn pass<const FMA: bool>(band: &Band, source: &[Lanes], stride: usize, target: &mut [Lanes]) {
    let (blocks, _) = target.as_chunks_mut::<TOGETHER>();
    for (block, target) in blocks.iter_mut().enumerate() {
        let mut sums = *target;
        let source = source[block * TOGETHER * stride..].iter().step_by(stride);
        for (taps, node) in band.rows.iter().zip(source) {
            for i in 0..TOGETHER {
                for lane in 0..LINE {
                    sums[i][lane] = fused::<FMA>(taps[i], node[lane], sums[i][lane]);
                }
            }
        }
        *target = sums;
    }
}
