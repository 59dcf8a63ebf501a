//! Approximate search among many points: clusters of near points, and blocked products with
//! the clusters that a point's neighbours can lie in.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::multiversion;
use ndarray::ArrayView2;
use rayon::prelude::*;

use super::graph::{check_points, check_queries, check_size, NeighborGraph};
use super::partition::{assign, Partition};
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Points of one cluster that are compared with other clusters at once.
const ROWS: usize = 128;

/// Candidates that are compared with them at once: ROWS x COLUMNS products stay in the
/// second-level cache.
const COLUMNS: usize = 512;

/// Clusters around the home cluster that are looked at, if they hold enough points.
const MOST_CLUSTERS: usize = 160;

/// A cluster is looked at where its border lies within this fraction of the distance to the
/// k-th nearest point so far. In many dimensions little of a ball lies beyond a plane
/// half its radius away from the centre.
const REACH: f32 = 0.5;

/// Points prepared for approximate search.
#[derive(Debug, Clone)]
pub struct Index {
    partition: Partition,
}

impl Index {
    /// Divides the rows of `points` (n x D) into clusters; `seed` chooses the first ones.
    pub fn new(points: ArrayView2<'_, f64>, seed: u64, monitor: &dyn Monitor) -> Result<Self> {
        check_points(points)?;
        let partition = Partition::new(points, seed, monitor)?;
        Ok(Index { partition })
    }

    /// Ids of the points in an order that keeps near points together.
    pub fn order(&self) -> &[u32] {
        &self.partition.order
    }

    /// [`Index::order`], without the index.
    pub fn into_order(self) -> Vec<u32> {
        self.partition.order
    }

    /// The k nearest other points of every point, where points are numbered by their
    /// index in [`Index::order`].
    pub fn graph(&self, k: usize, monitor: &dyn Monitor) -> Result<NeighborGraph> {
        let n = self.partition.order.len();
        check_size(n, k)?;
        monitor.stage("neighbors", n);
        let mut ids = vec![0u32; n * k];
        let mut squared_distances = vec![0.0; n * k];
        let mut lists = Vec::with_capacity(self.partition.clusters());
        let (mut ids_left, mut distances_left) = (&mut ids[..], &mut squared_distances[..]);
        for cluster in 0..self.partition.clusters() {
            let size = self.partition.starts[cluster + 1] - self.partition.starts[cluster];
            let (own, rest) = ids_left.split_at_mut(size * k);
            ids_left = rest;
            let (own_distances, rest) = distances_left.split_at_mut(size * k);
            distances_left = rest;
            lists.push((own, own_distances));
        }
        lists
            .into_par_iter()
            .enumerate()
            .try_for_each(|(cluster, (ids, distances))| {
                monitor.check()?;
                let first = self.partition.starts[cluster];
                let rows = ids.len() / k;
                let dim = self.partition.dim;
                let queries = &self.partition.rows[first * dim..(first + rows) * dim];
                self.cluster(cluster, queries, Some(first), k, ids, distances);
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

    /// The k points nearest to every row of `queries`; ids are those of the points.
    pub fn queries(
        &self,
        queries: ArrayView2<'_, f64>,
        k: usize,
        monitor: &dyn Monitor,
    ) -> Result<NeighborGraph> {
        let Partition {
            dim,
            ref order,
            ref centroids,
            ref frame,
            ..
        } = self.partition;
        check_queries(queries, order.len(), dim, k)?;
        let rows = frame.rows(queries);
        let homes = assign(&rows, dim, centroids, monitor)?;
        let mut by_home: Vec<u32> = (0..queries.nrows() as u32).collect();
        by_home.sort_by_key(|&query| homes[query as usize]);
        let groups: Vec<&[u32]> = by_home
            .chunk_by(|&a, &b| homes[a as usize] == homes[b as usize])
            .collect();
        monitor.stage("neighbors", queries.nrows());
        let lists: Vec<(Vec<u32>, Vec<f64>)> = groups
            .par_iter()
            .map(|group| {
                monitor.check()?;
                let row = |&query: &u32| &rows[query as usize * dim..][..dim];
                let gathered: Vec<f32> = group.iter().flat_map(row).copied().collect();
                let mut ids = vec![0u32; group.len() * k];
                let mut distances = vec![0.0; group.len() * k];
                let home = homes[group[0] as usize] as usize;
                self.cluster(home, &gathered, None, k, &mut ids, &mut distances);
                monitor.advance(group.len());
                Ok((ids, distances))
            })
            .collect::<Result<_>>()?;
        let mut found = NeighborGraph {
            n: queries.nrows(),
            k,
            ids: vec![0; queries.nrows() * k],
            squared_distances: vec![0.0; queries.nrows() * k],
        };
        for (group, (ids, distances)) in groups.iter().zip(&lists) {
            for (i, &query) in group.iter().enumerate() {
                let to = query as usize * k;
                for j in 0..k {
                    found.ids[to + j] = order[ids[i * k + j] as usize];
                }
                found.squared_distances[to..to + k].copy_from_slice(&distances[i * k..][..k]);
            }
        }
        Ok(found)
    }

    /// Fills the lists of queries whose nearest centroid is that of `home`.
    fn cluster(
        &self,
        home: usize,
        queries: &[f32],
        own: Option<usize>,
        k: usize,
        ids: &mut [u32],
        distances: &mut [f64],
    ) {
        let partition = &self.partition;
        let dim = partition.dim;
        let width = dim + 1;
        let centre = partition.centroid(home);
        let count = queries.len() / dim;
        // Rows (-2 q, 1) about the home centroid: their product with (p, |p|^2) is
        // |p - q|^2 - |q|^2, which ranks as the distance does.
        let mut left = vec![0f32; count * width];
        let mut norms = Vec::with_capacity(count);
        for (to, q) in left.chunks_exact_mut(width).zip(queries.chunks_exact(dim)) {
            let mut norm = 0.0;
            for ((to, q), c) in to.iter_mut().zip(q).zip(centre) {
                let value = q - c;
                norm += value * value;
                *to = -2.0 * value;
            }
            to[dim] = 1.0;
            norms.push(norm);
        }
        let near = self.near_clusters(home, k);
        let margins = margins(&left, &near, count, width, partition, centre);
        let mut lists: Vec<Candidates> = (0..count)
            .map(|q| Candidates::new(own.map_or(u32::MAX, |first| (first + q) as u32)))
            .collect();
        let mut right = Vec::new();
        let mut block = Vec::with_capacity(ROWS * width);
        let mut products = vec![0f32; ROWS * COLUMNS];
        let mut chosen: Vec<u32> = Vec::with_capacity(count);
        for (rank, &(_, cluster)) in near.iter().enumerate() {
            chosen.clear();
            chosen.extend((0..count as u32).filter(|&q| {
                let radius = (lists[q as usize].threshold + norms[q as usize])
                    .max(0.0)
                    .sqrt();
                rank == 0 || margins[rank * count + q as usize] < REACH * radius
            }));
            if chosen.is_empty() {
                continue;
            }
            let (from, to) = (
                partition.starts[cluster as usize],
                partition.starts[cluster as usize + 1],
            );
            right.resize((to - from) * width, 0.0);
            shift(&partition.rows[from * dim..to * dim], centre, &mut right);
            for queries in chosen.chunks(ROWS) {
                block.clear();
                for &q in queries {
                    block.extend_from_slice(&left[q as usize * width..][..width]);
                }
                for start in (from..to).step_by(COLUMNS) {
                    let columns = COLUMNS.min(to - start);
                    let products = &mut products[..queries.len() * columns];
                    matmul(
                        MatMut::from_row_major_slice_mut(&mut *products, queries.len(), columns),
                        Accum::Replace,
                        MatRef::from_row_major_slice(&block, queries.len(), width),
                        MatRef::from_row_major_slice(
                            &right[(start - from) * width..][..columns * width],
                            columns,
                            width,
                        )
                        .transpose(),
                        1.0,
                        Par::Seq,
                    );
                    for (&q, products) in queries.iter().zip(products.chunks_exact(columns)) {
                        lists[q as usize].take(products, start as u32, k);
                    }
                }
            }
        }
        let square = partition.frame.scale.powi(2);
        let slots = ids.chunks_exact_mut(k).zip(distances.chunks_exact_mut(k));
        for ((list, q), (ids, distances)) in
            lists.into_iter().zip(queries.chunks_exact(dim)).zip(slots)
        {
            let mut ranked: Vec<(f32, u32)> = list
                .nearest(k)
                .iter()
                .map(|&(_, id)| {
                    let p = &partition.rows[id as usize * dim..][..dim];
                    (squared_distance(q, p), id)
                })
                .collect();
            ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for ((distance, id), slot) in ranked.iter().zip(ids.iter_mut().zip(distances)) {
                *slot.0 = *id;
                *slot.1 = f64::from(*distance) * square;
            }
        }
    }

    /// The home cluster, then those around it by the distance of their centroids.
    fn near_clusters(&self, home: usize, k: usize) -> Vec<(f32, u32)> {
        let centre = self.partition.centroid(home);
        let mut near: Vec<(f32, u32)> = self
            .partition
            .centroids
            .chunks_exact(self.partition.dim)
            .enumerate()
            .map(|(cluster, c)| {
                let distance = if cluster == home {
                    -1.0
                } else {
                    squared_distance(centre, c)
                };
                (distance, cluster as u32)
            })
            .collect();
        let by_distance = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        near.sort_unstable_by(by_distance);
        let starts = &self.partition.starts;
        let mut points = 0;
        let enough = near.iter().position(|&(_, cluster)| {
            points += starts[cluster as usize + 1] - starts[cluster as usize];
            points > 2 * k
        });
        near.truncate(enough.map_or(usize::MAX, |last| MOST_CLUSTERS.max(last + 1)));
        near
    }
}

/// How far each query lies from the border of each near cluster. For q about the home centroid and
/// a centroid c, it is the distance to the plane between them, |c| / 2 - q.c / |c|.
fn margins(
    left: &[f32],
    near: &[(f32, u32)],
    count: usize,
    width: usize,
    partition: &Partition,
    centre: &[f32],
) -> Vec<f32> {
    let mut planes = Vec::with_capacity(near.len() * width);
    for &(distance, cluster) in near {
        let length = distance.max(0.0).sqrt();
        let inverse = if length > 0.0 { 0.5 / length } else { 0.0 };
        let centroid = partition.centroid(cluster as usize);
        planes.extend(centroid.iter().zip(centre).map(|(c, o)| (c - o) * inverse));
        planes.push(0.5 * length);
    }
    let mut margins = vec![0f32; count * near.len()];
    matmul(
        MatMut::from_row_major_slice_mut(&mut margins, near.len(), count),
        Accum::Replace,
        MatRef::from_row_major_slice(&planes, near.len(), width),
        MatRef::from_row_major_slice(left, count, width).transpose(),
        1.0,
        Par::Seq,
    );
    margins
}

/// Points that may be among the k nearest of one query.
struct Candidates {
    own: u32,
    found: Vec<(f32, u32)>,
    /// The k-th smallest value found when the list was last shortened.
    threshold: f32,
}

impl Candidates {
    fn new(own: u32) -> Self {
        Candidates {
            own,
            found: Vec::new(),
            threshold: f32::INFINITY,
        }
    }

    /// Takes the points from `first` on whose values lie below the threshold.
    fn take(&mut self, values: &[f32], first: u32, k: usize) {
        // `push_below` stops 16 before the room is full, when k must have been found.
        let room = 4 * k.max(8);
        let mut from = 0;
        while from < values.len() {
            from = push_below(
                values,
                from,
                self.threshold,
                first,
                self.own,
                room,
                &mut self.found,
            );
            if self.found.len() >= room - 16 {
                self.shorten(k);
            }
        }
        if self.found.len() >= 2 * k {
            self.shorten(k);
        }
    }

    fn shorten(&mut self, k: usize) {
        let (_, kth, _) = self
            .found
            .select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.threshold = kth.0;
        self.found.truncate(k);
    }

    fn nearest(mut self, k: usize) -> Vec<(f32, u32)> {
        if self.found.len() > k {
            self.shorten(k);
        }
        self.found
    }
}

/// Appends values below the threshold until `found` holds nearly `most`; returns where
/// to go on.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn push_below(
    values: &[f32],
    from: usize,
    threshold: f32,
    first: u32,
    own: u32,
    most: usize,
    found: &mut Vec<(f32, u32)>,
) -> usize {
    const LANES: usize = 16;
    let mut at = from;
    while at < values.len() {
        let end = (at + LANES).min(values.len());
        let mut hits = 0u32;
        if end - at == LANES {
            let block: &[f32; LANES] = values[at..end].try_into().unwrap();
            for lane in 0..LANES {
                hits |= u32::from(block[lane] < threshold) << lane;
            }
        } else {
            for (lane, value) in values[at..end].iter().enumerate() {
                hits |= u32::from(*value < threshold) << lane;
            }
        }
        while hits != 0 {
            let lane = hits.trailing_zeros();
            hits &= hits - 1;
            let id = first + at as u32 + lane;
            if id != own {
                found.push((values[at + lane as usize], id));
            }
        }
        at = end;
        if found.len() + LANES >= most {
            break;
        }
    }
    at
}

/// Writes (p - centre, |p - centre|^2) for every row p.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn shift(rows: &[f32], centre: &[f32], shifted: &mut [f32]) {
    let dim = centre.len();
    for (to, p) in shifted
        .chunks_exact_mut(dim + 1)
        .zip(rows.chunks_exact(dim))
    {
        for ((to, p), c) in to.iter_mut().zip(p).zip(centre) {
            *to = p - c;
        }
        to[dim] = squared_distance(p, centre);
    }
}

/// |a - b|^2 in single precision.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0f32; LANES];
    let (a16, a_rest) = a.as_chunks::<LANES>();
    let (b16, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a16.iter().zip(b16) {
        for lane in 0..LANES {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest: f32 = a_rest
        .iter()
        .zip(b_rest)
        .map(|(a, b)| (a - b) * (a - b))
        .sum();
    sums.iter().sum::<f32>() + rest
}
