//! A file that is being written beside the one whose place it will take.

#[cfg(feature = "hdf5")]
use super::write;
#[cfg(feature = "hdf5")]
use crate::io::hdf5::errors::Silence;
#[cfg(feature = "hdf5")]
use crate::io::limits::with_path;
#[cfg(not(feature = "hdf5"))]
use crate::io::without_hdf5;
use crate::io::{Column, Table};
use crate::monitor::Monitor;
use crate::Result;
use ndarray::ArrayView2;
use std::path::{Path, PathBuf};

/// All of a file but its matrices.
#[derive(Debug, Clone, Copy)]
pub struct Contents<'a> {
    /// obs.
    pub cells: &'a Table,
    /// var.
    pub genes: &'a Table,
    /// obsm: cells in rows, under their names in the file.
    pub reductions: &'a [(String, ArrayView2<'a, f64>)],
    /// uns: a column of one value is written as that value.
    pub unstructured: &'a [(String, Column)],
}

/// Some cells of a matrix, with the values of each side by side.
#[derive(Debug, Clone, Copy)]
pub enum Block<'a> {
    /// CSR of cells by genes.
    Sparse {
        /// Where each cell starts, and the end.
        indptr: &'a [i32],
        /// The gene of each value.
        indices: &'a [i32],
        /// The values.
        values: &'a [f64],
    },
    /// Every value.
    Dense {
        /// How many cells there are.
        cells: usize,
        /// Cell by cell.
        values: &'a [f64],
    },
}

/// A file that grows beside the one whose place it will take. It is opened anew for each step,
/// so that nothing of HDF5 is held while others use the library.
#[derive(Debug, Clone)]
pub struct Draft {
    pub(super) target: PathBuf,
    pub(super) beside: PathBuf,
    /// Level of compression.
    pub(super) gzip: u8,
}

impl Draft {
    /// The draft of `target`; `gzip` is a level from 0 (none) to 9, for the matrices.
    pub fn of(target: &Path, gzip: u8) -> Self {
        // The file that a link names is replaced, not the link.
        let target = target
            .canonicalize()
            .unwrap_or_else(|_| target.to_path_buf());
        let mut beside = target.as_os_str().to_owned();
        beside.push(".partial");
        Draft {
            target,
            beside: beside.into(),
            gzip,
        }
    }

    /// Creates it, with everything but matrices.
    pub fn begin(&self, contents: &Contents, overwrite: bool) -> Result<()> {
        #[cfg(not(feature = "hdf5"))]
        return without_hdf5(&self.target, (contents, overwrite, self.gzip));
        #[cfg(feature = "hdf5")]
        self.step(|| write::begin(self, contents, overwrite))
    }

    /// Adds a matrix without cells; `path` is X or layers/ and a name.
    pub fn add_matrix(&self, path: &str, sparse: bool, genes: usize) -> Result<()> {
        #[cfg(not(feature = "hdf5"))]
        return without_hdf5(&self.target, (path, sparse, genes));
        #[cfg(feature = "hdf5")]
        self.step(|| write::add_matrix(self, path, sparse, genes))
    }

    /// Appends cells to a matrix.
    pub fn append(&self, path: &str, block: Block, monitor: &dyn Monitor) -> Result<()> {
        #[cfg(not(feature = "hdf5"))]
        return without_hdf5(&self.target, (path, block, monitor));
        #[cfg(feature = "hdf5")]
        self.step(|| write::append(self, path, block, monitor))
    }

    /// Completes the file and moves it to its place.
    pub fn finish(&self, overwrite: bool) -> Result<()> {
        #[cfg(not(feature = "hdf5"))]
        return without_hdf5(&self.target, overwrite);
        #[cfg(feature = "hdf5")]
        self.step(|| write::finish(self, overwrite))
    }

    /// Removes what there is of it.
    pub fn discard(&self) {
        // That it stays is no second error.
        let _ = std::fs::remove_file(&self.beside);
    }

    #[cfg(feature = "hdf5")]
    fn step(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let _silence = Silence::new();
        work().map_err(|e| with_path(&self.target, e))
    }
}
