//! Repulsion summed over all pairs, tile by tile: the truth the grid is held against,
//! and the faster way where points are few or far apart.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::fields::Fields;
use super::kernel::Member;
use crate::monitor::Monitor;
use crate::Result;

/// Points in one tile.
const TILE: usize = 64;

/// A tile of points that are near each other in the embedding.
struct Tile {
    ids: Vec<u32>,
    low: Vec<f64>,
    high: Vec<f64>,
}

/// psi = sum_nm w-_nm k(|x_n - x_m|^2); its gradient times `scale` is added to
/// `gradient`.
///
/// grad_n psi = 4 sum_m w-_nm k'(|x_n - x_m|^2) (x_n - x_m). Tiles of 64 points that
/// are neighbours along a space-filling order meet pairwise: one product Y_I Y_J' gives
/// their weights. Pairs of tiles too far apart to matter are skipped. Each pair is
/// visited from both sides, so that no two tasks write to the same row. The monitor is
/// asked before every tile: for many points one sum takes seconds.
pub fn evaluate<M: Member>(
    fields: &Fields,
    x: &[f64],
    d: usize,
    scale: f64,
    gradient: &mut [f64],
    monitor: &dyn Monitor,
) -> Result<f64> {
    let tiles = tiles(x, d);
    let parts: Vec<(f64, Vec<f64>)> = tiles
        .par_iter()
        .map(|tile| {
            monitor.check()?;
            Ok(tile_sum::<M>(fields, x, d, tile, &tiles))
        })
        .collect::<Result<_>>()?;
    let mut energy = 0.0;
    for (tile, (part, tile_gradient)) in tiles.iter().zip(&parts) {
        energy += part;
        for (&id, sum) in tile.ids.iter().zip(tile_gradient.chunks_exact(d)) {
            for a in 0..d {
                gradient[id as usize * d + a] -= 4.0 * scale * sum[a];
            }
        }
    }
    Ok(energy)
}

fn tile_sum<M: Member>(
    fields: &Fields,
    x: &[f64],
    d: usize,
    tile: &Tile,
    tiles: &[Tile],
) -> (f64, Vec<f64>) {
    let (inputs, width) = (fields.inputs, fields.width);
    let rows = tile.ids.len();
    let (mut own, mut theirs) = (vec![0.0; TILE * width], vec![0.0; TILE * width]);
    fields.copy_rows(&tile.ids, &mut own);
    let mut products = vec![0.0; TILE * TILE];
    let mut kernel = vec![0.0; TILE * TILE];
    let mut slopes = vec![0.0; TILE * TILE];
    let mut energy = 0.0;
    let mut gradient = vec![0.0; rows * d];
    for other in tiles {
        let gap: f64 = (0..d)
            .map(|a| {
                (tile.low[a] - other.high[a])
                    .max(other.low[a] - tile.high[a])
                    .max(0.0)
            })
            .map(|gap| gap * gap)
            .sum();
        if gap > M::NEGLIGIBLE_SQUARED_DISTANCE {
            continue;
        }
        let columns = other.ids.len();
        fields.copy_rows(&other.ids, &mut theirs);
        matmul(
            MatMut::from_row_major_slice_mut(&mut products[..rows * columns], rows, columns),
            Accum::Replace,
            MatRef::from_row_major_slice(&own[..rows * width], rows, width).subcols(0, inputs),
            MatRef::from_row_major_slice(&theirs[..columns * width], columns, width)
                .subcols(0, inputs)
                .transpose(),
            1.0,
            Par::Seq,
        );
        for (i, &n) in tile.ids.iter().enumerate() {
            for (j, &m) in other.ids.iter().enumerate() {
                kernel[i * columns + j] = (0..d)
                    .map(|a| x[n as usize * d + a] - x[m as usize * d + a])
                    .map(|difference| difference * difference)
                    .sum();
            }
        }
        M::repulsion(&mut kernel[..rows * columns], &mut slopes[..rows * columns]);
        for (i, &n) in tile.ids.iter().enumerate() {
            let n = n as usize;
            for (j, &m) in other.ids.iter().enumerate() {
                let m = m as usize;
                // Rounding can leave a twin's distance negative, or a point's own above zero.
                let squared_distance = fields.squared_norm(n) + fields.squared_norm(m)
                    - 2.0 * products[i * columns + j];
                let weight = if n == m {
                    0.0
                } else {
                    squared_distance.max(0.0)
                };
                energy += weight * kernel[i * columns + j];
                let push = weight * slopes[i * columns + j];
                for a in 0..d {
                    gradient[i * d + a] += push * (x[n * d + a] - x[m * d + a]);
                }
            }
        }
    }
    gradient.iter_mut().for_each(|g| *g /= fields.total);
    (energy / fields.total, gradient)
}

/// Cuts the points into tiles along a Morton curve over the first three dimensions.
fn tiles(x: &[f64], d: usize) -> Vec<Tile> {
    let n = x.len() / d;
    let axes = d.min(3);
    let cell =
        |i: usize, a: usize| (x[i * d + a].clamp(-5e5, 5e5) * 2.0).floor() as i64 + (1 << 20);
    let mut order: Vec<(u64, u32)> = (0..n)
        .map(|i| {
            let code = (0..axes).fold(0, |code, a| {
                code | spread_bits(cell(i, a) as u64, axes) << a
            });
            (code, i as u32)
        })
        .collect();
    order.par_sort_unstable();
    order
        .chunks(TILE)
        .map(|chunk| {
            let ids: Vec<u32> = chunk.iter().map(|&(_, id)| id).collect();
            let bound = |pick: fn(f64, f64) -> f64, start: f64| -> Vec<f64> {
                (0..d)
                    .map(|a| {
                        ids.iter()
                            .fold(start, |b, &i| pick(b, x[i as usize * d + a]))
                    })
                    .collect()
            };
            let (low, high) = (
                bound(f64::min, f64::INFINITY),
                bound(f64::max, f64::NEG_INFINITY),
            );
            Tile { ids, low, high }
        })
        .collect()
}

/// Puts bit b of a 21-bit number at position b * axes.
fn spread_bits(value: u64, axes: usize) -> u64 {
    (0..21).fold(0, |code, bit| code | ((value >> bit & 1) << (bit * axes)))
}
