//! Compressed columns: where each starts, the rows of its values, and the values.

use super::arrays::{fill, fill_and_look};
use super::store::{damaged, Array, Node};
use crate::io::gather::{Seen, SparseColumns};
use crate::io::limits;
use crate::io::{are_counts, are_finite_counts};
use crate::memory;
use crate::monitor::Monitor;
use crate::Result;
use multiversion::multiversion;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Refuses parts that are not as long as they should be; returns the number of stored values.
pub(crate) fn stored_values(
    path: &str,
    major: usize,
    starts: &Array,
    indices: &Array,
    data: &Array,
) -> Result<usize> {
    let stored = data.length()?;
    if indices.length()? != stored || starts.length()? != major + 1 {
        return Err(damaged(format!("The parts of {path} are not equally long")));
    }
    Ok(stored)
}

/// Where each column of the compressed form starts.
pub(crate) fn column_starts(
    starts: &Array,
    major: usize,
    stored: usize,
    monitor: &dyn Monitor,
) -> Result<Vec<i64>> {
    let mut out = vec![0i64; major + 1];
    fill(starts, &mut out, monitor)?;
    let ascends = out.windows(2).all(|w| w[0] <= w[1]);
    if !ascends || out[0] != 0 || out[major] != stored as i64 {
        return Err(damaged(format!(
            "{} does not ascend from 0 to {stored}",
            starts.path
        )));
    }
    Ok(out)
}

/// Whether the rows of each column ascend in `part`, the rows from place `at` on, and all are
/// below `minor`.
fn ascend_below(starts: &[i64], minor: usize, at: usize, part: &[i32]) -> bool {
    let mut column = starts.partition_point(|&start| start as usize <= at);
    let (mut from, end) = (at, at + part.len());
    let mut all = true;
    while from < end {
        let to = (starts[column] as usize).min(end);
        let rows = &part[from - at..to - at];
        if let (Some(&first), Some(&last)) = (rows.first(), rows.last()) {
            all &= first >= 0 && (last as usize) < minor && ascend(rows);
        }
        (from, column) = (to, column + 1);
    }
    all
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn ascend(rows: &[i32]) -> bool {
    rows.windows(2).fold(true, |all, w| all & (w[0] < w[1]))
}

/// The `major` compressed columns of `minor` rows that the group at `path` stores, with the
/// values of each in the order of the file.
pub(crate) fn read_columns(
    path: &str,
    [indptr, indices, data]: [&Node; 3],
    major: usize,
    minor: usize,
    monitor: &dyn Monitor,
) -> Result<Seen> {
    let (starts, indices, data) = (indptr.array()?, indices.array()?, data.array()?);
    let stored = stored_values(path, major, &starts, &indices, &data)?;
    limits::require_indexable(stored)?;
    limits::require_memory(24 * stored as u64, path)?;
    let starts = column_starts(&starts, major, stored, monitor)?;

    monitor.stage("Reading counts", 2 * stored);
    let mut rows = memory::zeroed::<i32>(stored);
    let outside = AtomicUsize::new(usize::MAX);
    let ascends = AtomicBool::new(true);
    let seams = Mutex::new(Vec::new());
    fill_and_look(&indices, &mut rows, monitor, &|at, part: &[i32]| {
        if !ascend_below(&starts, minor, at, part) {
            ascends.store(false, Ordering::Relaxed);
            let is_outside = |&i: &i32| i < 0 || i as usize >= minor;
            if let Some(first) = part.iter().position(is_outside) {
                outside.fetch_min(at + first, Ordering::Relaxed);
            }
        }
        seams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(at);
    })?;
    let at = outside.into_inner();
    if at < stored {
        let problem = format!(
            "{} at {at} is {}, outside of 0 to {}",
            indices.path,
            rows[at],
            minor as i64 - 1
        );
        return Err(damaged(problem));
    }
    // Parts were looked at one by one; here is what lies between two of them.
    let seams = seams.into_inner().unwrap_or_else(PoisonError::into_inner);
    let joined = |&at: &usize| {
        at == 0 || rows[at - 1] < rows[at] || starts.binary_search(&(at as i64)).is_ok()
    };
    let ascends = ascends.into_inner() && seams.iter().all(joined);

    let mut values = memory::zeroed::<f64>(stored);
    let (finite, whole) = (AtomicBool::new(true), AtomicBool::new(true));
    fill_and_look(&data, &mut values, monitor, &|_, part: &[f64]| {
        if !are_finite_counts(part) {
            let all_finite = part.iter().all(|v| v.is_finite());
            finite.fetch_and(all_finite, Ordering::Relaxed);
            whole.fetch_and(are_counts(part), Ordering::Relaxed);
        }
    })?;
    Ok(Seen {
        columns: SparseColumns {
            nrows: minor,
            ncols: major,
            indptr: starts.into_iter().map(|s| s as i32).collect(),
            indices: rows,
            values,
        },
        ascends,
        whole: finite.into_inner().then(|| whole.into_inner()),
    })
}
