//! AnnData files (.h5ad): read in the layout of anndata 0.7 and later and in the older one,
//! written in that of 0.8 and later.

#[cfg(feature = "hdf5")]
use crate::hdf5::errors::Silence;
#[cfg(feature = "hdf5")]
use crate::hdf5::store::{Node, Store};
#[cfg(feature = "hdf5")]
use crate::limits::with_path;
#[cfg(not(feature = "hdf5"))]
use crate::limits::without_hdf5;
use crate::{Counts, Stored, Table};
use ndarray::{Array2, ArrayView2};
use neuralee_core::monitor::Monitor;
use neuralee_core::Result;
use std::path::Path;

mod draft;
#[cfg(feature = "hdf5")]
pub(crate) mod format;
#[cfg(feature = "hdf5")]
pub(crate) mod matrix;
#[cfg(feature = "hdf5")]
mod sparse;
#[cfg(feature = "hdf5")]
mod stored;
#[cfg(feature = "hdf5")]
pub(crate) mod table;
#[cfg(feature = "hdf5")]
mod write;

pub use draft::{Block, Contents, Draft};

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
pub struct AnnData<M = Counts> {
    /// Genes by cells: the transpose of the file's matrix; or where that lies.
    pub counts: M,
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
pub fn read(path: &Path, options: &Options, monitor: &dyn Monitor) -> Result<AnnData> {
    #[cfg(not(feature = "hdf5"))]
    return without_hdf5(path, (options, monitor));
    #[cfg(feature = "hdf5")]
    read_with(path, options, monitor, |matrix, cells, genes| {
        matrix::read(matrix, &cells.names, &genes.names, monitor)
    })
}

/// As [`read`], but the matrix stays in the file: all that is told is where it lies.
pub fn outline(path: &Path, options: &Options, monitor: &dyn Monitor) -> Result<AnnData<Stored>> {
    #[cfg(not(feature = "hdf5"))]
    return without_hdf5(path, (options, monitor));
    #[cfg(feature = "hdf5")]
    read_with(path, options, monitor, |matrix, cells, genes| {
        stored::locate(matrix, cells.names.len(), genes.names.len(), monitor)
    })
}

/// Adds an embedding (cells in rows) to obsm of an existing file, all or nothing. `cells`,
/// where given, are matched with the names in obs; without them the order is the file's.
pub fn add_embedding(
    path: &Path,
    name: &str,
    embedding: ArrayView2<f64>,
    cells: Option<&[String]>,
    overwrite: bool,
) -> Result<()> {
    #[cfg(not(feature = "hdf5"))]
    return without_hdf5(path, (name, embedding, cells, overwrite));
    #[cfg(feature = "hdf5")]
    {
        let _silence = Silence::new();
        write::add_embedding(path, name, embedding, cells, overwrite)
            .map_err(|e| with_path(path, e))
    }
}

impl Draft {
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

    /// Completes the file and moves it to its path.
    pub fn finish(&self, overwrite: bool) -> Result<()> {
        #[cfg(not(feature = "hdf5"))]
        return without_hdf5(&self.target, overwrite);
        #[cfg(feature = "hdf5")]
        self.step(|| write::finish(self, overwrite))
    }

    #[cfg(feature = "hdf5")]
    fn step(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let _silence = Silence::new();
        work().map_err(|e| with_path(&self.target, e))
    }
}

/// Version of the HDF5 library; `None` where this build has none.
pub fn library_version() -> Option<String> {
    #[cfg(not(feature = "hdf5"))]
    return None;
    #[cfg(feature = "hdf5")]
    {
        let _silence = Silence::new();
        let (major, minor, patch) = hdf5_metno::library_version();
        Some(format!("{major}.{minor}.{patch}"))
    }
}

/// Reads the annotations and, by `take`, the matrix.
#[cfg(feature = "hdf5")]
fn read_with<M>(
    path: &Path,
    options: &Options,
    monitor: &dyn Monitor,
    take: impl FnOnce(&Node, &Table, &Table) -> Result<M>,
) -> Result<AnnData<M>> {
    let _silence = Silence::new();
    let read = || {
        let store = Store::open(path, &format::FORMAT)?;
        let root = store.root();
        let mut notes = Vec::new();

        let (matrix, variables) = matrix::find(&root, &options.layer)?;
        let cells = table::read_annotations(&root, root.required("obs", "")?, "obs", &mut notes)?;
        monitor.check()?;
        let genes = table::read_annotations(&root, variables, "var", &mut notes)?;
        monitor.check()?;

        let counts = take(&matrix, &cells, &genes)?;
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
    };
    read().map_err(|e| with_path(path, e))
}
