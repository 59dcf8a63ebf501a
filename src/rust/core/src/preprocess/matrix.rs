//! A borrowed matrix, dense or sparse by columns, as R and HDF5 files hold them.

use ndarray::ArrayView2;

use crate::{Error, Result};

/// A dense matrix of any layout, or a sparse one in compressed columns.
#[derive(Debug, Clone, Copy)]
pub enum Matrix<'a> {
    /// All entries.
    Dense(ArrayView2<'a, f64>),
    /// The stored entries, column by column.
    SparseColumns(SparseView<'a>),
}

/// Column j holds `values[indptr[j]..indptr[j + 1]]` in the rows `indices[..]`, ascending
/// (R's dgCMatrix).
#[derive(Debug, Clone, Copy)]
pub struct SparseView<'a> {
    /// Number of rows.
    pub nrows: usize,
    /// Number of columns.
    pub ncols: usize,
    /// ncols + 1 positions in `indices` and `values`.
    pub indptr: &'a [i32],
    /// Row of each stored value, from 0.
    pub indices: &'a [i32],
    /// The stored values.
    pub values: &'a [f64],
}

/// Whether a matrix has its cells in rows or in columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// Cells x genes.
    Rows,
    /// Genes x cells.
    Columns,
}

impl<'a> Matrix<'a> {
    /// A sparse matrix whose structure has been checked.
    pub fn sparse_columns(
        nrows: usize,
        ncols: usize,
        indptr: &'a [i32],
        indices: &'a [i32],
        values: &'a [f64],
    ) -> Result<Self> {
        let matrix = Matrix::SparseColumns(SparseView {
            nrows,
            ncols,
            indptr,
            indices,
            values,
        });
        matrix.check_structure()?;
        Ok(matrix)
    }

    /// Rows and columns.
    pub fn dim(&self) -> (usize, usize) {
        match *self {
            Matrix::Dense(values) => values.dim(),
            Matrix::SparseColumns(SparseView { nrows, ncols, .. }) => (nrows, ncols),
        }
    }

    /// Refuses a sparse matrix whose positions or rows are out of range or out of order.
    pub fn check_structure(&self) -> Result<()> {
        let Matrix::SparseColumns(SparseView {
            nrows,
            ncols,
            indptr,
            indices,
            values,
        }) = *self
        else {
            return Ok(());
        };
        let broken = |what: String| {
            Err(Error::input(
                format!("The sparse matrix is damaged: {what}."),
                "Rebuild it, for example from its triplets.",
            ))
        };
        if indptr.len() != ncols + 1 || indices.len() != values.len() {
            return broken(format!(
                "{ncols} columns come with {} column starts, {} row numbers and {} values",
                indptr.len(),
                indices.len(),
                values.len()
            ));
        }
        if indptr[0] != 0
            || indptr[ncols] as usize != values.len()
            || indptr.windows(2).any(|pair| pair[0] > pair[1])
        {
            return broken("its column starts do not ascend to the number of values".into());
        }
        for (column, pair) in indptr.windows(2).enumerate() {
            let rows = &indices[pair[0] as usize..pair[1] as usize];
            let in_range = rows
                .iter()
                .all(|&row| usize::try_from(row).is_ok_and(|row| row < nrows));
            if !in_range || rows.windows(2).any(|pair| pair[0] >= pair[1]) {
                return broken(format!(
                    "the rows of column {} do not ascend within 1 to {nrows}",
                    column + 1
                ));
            }
        }
        Ok(())
    }

    /// Row and column (from 0) of the first value that is not finite: the lowest row, and
    /// in it the lowest column.
    pub fn first_not_finite(&self) -> Option<(usize, usize)> {
        match *self {
            Matrix::Dense(values) => {
                if values.iter().all(|value| value.is_finite()) {
                    return None;
                }
                let bad =
                    |(index, value): ((usize, usize), &f64)| (!value.is_finite()).then_some(index);
                values.indexed_iter().find_map(bad)
            }
            Matrix::SparseColumns(SparseView {
                indptr,
                indices,
                values,
                ..
            }) => values
                .iter()
                .enumerate()
                .filter(|(_, value)| !value.is_finite())
                .map(|(at, _)| {
                    let column = indptr.partition_point(|&start| start as usize <= at) - 1;
                    (indices[at] as usize, column)
                })
                .min(),
        }
    }

    /// Refuses damaged sparse matrices and values that are not finite.
    pub fn check(&self) -> Result<()> {
        self.check_structure()?;
        match self.first_not_finite() {
            None => Ok(()),
            Some((row, column)) => Err(Error::not_finite(
                format!(
                    "The value in row {}, column {} is not finite.",
                    row + 1,
                    column + 1
                ),
                "Remove or replace missing and infinite values first.",
            )),
        }
    }

    /// Cells and genes, given where the cells are.
    pub(crate) fn cells_and_genes(&self, cells: Cells) -> (usize, usize) {
        let (rows, columns) = self.dim();
        match cells {
            Cells::Rows => (rows, columns),
            Cells::Columns => (columns, rows),
        }
    }
}
