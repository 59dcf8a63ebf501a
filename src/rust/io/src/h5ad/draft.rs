//! A file that is being written beside the one that it will replace.

use crate::{Column, Table};
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

/// A file that grows beside the one that it will replace. It is opened anew for each step,
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
    pub fn new(target: &Path, gzip: u8) -> Self {
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

    /// Removes what there is of it.
    pub fn discard(&self) {
        // That it stays is no second error.
        let _ = std::fs::remove_file(&self.beside);
    }
}
