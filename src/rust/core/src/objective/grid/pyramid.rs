//! Repulsion by a long-range kernel in linear time: a pyramid of grids.
//!
//! The kernel is a mixture of Gaussians, k(r^2) = int density(t) exp(-t r^2) dt. The trapezoidal
//! rule in log t takes t_j = t_0 2^-j of them (for 1 / (1 + r^2) its error is 1e-5 of the value). A
//! Gaussian of twice the width needs nodes twice as far apart. Floor l of the pyramid has spacing h
//! 2^l and carries the two Gaussians that fit it. Their kernels reach no further than the next
//! tile. The top floor, a few tiles, carries all that are wider. Every floor keeps only the tiles
//! with points.
//!
//! A cubic B-spline is a sum of five of half its width,
//!
//! ```text
//! B(u / 2) = sum_k s_k B(u - k),     s = (1, 4, 6, 4, 1) / 8,   k = -2..2,
//! ```
//!
//! so that the points meet the lowest floor alone. What they spread on it goes up by s and comes
//! down by its transpose, exactly as if they met every floor. What is computed is
//!
//! ```text
//! E- = sum_nm w-_nm K(x_n, x_m),    K(x, y) = sum_l sum_gg' B_l(x - g) k_l(g - g') B_l(y - g')
//! ```
//!
//! and the gradient is that of this E-, as on a single grid. (The multilevel summation of
//! Skeel, Tezcan and Hardy 2002, with Gaussians instead of their splitting.)

use faer::Accum;
use rayon::prelude::*;

use super::super::factors::Factors;
use super::super::spline::ORDER;
use super::bins::sort_by_bin;
use super::convolve::{convolve, convolve_last};
use super::plane::{convolve_plane, Gaussian};
use super::spread::spread;
use super::taps::gaussian_taps;
use super::tiles::{Passes, TileSet, Tiling, REACH, SIDE};
use super::workspace::FloorBuffers;
use crate::aligned::Aligned;

/// sqrt(t) h of the narrower Gaussian of a floor. The wider one is cut at `REACH`, where
/// exp(-t r^2) = exp(-(0.33 x 13)^2 / 2) = 1e-4.
const NARROWEST: f64 = 0.33;

/// sqrt(t) r where the others are cut: exp(-9.2) = 1e-4.
const CUT: f64 = 3.03;

/// Gaussians sharper than the nodes render well, which the lowest floor carries all the same. With
/// spacing 1/2 they take the relative error of the gradient from 0.4 to 0.01.
const SHARPER: i32 = 3;

/// t r^2 up to which a Gaussian is 1 between all points.
const FLAT: f64 = 1e-8;

/// A Gaussian of the mixture on a floor.
#[derive(Debug, Clone)]
struct Part {
    weight: f64,
    taps: Vec<f64>,
}

/// A grid of the pyramid.
#[derive(Debug)]
struct Floor {
    tiling: Tiling,
    passes: Passes,
    /// For every tile those of the floor below that lie in it, and in which part.
    children: Vec<Vec<(usize, [usize; 3])>>,
    parts: Vec<Part>,
}

/// The grids for points that lie in some tiles of the lowest.
#[derive(Debug)]
pub struct Floors(Vec<Floor>);

impl Floors {
    /// Over the tiles with points of a nested tiling, for the kernel with this density.
    pub fn new(ground: &Tiling, tiles: TileSet, density: fn(f64) -> f64) -> Self {
        let mut floors = Vec::new();
        let (mut tiling, mut tiles, mut children) = (*ground, tiles, Vec::new());
        loop {
            let top = tiling.count.iter().all(|&count| count <= 2);
            floors.push(Floor {
                tiling,
                passes: Passes::new(&tiling, tiles.clone(), tiles.clone()),
                children,
                parts: parts(&tiling, floors.is_empty(), top, density),
            });
            if top {
                return Floors(floors);
            }
            let coarse = tiling.halved();
            let mut nested: Vec<(u32, usize, [usize; 3])> = tiles
                .tiles
                .iter()
                .enumerate()
                .map(|(slot, &tile)| {
                    let (parent, half) = tiling.parent(&coarse, tile);
                    (parent, slot, half)
                })
                .collect();
            nested.sort_unstable();
            let groups = nested.chunk_by(|a, b| a.0 == b.0);
            let (parents, groups): (Vec<u32>, Vec<Vec<_>>) = groups
                .map(|group| {
                    let within = group.iter().map(|&(_, slot, half)| (slot, half));
                    (group[0].0, within.collect())
                })
                .unzip();
            (tiles, children) = (TileSet::new(&coarse, parents), groups);
            tiling = coarse;
        }
    }

    /// What the points spread onto the tiles of the lowest floor goes here.
    pub(super) fn sources<'a>(&self, width: usize, buffers: &'a mut FloorBuffers) -> &'a mut [f64] {
        let floors = &self.0;
        buffers.sources.resize_with(floors.len(), Aligned::default);
        buffers.fields.resize_with(floors.len(), Aligned::default);
        for (floor, sources) in floors.iter().zip(&mut buffers.sources) {
            sources.resize(floor.passes.sets[0].len() * floor.tiling.nodes() * width);
        }
        &mut buffers.sources[0]
    }

    /// From the sources of the lowest floor to its fields.
    pub(super) fn convolve(&self, width: usize, buffers: &mut FloorBuffers) {
        let floors = &self.0;
        for level in 1..floors.len() {
            let (below, above) = buffers.sources.split_at_mut(level);
            ascend(&floors[level], width, &below[level - 1], &mut above[0]);
        }
        for level in (0..floors.len()).rev() {
            let floor = &floors[level];
            let lowest = level == 0;
            let (below, above) = buffers.fields.split_at_mut(level + 1);
            let fields = &mut below[level];
            let sources = &buffers.sources[level];
            fields.resize(sources.len());
            let coarse = above.first().map(|fields| (&floors[level + 1], &**fields));
            if floor.tiling.axes == 2 && floor.reaches_neighbours_only() {
                let packed = &mut buffers.images[0];
                floor.convolve_plane(width, sources, coarse, packed, fields, lowest);
                continue;
            }
            let mut accum = Accum::Replace;
            for part in &floor.parts {
                floor.convolve(
                    part,
                    width,
                    sources,
                    &mut buffers.images,
                    fields,
                    lowest,
                    accum,
                );
                accum = Accum::Add;
            }
            if let Some((above, coarse)) = coarse {
                descend(above, width, coarse, fields, lowest);
            }
        }
    }

    /// Multiplications and additions of the convolutions.
    pub fn flops(&self, width: usize) -> f64 {
        let floors = self.0.iter();
        floors
            .map(|floor| floor.parts.len() as f64 * floor.passes.flops(width))
            .sum()
    }

    /// Bytes of all floors.
    pub fn bytes(&self, width: usize) -> f64 {
        let floors = self.0.iter();
        let stored: f64 = floors
            .clone()
            .map(|floor| 2.0 * 8.0 * (floor.passes.sets[0].len() * floor.tiling.nodes()) as f64)
            .sum();
        let most = floors
            .map(|floor| floor.passes.bytes(1))
            .fold(0.0, f64::max);
        width as f64 * (stored + most)
    }
}

/// The Gaussians that a floor carries, the narrowest first.
fn parts(tiling: &Tiling, lowest: bool, top: bool, density: fn(f64) -> f64) -> Vec<Part> {
    let narrowest = (NARROWEST / tiling.h).powi(2);
    let weight = |t: f64| std::f64::consts::LN_2 * t * density(t);
    let part = |t: f64, weight: f64, count: usize| Part {
        weight,
        taps: gaussian_taps(t.sqrt() * tiling.h, count),
    };
    let cut = |t: f64| REACH.min((CUT / (t.sqrt() * tiling.h)).ceil() as usize) + 1;
    let mut parts = Vec::new();
    if lowest {
        let sharper = (1..=SHARPER)
            .rev()
            .map(|octave| narrowest * 2f64.powi(octave));
        parts.extend(sharper.map(|t| part(t, weight(t), cut(t))));
    }
    if !top {
        parts.extend([narrowest, narrowest / 2.0].map(|t| part(t, weight(t), cut(t))));
        return parts;
    }
    let length = tiling
        .extent
        .iter()
        .zip(tiling.count)
        .map(|(extent, count)| extent * count)
        .max()
        .unwrap_or(1);
    let widest = FLAT / ((length as f64 * tiling.h).powi(2) * tiling.axes as f64);
    let mut t = narrowest;
    while t > widest {
        parts.push(part(t, weight(t), length));
        t /= 2.0;
    }
    // All that are wider still are 1 here: t + t / 2 + t / 4 + ... = 2 t.
    parts.push(part(t, 2.0 * weight(t), length));
    parts
}

/// phi on the lowest floor, on the tiles with points and those that touch them, as the gather
/// reads it. `None` where the grids would take more than `most_bytes` or `most_flops`.
pub(super) fn fields_around<const D: usize>(
    factors: &Factors,
    x: &[f64],
    ground: &Tiling,
    density: fn(f64) -> f64,
    most_bytes: f64,
    most_flops: f64,
) -> Option<(Aligned<f64>, TileSet)> {
    let (points, _) = x.as_chunks::<D>();
    let sorted = sort_by_bin(points, ground);
    let tiles = sorted.tiles.surrounded(ground);
    let pyramid = Floors::new(ground, tiles.clone(), density);
    let width = factors.width;
    if pyramid.bytes(width) > most_bytes || pyramid.flops(width) > most_flops {
        return None;
    }
    let mut buffers = FloorBuffers::default();
    let size = ground.nodes() * width;
    let mut spread_alone = Aligned::zeros(sorted.tiles.len() * size);
    spread(factors, ground, &sorted, &mut spread_alone);
    let sources = pyramid.sources(width, &mut buffers);
    sources.fill(0.0);
    for (&tile, source) in sorted
        .tiles
        .tiles
        .iter()
        .zip(spread_alone.chunks_exact(size))
    {
        let slot = tiles.slot(tile as usize)?;
        sources[slot * size..][..size].copy_from_slice(source);
    }
    drop(spread_alone);
    pyramid.convolve(width, &mut buffers);
    Some((buffers.fields.swap_remove(0), tiles))
}

impl Floor {
    /// Whether no kernel reaches beyond the next tile, as on all floors but the top.
    fn reaches_neighbours_only(&self) -> bool {
        self.parts.iter().all(|part| part.taps.len() <= REACH + 1)
    }

    /// All Gaussians applied to what the tiles of a plane hold, and the fields of the floor
    /// above: replaces `fields`.
    fn convolve_plane(
        &self,
        width: usize,
        sources: &[f64],
        above: Option<(&Floor, &[f64])>,
        packed: &mut Aligned<f64>,
        fields: &mut [f64],
        lowest: bool,
    ) {
        let parts = self.parts.iter();
        let gaussians: Vec<Gaussian> = parts
            .map(|part| Gaussian::new(&part.taps, part.weight))
            .collect();
        let tiles = &self.passes.sets[0];
        let size = self.tiling.nodes() * width;
        let parents = above.map(|(floor, _)| floor.parents(tiles.len()));
        let start = |slot: usize, tile: &mut [Vec<f64>; 2]| match (above, &parents) {
            (Some((floor, fields)), Some(parents)) => {
                let (parent, half) = parents[slot];
                let fields = &fields[parent * size..][..size];
                rescaled(fields, &floor.tiling, width, half, false, tile);
            }
            _ => {
                tile[0].clear();
                tile[0].resize(size, 0.0);
            }
        };
        convolve_plane(
            &self.tiling,
            tiles,
            sources,
            width,
            &gaussians,
            start,
            packed,
            fields,
            lowest,
        );
    }

    /// For every tile of the floor below the one that holds it, and in which part.
    fn parents(&self, below: usize) -> Vec<(usize, [usize; 3])> {
        let mut parents = vec![(0, [0; 3]); below];
        for (parent, children) in self.children.iter().enumerate() {
            for &(slot, half) in children {
                parents[slot] = (parent, half);
            }
        }
        parents
    }

    /// One Gaussian applied to what the tiles hold: replaces `fields` or is added to them. It
    /// writes node by node, or on the `lowest` floor line by line as the gather reads them.
    fn convolve(
        &self,
        part: &Part,
        width: usize,
        sources: &[f64],
        images: &mut [Aligned<f64>; 2],
        fields: &mut [f64],
        lowest: bool,
        accum: Accum,
    ) {
        let (tiling, sets) = (&self.tiling, &self.passes.sets);
        let size = tiling.nodes() * width;
        let axes = tiling.axes;
        // The weight of the Gaussian enters along the last axis.
        let last: Vec<f64> = part.taps.iter().map(|tap| part.weight * tap).collect();
        for axis in 0..axes {
            let [first, second] = &mut *images;
            let (from, to) = if axis % 2 == 0 {
                (&*second, first)
            } else {
                (&*first, second)
            };
            let from: &[f64] = if axis == 0 { sources } else { from };
            let from = (&sets[axis], from);
            let into = &sets[axis + 1];
            if axis + 1 < axes {
                to.resize(into.len() * size);
                convolve(
                    from,
                    (into, &mut *to),
                    &part.taps,
                    tiling,
                    axis,
                    width,
                    Accum::Replace,
                );
            } else if lowest {
                convolve_last(from, (into, &mut *fields), &last, tiling, width, accum);
            } else {
                convolve(
                    from,
                    (into, &mut *fields),
                    &last,
                    tiling,
                    axis,
                    width,
                    accum,
                );
            }
        }
    }
}

/// s_k of the two-scale relation, 0 beyond.
fn two_scale(k: isize) -> f64 {
    match k.unsigned_abs() {
        0 => 0.75,
        1 => 0.5,
        2 => 0.125,
        _ => 0.0,
    }
}

/// The coarse nodes i that a node j of the tile below meets along an axis. Their weights are s_k
/// with k = half SIDE + 1 + j - 2 i.
fn meets(j: usize, half: usize) -> impl Iterator<Item = (usize, f64)> {
    let node = (half * SIDE + 1 + j) as isize;
    let last = SIDE + ORDER - 1;
    ((node - 2).max(0) as usize / 2..last)
        .map(move |i| (i, two_scale(node - 2 * i as isize)))
        .take_while(move |&(i, _)| 2 * i as isize <= node + 2)
        .filter(|&(_, weight)| weight != 0.0)
}

/// target[outer][i][inner] += s source[outer][j][inner] for nodes j of a tile and i of the
/// tile above it, or with the parts exchanged.
fn along_axis(source: &[f64], target: &mut [f64], inner: usize, half: usize, ascending: bool) {
    let extent = SIDE + ORDER - 1;
    target.fill(0.0);
    let lines = source.chunks_exact(extent * inner);
    for (source, target) in lines.zip(target.chunks_exact_mut(extent * inner)) {
        for j in 0..extent {
            for (i, weight) in meets(j, half) {
                let (from, to) = if ascending { (j, i) } else { (i, j) };
                let source = &source[from * inner..][..inner];
                let target = &mut target[to * inner..][..inner];
                for (target, source) in target.iter_mut().zip(source) {
                    *target += weight * source;
                }
            }
        }
    }
}

/// What a tile holds, seen from the floor above or below it: along every axis in turn.
/// Leaves it in the first buffer.
fn rescaled(
    tile: &[f64],
    tiling: &Tiling,
    width: usize,
    half: [usize; 3],
    ascending: bool,
    scratch: &mut [Vec<f64>; 2],
) {
    let [now, next] = scratch;
    now.clear();
    now.extend_from_slice(tile);
    next.resize(tile.len(), 0.0);
    for axis in 0..tiling.axes {
        let inner = tiling.extent[axis + 1..].iter().product::<usize>() * width;
        along_axis(now, next, inner, half[axis], ascending);
        std::mem::swap(now, next);
    }
}

/// Fills the tiles of a floor from those of the floor below.
fn ascend(floor: &Floor, width: usize, below: &[f64], above: &mut [f64]) {
    let tiling = &floor.tiling;
    let size = tiling.nodes() * width;
    above
        .par_chunks_mut(size)
        .zip(&floor.children)
        .for_each_init(<[Vec<f64>; 2]>::default, |scratch, (tile, children)| {
            tile.fill(0.0);
            for &(slot, half) in children {
                rescaled(
                    &below[slot * size..][..size],
                    tiling,
                    width,
                    half,
                    true,
                    scratch,
                );
                for (tile, part) in tile.iter_mut().zip(&scratch[0]) {
                    *tile += part;
                }
            }
        });
}

/// Adds the fields of a floor to those of the floor below, node by node, or on the `lowest`
/// floor line by line.
fn descend(floor: &Floor, width: usize, above: &[f64], below: &mut [f64], lowest: bool) {
    let tiling = &floor.tiling;
    let size = tiling.nodes() * width;
    let length = tiling.extent[tiling.axes - 1];
    let parents = floor.parents(below.len() / size);
    below.par_chunks_mut(size).zip(&parents).for_each_init(
        <[Vec<f64>; 2]>::default,
        |scratch, (tile, &(parent, half))| {
            rescaled(
                &above[parent * size..][..size],
                tiling,
                width,
                half,
                false,
                scratch,
            );
            if !lowest {
                for (tile, part) in tile.iter_mut().zip(&scratch[0]) {
                    *tile += part;
                }
                return;
            }
            let lines = scratch[0].chunks_exact(length * width);
            for (tile, part) in tile.chunks_exact_mut(length * width).zip(lines) {
                for (field, tile) in tile.chunks_exact_mut(length).enumerate() {
                    for (node, tile) in tile.iter_mut().enumerate() {
                        *tile += part[node * width + field];
                    }
                }
            }
        },
    );
}
