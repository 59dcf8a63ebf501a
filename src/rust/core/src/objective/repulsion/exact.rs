//! Repulsion summed over all pairs, tile by tile. It is the truth that the grid is compared with,
//! and the faster way where points are few or far apart.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::multiversion;
use rayon::prelude::*;

use super::{Psi, Repulsion};
use crate::aligned::Aligned;
use crate::monitor::Monitor;
use crate::objective::factors::{Columns, Factors};
use crate::objective::grid::workspace::Workspace;
use crate::objective::kernel::Kernel;
use crate::objective::shape::Shape;
use crate::Result;

/// Points in one tile.
const TILE: usize = 128;

/// Sums that run side by side; `TILE` is a multiple.
const LANES: usize = 8;

/// Points that are near each other in the embedding, consecutive in the order of all tiles.
struct Tile {
    first: usize,
    points: usize,
    /// X, an axis after the other, `TILE` numbers each; zeros where there is no point.
    x: Aligned<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
}

/// What the pairs of a tile add up to.
#[derive(Default)]
struct Sums {
    /// sum w k.
    energy: f64,
    /// sum_m w_nm k'(r^2_nm) (x_n - x_m), laid out as `Tile::x`.
    slopes: Aligned<f64>,
}

/// Room for one pair of tiles, every row of which begins at a cache line.
#[repr(align(64))]
struct Scratch {
    products: Aligned<f64>,
    weights: [f64; TILE],
    kernel: [f64; TILE],
    pushes: [f64; TILE],
}

impl Scratch {
    fn new() -> Self {
        Scratch {
            products: Aligned::zeros(TILE * TILE),
            weights: [0.0; TILE],
            kernel: [0.0; TILE],
            pushes: [0.0; TILE],
        }
    }
}

/// The points in the order of their tiles, and their inputs beside each other.
struct Tiled<'a> {
    factors: &'a Factors,
    kernel: Kernel,
    rows: Aligned<f64>,
    norms: Aligned<f64>,
    masses: Aligned<f64>,
    tiles: Vec<Tile>,
    d: usize,
}

/// What an ordered pair costs in the sum over all, in the time of a multiplication of the grid's
/// convolutions. Measured from 14 to 50 inputs and 1,000 to 20,000 points
/// (`examples/crossover.rs`). It is little, since a pair is met once for both orders, and weights
/// come from products of matrices.
fn pair_flops(inputs: usize) -> f64 {
    0.2 * (2 * inputs + 77) as f64
}

/// Over all pairs.
pub struct Exact;

impl Repulsion for Exact {
    fn cost(&self, columns: Columns, x: &[f64], shape: &Shape, _: f64) -> Option<f64> {
        let n = (x.len() / shape.low.len()) as f64;
        Some(n.powi(2) * pair_flops(columns.inputs))
    }

    /// grad_n psi = 4 sum_m w-_nm k'(|x_n - x_m|^2) (x_n - x_m). Tiles of 128 points that are
    /// neighbours along a space-filling order meet pairwise, each pair once. One product Y_I Y_J'
    /// gives their weights. What it does to the one tile it does, with the other sign, to the
    /// other. Pairs of tiles too far apart to matter are skipped.
    ///
    /// As in a tournament, every tile meets one other in a round, so that no two tasks write to the
    /// same sums. The sums grow in the same order whatever the number of threads. The monitor is
    /// asked before every pair of tiles: for many points one sum takes seconds.
    fn sum(
        &self,
        psi: Psi<'_>,
        x: &[f64],
        _: &mut Workspace,
        scale: f64,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<f64> {
        let Psi { factors, kernel, d } = psi;
        let order = order(x, d);
        let tiled = Tiled::new(psi, x, &order);
        let negligible = kernel.negligible_squared_distance();
        let tiles = &tiled.tiles;
        let mut sums: Vec<Sums> = tiles
            .par_iter()
            .map_init(Scratch::new, |scratch, tile| {
                monitor.check()?;
                let mut slopes = Aligned::zeros(d * TILE);
                // Each of its pairs is met from both sides.
                let unused = &mut Aligned::zeros(d * TILE);
                let energy = tiled.meet(tile, tile, &mut slopes, unused, scratch);
                Ok(Sums { energy, slopes })
            })
            .collect::<Result<_>>()?;
        for round in rounds(tiles.len()) {
            let mut meetings: Vec<_> = round
                .filter(|&(one, other)| tiles[one].squared_gap(&tiles[other]) <= negligible)
                .map(|(one, other)| {
                    let sums = [one, other].map(|tile| std::mem::take(&mut sums[tile]));
                    (one, other, sums)
                })
                .collect();
            meetings.par_iter_mut().try_for_each_init(
                Scratch::new,
                |scratch, (one, other, [ours, theirs])| {
                    monitor.check()?;
                    let (tile, other) = (&tiles[*one], &tiles[*other]);
                    let slopes = (&mut ours.slopes, &mut theirs.slopes);
                    ours.energy += 2.0 * tiled.meet(tile, other, slopes.0, slopes.1, scratch);
                    Ok(())
                },
            )?;
            for (one, other, [ours, theirs]) in meetings {
                sums[one] = ours;
                sums[other] = theirs;
            }
        }
        let factor = 4.0 * scale / factors.total;
        for (tile, sums) in tiles.iter().zip(&sums) {
            for (i, &id) in order[tile.first..][..tile.points].iter().enumerate() {
                for a in 0..d {
                    gradient[id as usize * d + a] += factor * sums.slopes[a * TILE + i];
                }
            }
        }
        let apart = sums.iter().map(|sums| sums.energy).sum::<f64>() / factors.total;
        Ok(apart + psi.within())
    }
}

/// The rounds of a tournament in which every two of `count` meet once: one stays, the others go
/// round it. With an odd number one rests in every round.
fn rounds(count: usize) -> impl Iterator<Item = impl Iterator<Item = (usize, usize)>> {
    let last = count.next_multiple_of(2).saturating_sub(1);
    let most = if count > 1 { last } else { 0 };
    (0..most).map(move |round| {
        (0..last.div_ceil(2)).filter_map(move |k| {
            let one = (round + k) % last;
            let other = if k == 0 {
                last
            } else {
                (round + last - k) % last
            };
            (one < count && other < count).then_some((one, other))
        })
    })
}

impl<'a> Tiled<'a> {
    fn new(psi: Psi<'a>, x: &[f64], order: &[u32]) -> Self {
        let Psi { factors, kernel, d } = psi;
        let width = factors.width;
        let mut rows = Aligned::zeros(order.len() * width);
        rows.par_chunks_mut(TILE * width)
            .zip(order.par_chunks(TILE))
            .for_each(|(rows, ids)| factors.copy_rows(ids, rows));
        let mut norms = Aligned::zeros(order.len());
        let mut masses = Aligned::zeros(order.len());
        for ((norm, mass), &id) in norms.iter_mut().zip(masses.iter_mut()).zip(order) {
            *norm = factors.squared_norm(id as usize);
            *mass = factors.masses.of(id as usize);
        }
        Tiled {
            factors,
            kernel,
            norms,
            masses,
            rows,
            tiles: order
                .chunks(TILE)
                .enumerate()
                .map(|(tile, ids)| Tile::new(tile * TILE, ids, x, d))
                .collect(),
            d,
        }
    }

    fn inputs(&self, tile: &Tile) -> MatRef<'_, f64> {
        let width = self.factors.width;
        let rows = &self.rows[tile.first * width..][..tile.points * width];
        MatRef::from_row_major_slice(rows, tile.points, width).subcols(0, self.factors.inputs)
    }

    /// sum w k over the pairs of two tiles, or of one with itself; adds to the slopes of both.
    fn meet(
        &self,
        tile: &Tile,
        other: &Tile,
        slopes: &mut [f64],
        others: &mut [f64],
        scratch: &mut Scratch,
    ) -> f64 {
        let (rows, columns) = (tile.points, other.points);
        let products = &mut scratch.products[..rows * columns];
        matmul(
            MatMut::from_row_major_slice_mut(products, rows, columns),
            Accum::Replace,
            self.inputs(tile),
            self.inputs(other).transpose(),
            1.0,
            Par::Seq,
        );
        let padded = columns.next_multiple_of(LANES);
        let weights = &mut scratch.weights[..padded];
        let (kernel, pushes) = (&mut scratch.kernel[..padded], &mut scratch.pushes[..padded]);
        let [norms, masses] = [&self.norms, &self.masses].map(|v| &v[other.first..][..columns]);
        let mut energy = 0.0;
        for (i, products) in products.chunks_exact(columns).enumerate() {
            let [norm, mass] = [&self.norms, &self.masses].map(|v| v[tile.first + i]);
            weigh((norm, mass), norms, masses, products, weights);
            if tile.first == other.first {
                // Rounding can leave a point's distance to itself above zero.
                weights[i] = 0.0;
            }
            squared_distances(tile, i, other, self.d, kernel);
            self.kernel.repulsions(kernel, pushes);
            energy += push(weights, kernel, pushes);
            pull_apart(tile, i, other, self.d, pushes, slopes, others);
        }
        energy
    }
}

/// m_n m_m |y_n - y_m|^2 of a point n, its norm and its mass, with the points m of a tile, from
/// their products, and zeros behind. Rounding can leave the distance of twins negative.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn weigh(
    (norm, mass): (f64, f64),
    norms: &[f64],
    masses: &[f64],
    products: &[f64],
    weights: &mut [f64],
) {
    let others = norms.iter().zip(masses);
    for ((weight, (other, others_mass)), product) in weights.iter_mut().zip(others).zip(products) {
        *weight = mass * others_mass * (norm + other - 2.0 * product).max(0.0);
    }
    weights[products.len()..].fill(0.0);
}

/// |x_n - x_m|^2 of point `i` of a tile with those of another.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn squared_distances(tile: &Tile, i: usize, other: &Tile, d: usize, squares: &mut [f64]) {
    squares.fill(0.0);
    for a in 0..d {
        let x_n = tile.x[a * TILE + i];
        for (square, x_m) in squares.iter_mut().zip(&other.x[a * TILE..][..TILE]) {
            *square += (x_n - x_m) * (x_n - x_m);
        }
    }
}

/// Multiplies the slopes by w; sum w k.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn push(weights: &[f64], kernel: &[f64], slopes: &mut [f64]) -> f64 {
    let (weights, _) = weights.as_chunks::<LANES>();
    let (kernel, _) = kernel.as_chunks::<LANES>();
    let (slopes, _) = slopes.as_chunks_mut::<LANES>();
    let mut energies = [0.0; LANES];
    for ((weights, kernel), slopes) in weights.iter().zip(kernel).zip(slopes) {
        for lane in 0..LANES {
            energies[lane] += weights[lane] * kernel[lane];
            slopes[lane] *= weights[lane];
        }
    }
    energies.iter().sum()
}

/// Adds w k' (x_n - x_m) to the sums of point `i`, and the opposite to those of the others.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn pull_apart(
    tile: &Tile,
    i: usize,
    other: &Tile,
    d: usize,
    pushes: &[f64],
    slopes: &mut [f64],
    others: &mut [f64],
) {
    let (pushes, _) = pushes.as_chunks::<LANES>();
    for a in 0..d {
        let x_n = tile.x[a * TILE + i];
        let (x_m, _) = other.x[a * TILE..][..TILE].as_chunks::<LANES>();
        let (others, _) = others[a * TILE..][..TILE].as_chunks_mut::<LANES>();
        let mut sums = [0.0; LANES];
        for ((pushes, x_m), others) in pushes.iter().zip(x_m).zip(others) {
            for lane in 0..LANES {
                let apart = pushes[lane] * (x_n - x_m[lane]);
                sums[lane] -= apart;
                others[lane] += apart;
            }
        }
        slopes[a * TILE + i] += sums.iter().sum::<f64>();
    }
}

impl Tile {
    fn new(first: usize, ids: &[u32], x: &[f64], d: usize) -> Self {
        let mut coordinates = Aligned::zeros(d * TILE);
        let (mut low, mut high) = (vec![f64::INFINITY; d], vec![f64::NEG_INFINITY; d]);
        for (i, &id) in ids.iter().enumerate() {
            for (a, &value) in x[id as usize * d..][..d].iter().enumerate() {
                coordinates[a * TILE + i] = value;
                low[a] = low[a].min(value);
                high[a] = high[a].max(value);
            }
        }
        Tile {
            first,
            points: ids.len(),
            x: coordinates,
            low,
            high,
        }
    }

    /// The least squared distance that points of two tiles may have.
    fn squared_gap(&self, other: &Tile) -> f64 {
        (0..self.low.len())
            .map(|a| {
                let gap = (self.low[a] - other.high[a]).max(other.low[a] - self.high[a]);
                gap.max(0.0).powi(2)
            })
            .sum()
    }
}

/// The points along a Morton curve over the first three dimensions.
fn order(x: &[f64], d: usize) -> Vec<u32> {
    let n = x.len() / d;
    let axes = d.min(3);
    let bin = |i: usize, a: usize| (x[i * d + a].clamp(-5e5, 5e5) * 2.0).floor() as i64 + (1 << 20);
    let mut order: Vec<(u64, u32)> = (0..n)
        .map(|i| {
            let code = (0..axes).fold(0, |code, a| code | spread_bits(bin(i, a) as u64, axes) << a);
            (code, i as u32)
        })
        .collect();
    order.par_sort_unstable();
    order.into_iter().map(|(_, id)| id).collect()
}

/// Puts bit b of a 21-bit number at position b * axes.
fn spread_bits(value: u64, axes: usize) -> u64 {
    (0..21).fold(0, |code, bit| code | ((value >> bit & 1) << (bit * axes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_two_meet_once_and_none_twice_in_a_round() {
        for count in 0..9 {
            let mut met = Vec::new();
            for round in rounds(count) {
                let pairs: Vec<_> = round.collect();
                let mut seen: Vec<usize> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), 2 * pairs.len(), "{count}");
                met.extend(pairs.into_iter().map(|(a, b)| (a.min(b), a.max(b))));
            }
            met.sort_unstable();
            let all: Vec<_> = (0..count)
                .flat_map(|a| (a + 1..count).map(move |b| (a, b)))
                .collect();
            assert_eq!(met, all);
        }
    }
}
