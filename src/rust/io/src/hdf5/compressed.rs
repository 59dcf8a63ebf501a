//! Compressed columns: where each starts, the rows of its values, and the values.

use super::arrays::{fill, fill_and_look};
use super::store::{damaged, Array, Node};
use crate::counts::{are_counts, are_finite_counts, Counts, Values};
use crate::limits;
use multiversion::multiversion;
use neuralee_core::monitor::Monitor;
use neuralee_core::sparse::SparseColumns;
use neuralee_core::Result;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Columns that may not be canonical yet, and what was seen of them while they were read.
pub(crate) struct Seen {
    pub(crate) columns: SparseColumns,
    /// Row ids ascend within each column and none repeats.
    pub(crate) ascends: bool,
    /// Whether every value is a whole number and none is negative; `None` where some are not
    /// finite, or are not known.
    pub(crate) whole: Option<bool>,
}

impl Seen {
    /// As [`SparseColumns::canonical`].
    pub(crate) fn canonical(self) -> Self {
        if self.ascends {
            return self;
        }
        Seen {
            columns: self.columns.canonical(),
            ascends: true,
            // Values may have been added up.
            whole: None,
        }
    }

    /// As [`SparseColumns::transposed`], which has rows ascend but not what repeats go.
    pub(crate) fn transposed(self) -> Self {
        Seen {
            columns: self.columns.transposed(),
            ..self
        }
    }

    /// The matrix, once the columns are canonical; the values are checked unless they were.
    pub(crate) fn counts(self, cell_names: &[String], gene_names: &[String]) -> Result<Counts> {
        let counts = Counts {
            genes: self.columns.nrows,
            cells: self.columns.ncols,
            values: Values::Sparse(self.columns),
            whole: self.whole.unwrap_or(false),
        };
        match self.whole {
            Some(_) => Ok(counts),
            None => counts.checked(cell_names, gene_names),
        }
    }
}

/// A vector of zeros, in large pages where the system gives them on request. One large page is then
/// faulted in for 512 small ones, and page faults are most of what filling new memory takes.
fn zeroed<T: Copy + Default>(n: usize) -> Vec<T> {
    let zeros = vec![T::default(); n];
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let (start, length) = (zeros.as_ptr() as usize, size_of_val(&zeros[..]));
        let from = start.next_multiple_of(PAGE);
        let to = (start + length) / PAGE * PAGE;
        if to > from {
            // SAFETY: the pages lie within the vector, and advice does not change them. Where
            // it is not taken, pages are small.
            unsafe {
                libc::madvise(from as *mut libc::c_void, to - from, libc::MADV_HUGEPAGE);
            }
        }
    }
    zeros
}

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

/// Whether the rows of each column ascend in `part`, the rows from index `at` on, and all are
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
    let mut rows = zeroed::<i32>(stored);
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

    let mut values = zeroed::<f64>(stored);
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
