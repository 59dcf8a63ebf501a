//! Points divided into clusters of near points, in an order that keeps near clusters together.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::multiversion;
use ndarray::ArrayView2;
use rayon::prelude::*;

use super::graph::SMALLEST;
use crate::monitor::Monitor;
use crate::random::Stream;
use crate::{Error, Result};

/// Points per cluster aimed at: smaller clusters fit their points more closely, but each point
/// is held against all centroids.
const POINTS_PER_CLUSTER: usize = 512;

/// Points on which the centroids are trained, per cluster.
const TRAINING_POINTS: usize = 48;

/// Rounds of Lloyd's algorithm; the clusters need not be optimal, only compact.
const ROUNDS: usize = 6;

/// A cluster this many times larger than aimed at is divided: duplicates may fill one.
const OVERSIZE: usize = 4;

/// Points farther than this from their mean have squared distances that overflow.
const LARGEST: f64 = 1e150;

/// Points of one task.
const TASK: usize = 256;

/// Streams of the random sample and of the first centroids.
const SAMPLE_STREAM: u64 = 0x6e61;
const START_STREAM: u64 = 0x6e62;

/// Points in single precision, sorted by cluster.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    /// Coordinates per point.
    pub(super) dim: usize,
    /// Rows of the points, cluster by cluster, about their mean and divided by a common scale.
    pub(super) rows: Vec<f32>,
    /// Id of the point in each row: cluster by cluster, ascending within a cluster.
    pub(super) order: Vec<u32>,
    /// First row of each cluster, and one past the last.
    pub(super) starts: Vec<usize>,
    /// Means of the clusters, `dim` coordinates each.
    pub(super) centroids: Vec<f32>,
    /// What points and queries become rows by.
    pub(super) frame: Frame,
}

/// How points become rows in single precision.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    mean: Vec<f64>,
    /// What distances between rows are multiplied by to become those between points.
    pub(super) scale: f64,
}

impl Frame {
    /// The mean of the points and the largest distance from it along any axis.
    fn new(points: ArrayView2<'_, f64>) -> Result<Self> {
        let n = points.nrows() as f64;
        // Relative to the first point, so that a common offset costs no digits.
        let mean: Vec<f64> = (0..points.ncols())
            .into_par_iter()
            .map(|j| {
                let column = points.column(j);
                let origin = column[0];
                origin + column.iter().map(|v| v - origin).sum::<f64>() / n
            })
            .collect();
        let largest = (0..points.ncols())
            .into_par_iter()
            .map(|j| {
                let column = points.column(j).into_iter();
                column.fold(0.0f64, |largest, v| largest.max((v - mean[j]).abs()))
            })
            .reduce(|| 0.0, f64::max);
        if !(largest < LARGEST) {
            return Err(Error::input(
                "The squared distances between the points overflow.",
                "Divide the points by a common scale first.",
            ));
        }
        if largest > 0.0 && largest < SMALLEST {
            return Err(Error::input(
                format!(
                    "The points lie within {largest:e} of their mean: squared distances vanish."
                ),
                "Multiply the points by a common scale first.",
            ));
        }
        Ok(Frame {
            mean,
            scale: if largest > 0.0 { largest } else { 1.0 },
        })
    }

    /// Points as rows, in their order.
    pub(super) fn rows(&self, points: ArrayView2<'_, f64>) -> Vec<f32> {
        let dim = points.ncols();
        let mut rows = vec![0f32; points.nrows() * dim];
        rows.par_chunks_mut(TASK * dim)
            .enumerate()
            .for_each(|(task, rows)| {
                for (i, row) in rows.chunks_exact_mut(dim).enumerate() {
                    let point = points.row(task * TASK + i);
                    for ((to, value), mean) in row.iter_mut().zip(point).zip(&self.mean) {
                        *to = ((value - mean) / self.scale) as f32;
                    }
                }
            });
        rows
    }
}

impl Partition {
    /// Clusters by k-means on a sample of the points (Lloyd 1982).
    pub(super) fn new(
        points: ArrayView2<'_, f64>,
        seed: u64,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let (n, dim) = points.dim();
        let frame = Frame::new(points)?;
        let rows = frame.rows(points);
        let clusters = (n / POINTS_PER_CLUSTER).max(1);
        let centroids = train(&rows, dim, clusters, seed, monitor)?;
        let nearest = assign(&rows, dim, &centroids, monitor)?;

        let mut members: Vec<Vec<u32>> = vec![Vec::new(); clusters];
        for (id, &cluster) in nearest.iter().enumerate() {
            members[cluster as usize].push(id as u32);
        }
        let most = OVERSIZE * POINTS_PER_CLUSTER;
        let mut parts = Vec::with_capacity(clusters);
        for cluster in members.into_iter().filter(|cluster| !cluster.is_empty()) {
            split(&rows, dim, cluster, most, &mut parts);
        }
        let means: Vec<Vec<f32>> = parts.par_iter().map(|p| mean_of(&rows, dim, p)).collect();
        let mut path: Vec<u32> = (0..parts.len() as u32).collect();
        lay_out(&means, &mut path);

        let mut order = Vec::with_capacity(n);
        let mut starts = vec![0];
        let mut centroids = Vec::with_capacity(parts.len() * dim);
        for &part in &path {
            let members = &mut parts[part as usize];
            members.sort_unstable();
            order.append(members);
            starts.push(order.len());
            centroids.extend_from_slice(&means[part as usize]);
        }
        let mut sorted = vec![0f32; rows.len()];
        sorted
            .par_chunks_exact_mut(dim)
            .zip(&order)
            .for_each(|(to, &id)| to.copy_from_slice(&rows[id as usize * dim..][..dim]));
        Ok(Partition {
            dim,
            rows: sorted,
            order,
            starts,
            centroids,
            frame,
        })
    }

    /// Number of clusters.
    pub(super) fn clusters(&self) -> usize {
        self.starts.len() - 1
    }

    /// Mean of one cluster.
    pub(super) fn centroid(&self, cluster: usize) -> &[f32] {
        &self.centroids[cluster * self.dim..][..self.dim]
    }
}

/// Centroids of `clusters` clusters, trained on a random sample.
fn train(
    rows: &[f32],
    dim: usize,
    clusters: usize,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Vec<f32>> {
    let n = rows.len() / dim;
    let count = (TRAINING_POINTS * clusters).min(n);
    let take = |rows: &[f32], chosen: Vec<usize>| -> Vec<f32> {
        let of = |&i: &usize| rows[i * dim..][..dim].iter().copied();
        chosen.iter().flat_map(of).collect()
    };
    let sample = take(rows, Stream::new(seed, SAMPLE_STREAM).sample(n, count));
    let first = Stream::new(seed, START_STREAM).sample(count, clusters);
    let mut centroids = take(&sample, first);
    for _ in 0..ROUNDS {
        let nearest = assign(&sample, dim, &centroids, monitor)?;
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); clusters];
        for (point, &cluster) in nearest.iter().enumerate() {
            members[cluster as usize].push(point as u32);
        }
        centroids
            .par_chunks_exact_mut(dim)
            .zip(&members)
            .filter(|(_, members)| !members.is_empty())
            .for_each(|(centroid, members)| {
                centroid.copy_from_slice(&mean_of(&sample, dim, members));
            });
    }
    Ok(centroids)
}

fn mean_of(rows: &[f32], dim: usize, members: &[u32]) -> Vec<f32> {
    let mut sum = vec![0f64; dim];
    for &id in members {
        for (sum, &v) in sum.iter_mut().zip(&rows[id as usize * dim..][..dim]) {
            *sum += f64::from(v);
        }
    }
    let count = members.len() as f64;
    sum.iter().map(|sum| (sum / count) as f32).collect()
}

/// The nearest centroid of every row, the first of equals.
pub(super) fn assign(
    rows: &[f32],
    dim: usize,
    centroids: &[f32],
    monitor: &dyn Monitor,
) -> Result<Vec<u32>> {
    let clusters = centroids.len() / dim;
    let norms: Vec<f32> = centroids
        .chunks_exact(dim)
        .map(|c| c.iter().map(|v| v * v).sum())
        .collect();
    let mut nearest = vec![0u32; rows.len() / dim];
    nearest
        .par_chunks_mut(TASK)
        .zip(rows.par_chunks(TASK * dim))
        .try_for_each_init(
            || vec![0f32; TASK * clusters],
            |products, (nearest, rows)| {
                monitor.check()?;
                let products = &mut products[..nearest.len() * clusters];
                matmul(
                    MatMut::from_row_major_slice_mut(&mut *products, nearest.len(), clusters),
                    Accum::Replace,
                    MatRef::from_row_major_slice(rows, nearest.len(), dim),
                    MatRef::from_row_major_slice(centroids, clusters, dim).transpose(),
                    -2.0,
                    Par::Seq,
                );
                for (nearest, products) in nearest.iter_mut().zip(products.chunks_exact(clusters)) {
                    *nearest = first_smallest(products, &norms) as u32;
                }
                Ok(())
            },
        )?;
    Ok(nearest)
}

/// Position of the smallest `products[i] + norms[i]`, the first of equals.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn first_smallest(products: &[f32], norms: &[f32]) -> usize {
    const LANES: usize = 16;
    let mut smallest = [f32::INFINITY; LANES];
    let (products16, rest) = products.as_chunks::<LANES>();
    let (norms16, norms_rest) = norms.as_chunks::<LANES>();
    for (p, q) in products16.iter().zip(norms16) {
        for lane in 0..LANES {
            let value = p[lane] + q[lane];
            smallest[lane] = if value < smallest[lane] {
                value
            } else {
                smallest[lane]
            };
        }
    }
    let last = rest.iter().zip(norms_rest).map(|(p, q)| p + q);
    let least = smallest
        .into_iter()
        .chain(last)
        .fold(f32::INFINITY, f32::min);
    let at = products.iter().zip(norms).position(|(p, q)| p + q == least);
    at.unwrap_or(0)
}

/// Halves a cluster along its widest coordinate until no part holds more than `most`.
fn split(rows: &[f32], dim: usize, mut cluster: Vec<u32>, most: usize, parts: &mut Vec<Vec<u32>>) {
    if cluster.len() <= most {
        parts.push(cluster);
        return;
    }
    let at = |id: u32, axis: usize| rows[id as usize * dim + axis];
    let axis = widest((0..dim).map(|axis| cluster.iter().map(move |&id| at(id, axis))));
    let middle = cluster.len() / 2;
    cluster.select_nth_unstable_by(middle, |&a, &b| {
        at(a, axis).total_cmp(&at(b, axis)).then(a.cmp(&b))
    });
    let upper = cluster.split_off(middle);
    split(rows, dim, cluster, most, parts);
    split(rows, dim, upper, most, parts);
}

/// Orders centroids by halving them along their widest coordinate, so that neighbours in
/// the order are neighbours in space.
fn lay_out(centroids: &[Vec<f32>], path: &mut [u32]) {
    if path.len() < 2 {
        return;
    }
    let at = |id: u32, axis: usize| centroids[id as usize][axis];
    let dim = centroids[0].len();
    let axis = widest((0..dim).map(|axis| path.iter().map(move |&id| at(id, axis))));
    let middle = path.len() / 2;
    path.select_nth_unstable_by(middle, |&a, &b| {
        at(a, axis).total_cmp(&at(b, axis)).then(a.cmp(&b))
    });
    let (lower, upper) = path.split_at_mut(middle);
    lay_out(centroids, lower);
    lay_out(centroids, upper);
}

/// The axis of largest variance, the first of equals.
fn widest<V: Iterator<Item = f32>>(axes: impl Iterator<Item = V>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (axis, values) in axes.enumerate() {
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for value in values.map(f64::from) {
            count += 1.0;
            sum += value;
            squares += value * value;
        }
        let variance = squares - sum * sum / count;
        if variance > best.1 {
            best = (axis, variance);
        }
    }
    best.0
}
