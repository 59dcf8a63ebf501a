//! Compressed columns: where each starts, the rows of its values, and the values.

use super::arrays::fill;
use super::store::{damaged, Array, Node};
use crate::io::gather::SparseColumns;
use crate::io::limits;
use crate::monitor::Monitor;
use crate::Result;

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

/// The `major` compressed columns of `minor` rows that the group at `path` stores, with the
/// values of each in the order of the file.
pub(crate) fn read_columns(
    path: &str,
    [indptr, indices, data]: [&Node; 3],
    major: usize,
    minor: usize,
    monitor: &dyn Monitor,
) -> Result<SparseColumns> {
    let (starts, indices, data) = (indptr.array()?, indices.array()?, data.array()?);
    let stored = stored_values(path, major, &starts, &indices, &data)?;
    limits::require_indexable(stored)?;
    limits::require_memory(24 * stored as u64, path)?;
    let starts = column_starts(&starts, major, stored, monitor)?;

    monitor.stage("Reading counts", 2 * stored);
    let mut rows = vec![0i32; stored];
    fill(&indices, &mut rows, monitor)?;
    if let Some(at) = rows.iter().position(|&i| i < 0 || i as usize >= minor) {
        let problem = format!(
            "{} at {at} is {}, outside of 0 to {}",
            indices.path,
            rows[at],
            minor as i64 - 1
        );
        return Err(damaged(problem));
    }
    let mut values = vec![0f64; stored];
    fill(&data, &mut values, monitor)?;
    Ok(SparseColumns {
        nrows: minor,
        ncols: major,
        indptr: starts.into_iter().map(|s| s as i32).collect(),
        indices: rows,
        values,
    })
}
