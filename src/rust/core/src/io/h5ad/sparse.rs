//! Sparse matrices: CSR and CSC.

use super::matrix::fill;
use super::store::{damaged, Array, Node};
use super::table::wrong_shape;
use crate::io::gather::SparseColumns;
use crate::io::limits;
use crate::monitor::Monitor;
use crate::{Error, Result};

/// A sparse matrix of the file.
pub(super) struct SparseGroup<'a> {
    /// CSR, which has the values of a cell side by side; else CSC.
    pub(super) by_cells: bool,
    /// Cells of CSR, genes of CSC; the other of the two.
    pub(super) major: usize,
    pub(super) minor: usize,
    pub(super) indptr: Node<'a>,
    pub(super) indices: Node<'a>,
    pub(super) data: Node<'a>,
}

/// The parts of a sparse matrix, once encoding and shape are those of `cells` x `genes`.
pub(super) fn sparse_group<'a>(
    matrix: &Node<'a>,
    cells: usize,
    genes: usize,
) -> Result<SparseGroup<'a>> {
    let path = &matrix.path;
    let encoding = match matrix.text("encoding-type")? {
        Some(encoding) => encoding,
        None => matrix.text("h5sparse_format")?.unwrap_or_default(),
    };
    let by_cells = match encoding.as_str() {
        "csr_matrix" | "csr" => true,
        "csc_matrix" | "csc" => false,
        other => {
            return Err(Error::file_format(
                format!("{path} is encoded as '{other}', which is neither dense nor CSR nor CSC."),
                "Convert the matrix in Python, for example by scipy.sparse.csr_matrix, and write it again.",
            ))
        }
    };
    let shape = match matrix.integers("shape")? {
        Some(shape) => Some(shape),
        None => matrix.integers("h5sparse_shape")?,
    };
    let shape = match shape.as_deref() {
        Some(&[rows, columns]) if rows >= 0 && columns >= 0 => [rows as usize, columns as usize],
        _ => return Err(damaged(format!("{path} has no shape"))),
    };
    if shape != [cells, genes] {
        return Err(wrong_shape(path, shape, cells, genes));
    }
    let (major, minor) = if by_cells {
        (cells, genes)
    } else {
        (genes, cells)
    };
    Ok(SparseGroup {
        by_cells,
        major,
        minor,
        indptr: matrix.required("indptr", "")?,
        indices: matrix.required("indices", "")?,
        data: matrix.required("data", "")?,
    })
}

/// Refuses parts that are not as long as they should be; returns the number of stored values.
pub(super) fn stored_values(
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
pub(super) fn column_starts(
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

/// Reads compressed rows or columns into columns of cells.
pub(super) fn read_sparse(
    matrix: &Node,
    cells: usize,
    genes: usize,
    monitor: &dyn Monitor,
) -> Result<SparseColumns> {
    let group = sparse_group(matrix, cells, genes)?;
    let SparseGroup {
        by_cells,
        major,
        minor,
        ..
    } = group;
    let (starts, indices, data) = (
        group.indptr.array()?,
        group.indices.array()?,
        group.data.array()?,
    );
    let stored = stored_values(&matrix.path, major, &starts, &indices, &data)?;
    limits::require_indexable(stored)?;
    limits::require_memory(24 * stored as u64, &matrix.path)?;
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

    let indptr = starts.into_iter().map(|s| s as i32).collect();
    let sparse = SparseColumns {
        nrows: minor,
        ncols: major,
        indptr,
        indices: rows,
        values,
    };
    let sparse = if by_cells {
        sparse
    } else {
        sparse.transposed()
    };
    Ok(sparse.canonical())
}
