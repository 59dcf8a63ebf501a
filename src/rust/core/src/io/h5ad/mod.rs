//! AnnData files (.h5ad), in the layout of anndata 0.7 and later and in the older one.

use super::{Counts, Table};
use crate::monitor::Monitor;
use crate::Result;
use ndarray::Array2;
use std::path::Path;

#[cfg(feature = "hdf5")]
mod matrix;
#[cfg(feature = "hdf5")]
mod raw;
#[cfg(feature = "hdf5")]
mod store;
#[cfg(feature = "hdf5")]
mod table;

/// What to read.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// "X", "raw" (for raw/X with its own genes), or the name of a layer.
    pub layer: String,
    /// Whether to read the dense matrices of obsm.
    pub reductions: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            layer: "X".into(),
            reductions: true,
        }
    }
}

/// The content of an AnnData file.
#[derive(Debug, Clone, PartialEq)]
pub struct AnnData {
    /// Genes by cells: the transpose of the file's matrix.
    pub counts: Counts,
    /// obs.
    pub cells: Table,
    /// var, or raw/var.
    pub genes: Table,
    /// The dense matrices of obsm, cells in rows, under their names in the file.
    pub reductions: Vec<(String, Array2<f64>)>,
    /// One sentence for each part that was left out.
    pub notes: Vec<String>,
}

/// Reads one matrix of the file with the annotations of its cells and genes.
#[cfg(feature = "hdf5")]
pub fn read(path: &Path, options: &Options, monitor: &dyn Monitor) -> Result<AnnData> {
    read_file(path, options, monitor).map_err(|e| super::limits::with_path(path, e))
}

/// Refuses: this build has no HDF5.
#[cfg(not(feature = "hdf5"))]
pub fn read(path: &Path, _: &Options, _: &dyn Monitor) -> Result<AnnData> {
    Err(crate::Error::file_format(
        format!("{}: neuralee was installed without HDF5 and cannot read this.", path.display()),
        "Install HDF5 (Debian and Ubuntu: apt-get install libhdf5-dev; macOS: brew install hdf5), then reinstall neuralee.",
    ))
}

#[cfg(feature = "hdf5")]
fn read_file(path: &Path, options: &Options, monitor: &dyn Monitor) -> Result<AnnData> {
    let store = store::Store::open(path)?;
    let root = store.root();
    let mut notes = Vec::new();

    let (matrix, variables) = matrix::find(&root, &options.layer)?;
    let cells = table::read_annotations(&root, root.required("obs", "")?, "obs", &mut notes)?;
    monitor.check()?;
    let genes = table::read_annotations(&root, variables, "var", &mut notes)?;
    monitor.check()?;

    let counts = matrix::read(&matrix, &cells.names, &genes.names, monitor)?;
    let mut reductions = Vec::new();
    if options.reductions {
        reductions = matrix::read_reductions(&root, cells.names.len(), &mut notes)?;
    }
    Ok(AnnData {
        counts,
        cells,
        genes,
        reductions,
        notes,
    })
}
