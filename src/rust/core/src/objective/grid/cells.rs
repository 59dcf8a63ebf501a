//! Which nodes a point meets, and the order of the points along the grid.

use rayon::prelude::*;

use super::{Extent, ORDER};

/// Cells per slab along the slowest axis. Points of a slab touch `SLAB + ORDER - 1`
/// rows of nodes, so slabs two apart never meet and can be filled at the same time.
pub(super) const SLAB: usize = 4;

/// Points in the order of their cells.
pub(super) struct Sorted {
    /// Ids of the points.
    pub(super) ids: Vec<u32>,
    /// Start of each run of points with the same cell, and one past the last.
    pub(super) runs: Vec<u32>,
    /// Index of the first node that each run's points meet.
    pub(super) corners: Vec<usize>,
    /// First run of every slab, and one past the last.
    pub(super) slabs: Vec<usize>,
}

/// Cell of a coordinate relative to the grid, and the place within the cell in [0, 1).
#[inline(always)]
pub(super) fn cell_of(value: f64, h: f64, low: i64) -> (usize, f64) {
    let u = value / h;
    let floor = u.floor();
    ((floor as i64 - low) as usize, u - floor)
}

pub(super) fn sort_by_cell<const D: usize>(points: &[[f64; D]], h: f64, extent: &Extent) -> Sorted {
    let corner_of = |point: &[f64; D]| {
        (0..D).fold(0, |index, a| {
            index * extent.extent[a] + cell_of(point[a], h, extent.low[a]).0
        })
    };
    let mut keyed: Vec<(usize, u32)> = points
        .par_iter()
        .enumerate()
        .map(|(i, point)| (corner_of(point), i as u32))
        .collect();
    keyed.par_sort_unstable();
    let row = extent.extent[1..D].iter().product::<usize>();
    let rows = extent.extent[0] + 1 - ORDER;
    let (mut runs, mut corners) = (Vec::new(), Vec::new());
    let mut slabs = vec![0; rows.div_ceil(SLAB) + 1];
    for (place, &(corner, _)) in keyed.iter().enumerate() {
        if corners.last() != Some(&corner) {
            runs.push(place as u32);
            corners.push(corner);
            slabs[corner / row / SLAB + 1] = corners.len();
        }
    }
    runs.push(keyed.len() as u32);
    for slab in 1..slabs.len() {
        slabs[slab] = slabs[slab].max(slabs[slab - 1]);
    }
    Sorted {
        ids: keyed.into_iter().map(|(_, id)| id).collect(),
        runs,
        corners,
        slabs,
    }
}

/// Offset in nodes of one line of `ORDER` nodes along the fastest axis, and the line's
/// place along each slower axis.
#[inline(always)]
pub(super) fn line_offset<const D: usize>(line: usize, extent: &Extent) -> (usize, [usize; D]) {
    let mut digits = [0; D];
    let mut rest = line;
    for a in (0..D - 1).rev() {
        digits[a] = rest % ORDER;
        rest /= ORDER;
    }
    (
        (0..D).fold(0, |index, a| index * extent.extent[a] + digits[a]),
        digits,
    )
}
