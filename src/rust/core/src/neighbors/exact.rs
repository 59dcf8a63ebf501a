//! Exact search: all pairs by blocked matrix products, then a proof that no neighbour
//! was lost to rounding.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::multiversion;
use ndarray::ArrayView2;
use rayon::prelude::*;

use super::graph::{
    check_points, check_queries, check_size, squared_distance, NeighborGraph, SMALLEST,
};
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Points whose rows of the distance matrix are held at once by one thread.
const ROWS: usize = 128;
/// Columns of that strip: ROWS x COLUMNS products stay in the second-level cache.
const COLUMNS: usize = 512;

/// The k nearest neighbours of every row of `points` (n x D) among the other rows.
///
/// Neighbours are ordered by squared distance, sum_i (y_ni - y_mi)^2, and equal distances by
/// ascending id. Products over column-centred points only choose candidates, with a bound on their
/// rounding error. So the result is that of brute force even for points far from the origin. It is
/// so for clusters far apart too, where |a|^2 - 2 a.b + |b|^2 cancels. Cost: n^2 (2D + 1)
/// operations; memory: two copies of the points.
pub fn exact(
    points: ArrayView2<'_, f64>,
    k: usize,
    monitor: &dyn Monitor,
) -> Result<NeighborGraph> {
    let (n, dim) = points.dim();
    check_size(n, k)?;
    let layout = points.as_standard_layout();
    let points = layout
        .as_slice()
        .ok_or_else(|| Error::internal("The points have no row-major layout.", ""))?;
    let search = Search::new(points, dim, k)?;

    monitor.stage("neighbors", n);
    let mut ids = vec![0u32; n * k];
    let mut squared_distances = vec![0.0; n * k];
    ids.par_chunks_mut(ROWS * k)
        .zip(squared_distances.par_chunks_mut(ROWS * k))
        .enumerate()
        .try_for_each(|(block, (ids, distances))| {
            monitor.check()?;
            let rows = ids.len() / k;
            search.block(block * ROWS, ids, distances);
            monitor.advance(rows);
            Ok::<(), Error>(())
        })?;
    Ok(NeighborGraph {
        n,
        k,
        ids,
        squared_distances,
    })
}

/// The k rows of `points` nearest to every row of `queries`, ties by ascending id, from
/// the differences of the coordinates.
pub fn exact_queries(
    points: ArrayView2<'_, f64>,
    queries: ArrayView2<'_, f64>,
    k: usize,
    monitor: &dyn Monitor,
) -> Result<NeighborGraph> {
    check_points(points)?;
    check_queries(queries, points.nrows(), points.ncols(), k)?;
    let n = queries.nrows();
    monitor.stage("neighbors", n);
    let rows = |matrix: ArrayView2<'_, f64>| -> Vec<f64> { matrix.iter().copied().collect() };
    let (dim, points, queries) = (points.ncols(), rows(points), rows(queries));
    let lists: Vec<Vec<(f64, u32)>> = queries
        .par_chunks_exact(dim)
        .map(|query| {
            monitor.check()?;
            let distance = |(id, point)| (squared_distance(query, point), id as u32);
            let mut list: Vec<(f64, u32)> =
                points.chunks_exact(dim).enumerate().map(distance).collect();
            let nearer = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            list.select_nth_unstable_by(k - 1, nearer);
            list.truncate(k);
            list.sort_unstable_by(nearer);
            monitor.advance(1);
            Ok(list)
        })
        .collect::<Result<_>>()?;
    let (squared_distances, ids) = lists.into_iter().flatten().unzip();
    Ok(NeighborGraph {
        n,
        k,
        ids,
        squared_distances,
    })
}

/// What every block of rows needs to know.
struct Search<'a> {
    points: &'a [f64],
    centred: Vec<f64>,
    dim: usize,
    k: usize,
    /// |b|^2 (1 - c) for every point b, c being the relative rounding error below.
    lowest: Vec<f64>,
    /// 2 c |b|^2: how far upper and lower bound on a distance to b lie apart.
    slack: Vec<f64>,
}

impl<'a> Search<'a> {
    fn new(points: &'a [f64], dim: usize, k: usize) -> Result<Self> {
        if dim == 0 {
            return Err(Error::input(
                "The points have no coordinates.",
                "Give at least one column.",
            ));
        }
        if let Some(at) = points.iter().position(|value| !value.is_finite()) {
            return Err(Error::not_finite(
                format!(
                    "Row {}, column {} of the points is {}.",
                    at / dim + 1,
                    at % dim + 1,
                    points[at]
                ),
                "Remove or replace missing and infinite values first.",
            ));
        }
        let centred = centre(points, dim);
        let norms: Vec<f64> = centred
            .chunks_exact(dim)
            .map(|row| row.iter().map(|v| v * v).sum())
            .collect();
        if norms.iter().any(|norm| *norm > f64::MAX / 16.0) {
            return Err(Error::input(
                "The squared distances between the points overflow.",
                "Divide the points by a common scale first.",
            ));
        }
        let largest = centred.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        if largest > 0.0 && largest < SMALLEST {
            return Err(Error::input(
                format!(
                    "The points lie within {largest:e} of their mean: squared distances vanish."
                ),
                "Multiply the points by a common scale first.",
            ));
        }
        // Centring, the two norms and the product each lose at most about D units in the last digit
        // of |a|^2 + |b|^2. So does the direct distance below.
        let c = (4 * dim + 16) as f64 * f64::EPSILON;
        Ok(Search {
            points,
            centred,
            dim,
            k,
            lowest: norms.iter().map(|norm| norm * (1.0 - c)).collect(),
            slack: norms.iter().map(|norm| 2.0 * c * norm).collect(),
        })
    }

    fn point(&self, id: usize) -> &[f64] {
        &self.points[id * self.dim..(id + 1) * self.dim]
    }

    /// Fills the lists of the points from `first` on.
    fn block(&self, first: usize, ids: &mut [u32], distances: &mut [f64]) {
        let rows = ids.len() / self.k;
        let n = self.lowest.len();
        let left = &self.centred[first * self.dim..(first + rows) * self.dim];
        let mut candidates: Vec<Candidates> =
            (0..rows).map(|r| Candidates::new(first + r)).collect();
        let mut products = vec![0.0; rows * COLUMNS.min(n)];
        for start in (0..n).step_by(COLUMNS) {
            let columns = COLUMNS.min(n - start);
            let right = &self.centred[start * self.dim..(start + columns) * self.dim];
            let products = &mut products[..rows * columns];
            matmul(
                MatMut::from_row_major_slice_mut(&mut *products, rows, columns),
                Accum::Replace,
                MatRef::from_row_major_slice(left, rows, self.dim),
                MatRef::from_row_major_slice(right, columns, self.dim).transpose(),
                -2.0,
                Par::Seq,
            );
            let lowest = &self.lowest[start..start + columns];
            for (row, products) in candidates.iter_mut().zip(products.chunks_exact(columns)) {
                let mut from = 0;
                while let Some(hit) = next_below(&products[from..], &lowest[from..], row.threshold)
                {
                    let at = from + hit;
                    row.push(products[at] + lowest[at], start + at, self);
                    from = at + 1;
                }
            }
        }
        let lists = ids
            .chunks_exact_mut(self.k)
            .zip(distances.chunks_exact_mut(self.k));
        for (row, (ids, distances)) in candidates.into_iter().zip(lists) {
            row.finish(self, ids, distances);
        }
    }
}

/// Points minus their column means.
fn centre(points: &[f64], dim: usize) -> Vec<f64> {
    let mut mean = vec![0.0; dim];
    // Relative to the first point, so that a common offset costs no digits.
    for row in points.chunks_exact(dim) {
        for (m, (value, origin)) in mean.iter_mut().zip(row.iter().zip(points)) {
            *m += value - origin;
        }
    }
    let n = (points.len() / dim) as f64;
    for (m, origin) in mean.iter_mut().zip(points) {
        *m = origin + *m / n;
    }
    let mut centred = points.to_vec();
    for row in centred.chunks_exact_mut(dim) {
        for (value, m) in row.iter_mut().zip(&mean) {
            *value -= m;
        }
    }
    centred
}

/// Position of the first `products[i] + lowest[i] <= threshold`.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn next_below(products: &[f64], lowest: &[f64], threshold: f64) -> Option<usize> {
    const LANES: usize = 16;
    let blocks = products.chunks_exact(LANES).zip(lowest.chunks_exact(LANES));
    let mut from = 0;
    for (p, l) in blocks {
        // No early exit inside a block: almost no block has a hit, and it stays vector code.
        let mut hit = false;
        for lane in 0..LANES {
            hit |= p[lane] + l[lane] <= threshold;
        }
        if hit {
            break;
        }
        from += LANES;
    }
    (from..products.len()).find(|&i| products[i] + lowest[i] <= threshold)
}

/// Points that may be among the k nearest of one point a.
///
/// For each point b, `bound` = |b|^2 (1 - c) - 2 a.b is a lower bound on the squared distance, less
/// a constant of a. `bound + slack(b) + slack(a)` is an upper one. The largest upper bound of any k
/// points bounds the k-th smallest distance; a point whose lower bound lies above it is out for
/// certain.
struct Candidates {
    id: usize,
    found: Vec<(f64, u32)>,
    threshold: f64,
    tighten_at: usize,
}

impl Candidates {
    fn new(id: usize) -> Self {
        Candidates {
            id,
            found: Vec::new(),
            threshold: f64::INFINITY,
            tighten_at: 0,
        }
    }

    fn push(&mut self, bound: f64, id: usize, search: &Search<'_>) {
        if id == self.id {
            return;
        }
        self.found.push((bound, id as u32));
        if self.found.len() >= self.tighten_at.max(2 * search.k) {
            self.tighten(search);
            // Doubling keeps the cost linear where ties leave nothing to throw away.
            self.tighten_at = 2 * self.found.len();
        }
    }

    fn tighten(&mut self, search: &Search<'_>) {
        if self.found.len() <= search.k {
            return;
        }
        // A copy is partitioned, so that the candidates stay in the order of their ids.
        let mut nearest = self.found.clone();
        nearest.select_nth_unstable_by(search.k - 1, |a, b| a.0.total_cmp(&b.0));
        let highest = nearest[..search.k]
            .iter()
            .map(|&(bound, id)| bound + search.slack[id as usize])
            .fold(f64::NEG_INFINITY, f64::max);
        let threshold = highest + search.slack[self.id];
        self.found.retain(|&(bound, _)| bound <= threshold);
        self.threshold = threshold;
    }

    /// Ranks the candidates by their directly computed distances.
    fn finish(mut self, search: &Search<'_>, ids: &mut [u32], distances: &mut [f64]) {
        self.tighten(search);
        let own = search.point(self.id);
        let mut ranked = Vec::with_capacity(self.found.len());
        let mut twins = 0;
        for (_, id) in self.found {
            let distance = squared_distance(own, search.point(id as usize));
            ranked.push((distance, id));
            // Candidates come by ascending id, so k twins settle the list.
            twins += usize::from(distance == 0.0);
            if twins == search.k {
                break;
            }
        }
        ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (slot, (distance, id)) in ids.iter_mut().zip(distances).zip(ranked) {
            *slot.0 = id;
            *slot.1 = distance;
        }
    }
}
