//! Sparse matrices: CSR and CSC.

use super::table::wrong_shape;
use crate::hdf5::compressed::read_columns;
use crate::hdf5::compressed::Seen;
use crate::hdf5::store::{damaged, Node};
use neuralee_core::monitor::Monitor;
use neuralee_core::{Error, Result};

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
    let by_cells =
        match encoding.as_str() {
            "csr_matrix" | "csr" => true,
            "csc_matrix" | "csc" => false,
            other => return Err(Error::file_format(
                format!("{path} is encoded as '{other}', which is neither dense nor CSR nor CSC."),
                "Convert the matrix in Python, for example by scipy.sparse.csr_matrix, and write \
                 it again.",
            )),
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

/// Reads compressed rows or columns into columns of cells.
pub(super) fn read_sparse(
    matrix: &Node,
    cells: usize,
    genes: usize,
    monitor: &dyn Monitor,
) -> Result<Seen> {
    let group = sparse_group(matrix, cells, genes)?;
    let parts = [&group.indptr, &group.indices, &group.data];
    let sparse = read_columns(&matrix.path, parts, group.major, group.minor, monitor)?;
    let sparse = if group.by_cells {
        sparse
    } else {
        sparse.transposed()
    };
    Ok(sparse.canonical())
}
