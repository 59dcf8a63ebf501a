//! Which nodes a point meets, and the order of the points along the grid.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use multiversion::multiversion;
use rayon::prelude::*;

use super::super::spline::ORDER;
use super::tiles::{TileSet, Tiling};

/// Points counted and moved by one task of the sort, at least.
const SORTED: usize = 1 << 14;

/// Most tasks of the sort: each counts all buckets.
const MOST_TASKS: usize = 64;

/// Most buckets into which the points fall before they are sorted by bin.
const MOST_BUCKETS: usize = 1 << 10;

/// Points in the order of their bins, those of a bin by ascending id.
pub(super) struct Sorted<const D: usize> {
    /// Ids of the points.
    pub(super) ids: Vec<u32>,
    /// The points themselves.
    pub(super) points: Vec<[f64; D]>,
    /// Start of each run of points with the same bin, and one past the last.
    pub(super) runs: Vec<u32>,
    /// The first node that each run's points meet, in their tile.
    pub(super) corners: Vec<usize>,
    /// The tiles with points.
    pub(super) tiles: TileSet,
    /// First run of each of these tiles, and one past the last.
    pub(super) starts: Vec<usize>,
}

/// Index of the bin of each point, tile by tile.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn bins_of<const D: usize>(points: &[[f64; D]], tiling: &Tiling, bins: &mut [u64]) {
    for (bin, point) in bins.iter_mut().zip(points) {
        let (tile, within) = tiling.locate(point);
        *bin = (tile * tiling.bins() + within) as u64;
    }
}

/// Sorts the points by tile and bin. A stable counting sort puts them into buckets of `2^shift`
/// successive bins, chunk of points by chunk. Each bucket is then sorted by itself. The counts tell
/// every chunk its positions in every bucket beforehand.
pub(super) fn sort_by_bin<const D: usize>(points: &[[f64; D]], tiling: &Tiling) -> Sorted<D> {
    let n = points.len();
    let bins = tiling.tiles() * tiling.bins();
    // A bin within its bucket is to fit into 32 bits.
    let wanted = (n / 64).clamp(1, MOST_BUCKETS).max(bins >> 31);
    let shift = (bins.div_ceil(wanted).next_power_of_two()).trailing_zeros();
    let buckets = (bins >> shift) + 1;
    let chunk = n.div_ceil(MOST_TASKS).max(SORTED);

    let mut bins = vec![0u64; n];
    let mut counts: Vec<Vec<u32>> = bins
        .par_chunks_mut(chunk)
        .zip(points.par_chunks(chunk))
        .map(|(bins, points)| {
            bins_of(points, tiling, bins);
            let mut counts = vec![0u32; buckets];
            for &bin in bins.iter() {
                counts[(bin >> shift) as usize] += 1;
            }
            counts
        })
        .collect();
    let mut starts = Vec::with_capacity(buckets + 1);
    let mut next = 0u32;
    for bucket in 0..buckets {
        starts.push(next as usize);
        for counts in &mut counts {
            next += std::mem::replace(&mut counts[bucket], next);
        }
    }
    starts.push(n);

    // Every position is written once; atomics let several tasks write into one vector.
    let keyed: Vec<AtomicU64> = (0..n).into_par_iter().map(|_| AtomicU64::new(0)).collect();
    let within = (1u64 << shift) - 1;
    bins.par_chunks(chunk)
        .zip(&mut counts)
        .enumerate()
        .for_each(|(task, (bins, positions))| {
            for (i, &bin) in bins.iter().enumerate() {
                let position = &mut positions[(bin >> shift) as usize];
                let id = (task * chunk + i) as u64;
                keyed[*position as usize].store((bin & within) << 32 | id, Relaxed);
                *position += 1;
            }
        });

    let mut ids = vec![0u32; n];
    let mut sorted = vec![[0.0; D]; n];
    let (mut later_ids, mut later) = (ids.as_mut_slice(), sorted.as_mut_slice());
    let mut pieces = Vec::with_capacity(buckets);
    for bucket in 0..buckets {
        let count = starts[bucket + 1] - starts[bucket];
        let (ids, sorted);
        (ids, later_ids) = later_ids.split_at_mut(count);
        (sorted, later) = later.split_at_mut(count);
        if count > 0 {
            pieces.push((bucket, ids, sorted));
        }
    }
    let runs: Vec<Vec<(u32, usize)>> = pieces
        .into_par_iter()
        .map(|(bucket, ids, sorted)| {
            let start = starts[bucket];
            let runs = sort_bucket(&keyed[start..start + ids.len()], 1 << shift, ids);
            for (point, &id) in sorted.iter_mut().zip(ids.iter()) {
                *point = points[id as usize];
            }
            runs.into_iter()
                .map(|(position, key)| (start as u32 + position, (bucket << shift) + key))
                .collect()
        })
        .collect();
    let (mut runs, bins): (Vec<u32>, Vec<usize>) = runs.into_iter().flatten().unzip();
    runs.push(n as u32);
    let (mut tiles, mut starts) = (Vec::new(), Vec::new());
    for (run, bin) in bins.iter().enumerate() {
        let tile = (bin / tiling.bins()) as u32;
        if tiles.last() != Some(&tile) {
            tiles.push(tile);
            starts.push(run);
        }
    }
    starts.push(bins.len());
    let corners = bins.iter().map(|bin| tiling.corner(bin % tiling.bins()));
    Sorted {
        ids,
        points: sorted,
        runs,
        corners: corners.collect(),
        tiles: TileSet::new(tiling, tiles),
        starts,
    }
}

/// Sorts (key, id) pairs by key, then id; `ids` receives the ids. Returns where each key
/// begins. The ids of equal keys come in ascending order.
fn sort_bucket(keyed: &[AtomicU64], keys: usize, ids: &mut [u32]) -> Vec<(u32, usize)> {
    let pairs = keyed.iter().map(|pair| pair.load(Relaxed));
    let mut runs = Vec::new();
    if keys <= 2 * keyed.len() + 64 {
        let mut positions = vec![0u32; keys];
        for pair in pairs.clone() {
            positions[(pair >> 32) as usize] += 1;
        }
        let mut next = 0;
        for (key, position) in positions.iter_mut().enumerate() {
            if *position > 0 {
                runs.push((next, key));
            }
            next += std::mem::replace(position, next);
        }
        for pair in pairs {
            let position = &mut positions[(pair >> 32) as usize];
            ids[*position as usize] = pair as u32;
            *position += 1;
        }
    } else {
        let mut pairs: Vec<u64> = pairs.collect();
        pairs.sort_unstable();
        for (position, (&pair, id)) in pairs.iter().zip(ids).enumerate() {
            let key = (pair >> 32) as usize;
            if runs.last().is_none_or(|&(_, last)| last != key) {
                runs.push((position as u32, key));
            }
            *id = pair as u32;
        }
    }
    runs
}

/// Offset in nodes of one line of `ORDER` nodes along the fastest axis, and the line's
/// index along each slower axis.
#[inline(always)]
pub(super) fn line_offset<const D: usize>(line: usize, tiling: &Tiling) -> (usize, [usize; D]) {
    let mut digits = [0; D];
    let mut rest = line;
    for a in (0..D - 1).rev() {
        digits[a] = rest % ORDER;
        rest /= ORDER;
    }
    (
        (0..D).fold(0, |index, a| index * tiling.extent[a] + digits[a]),
        digits,
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::shape::Shape;
    use super::*;
    use crate::random::Stream;
    use crate::threads::with_threads;

    /// Holds the sorted points against a plain sort by (tile, bin, id).
    fn compare<const D: usize>(n: usize, deviation: f64, h: f64) {
        let stream = Stream::new(7, 0);
        let points: Vec<[f64; D]> = (0..n)
            .map(|i| std::array::from_fn(|a| deviation * stream.normal((i * D + a) as u64)))
            .collect();
        let tiling = Tiling::new(&Shape::new(points.as_flattened(), D), h).unwrap();
        let mut expected: Vec<(usize, usize, u32)> = (0..n)
            .map(|i| {
                let (tile, bin) = tiling.locate(&points[i]);
                (tile, bin, i as u32)
            })
            .collect();
        expected.sort_unstable();
        let sorted = with_threads(3, || sort_by_bin(&points, &tiling)).unwrap();
        let ids = expected.iter().map(|&(_, _, id)| id);
        assert!(ids.eq(sorted.ids.iter().copied()));
        assert!(sorted.runs.is_sorted() && sorted.runs.len() == sorted.corners.len() + 1);
        assert_eq!(sorted.tiles, tiling.occupied(&points));
        for (position, &(tile, bin, id)) in expected.iter().enumerate() {
            let run = sorted
                .runs
                .partition_point(|&start| start as usize <= position)
                - 1;
            assert_eq!(sorted.corners[run], tiling.corner(bin));
            let slot = sorted.starts.partition_point(|&start| start <= run) - 1;
            assert_eq!(sorted.tiles.tiles[slot] as usize, tile);
            assert_eq!(sorted.points[position], points[id as usize]);
        }
    }

    #[test]
    fn counting_agrees_with_ordering() {
        // Many points in a bin, many bins without points, one bin, several tasks.
        compare::<1>(1000, 1.0, 0.1);
        compare::<1>(300, 1e6, 0.1);
        compare::<2>(1, 1.0, 0.1);
        compare::<2>(500, 1e-9, 1.0);
        compare::<2>(100_000, 3.0, 0.1);
        compare::<2>(2000, 300.0, 0.1);
        compare::<3>(20_000, 2.0, 0.2);
        compare::<3>(1000, 100.0, 0.1);
    }
}
