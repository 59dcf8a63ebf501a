//! Matrices that stay in their file.

use neuralee_core::Result;
use std::path::Path;

#[cfg(not(feature = "hdf5"))]
use crate::limits::without_hdf5;
#[cfg(feature = "hdf5")]
use crate::part;

/// Where a matrix lies in its HDF5 file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Path of the dataset or, of a sparse matrix, the group.
    pub path: String,
    /// CSR or CSC, not dense.
    pub sparse: bool,
    /// Dense or CSR: the values of a cell are side by side.
    pub by_cells: bool,
    /// True if the first 65,536 stored values are whole numbers and none is negative.
    pub whole: bool,
}

impl Stored {
    /// Some genes and cells of the matrix, which has `shape`: all of their values, column by
    /// column. They may come in any order and several times; without a list all are meant.
    pub fn part(
        &self,
        path: &Path,
        shape: [usize; 2],
        genes: Option<&[usize]>,
        cells: Option<&[usize]>,
    ) -> Result<Vec<f64>> {
        #[cfg(not(feature = "hdf5"))]
        return without_hdf5(path, (shape, genes, cells));
        #[cfg(feature = "hdf5")]
        part::read(
            path,
            &self.path,
            self.sparse,
            self.by_cells,
            shape,
            [genes, cells],
        )
    }
}
