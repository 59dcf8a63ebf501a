//! Loom files (.loom), in version 3 of the format and in the earlier ones.

#[cfg(feature = "hdf5")]
use crate::hdf5::errors::Silence;
#[cfg(feature = "hdf5")]
use crate::hdf5::store::{Format, Node, Store};
#[cfg(feature = "hdf5")]
use crate::limits::with_path;
#[cfg(not(feature = "hdf5"))]
use crate::limits::without_hdf5;
use crate::Stored;
use neuralee_core::monitor::Monitor;
use neuralee_core::Result;
use std::path::Path;

#[cfg(feature = "hdf5")]
mod annotations;
#[cfg(feature = "hdf5")]
mod attributes;
#[cfg(feature = "hdf5")]
mod cell_types;
mod content;
#[cfg(feature = "hdf5")]
mod matrix;

pub use content::{Annotations, Loom};

#[cfg(feature = "hdf5")]
const FORMAT: Format = Format {
    name: "loom file",
    incomplete: "This is not a loom file, or it is incomplete.",
    rewrite: "read it with loompy and save it again",
    recompress: "Read it with loompy and write it again, which compresses by gzip.",
};

/// What to read.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The name of a layer; empty for the main matrix.
    pub layer: String,
    /// The row attribute with the names of the genes. Where it is the default's, it may be
    /// missing; then the genes have no names.
    pub gene_names: String,
    /// The column attribute with the names of the cells; as `gene_names`.
    pub cell_names: String,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            layer: String::new(),
            gene_names: "Gene".into(),
            cell_names: "CellID".into(),
        }
    }
}

/// Reads one matrix of the file with the attributes of its cells and genes.
pub fn read(path: &Path, options: &Options, monitor: &dyn Monitor) -> Result<Loom> {
    #[cfg(not(feature = "hdf5"))]
    return without_hdf5(path, (options, monitor));
    #[cfg(feature = "hdf5")]
    read_with(path, options, monitor, |matrix, genes, cells| {
        matrix::read(matrix, genes, cells, monitor)
    })
}

/// As [`read`], but the matrix stays in the file: all that is told is where it lies.
pub fn outline(path: &Path, options: &Options, monitor: &dyn Monitor) -> Result<Loom<Stored>> {
    #[cfg(not(feature = "hdf5"))]
    return without_hdf5(path, (options, monitor));
    #[cfg(feature = "hdf5")]
    read_with(path, options, monitor, |matrix, genes, cells| {
        matrix::locate(matrix, genes.n, cells.n)
    })
}

/// Reads the attributes and, by `take`, the matrix.
#[cfg(feature = "hdf5")]
fn read_with<M>(
    path: &Path,
    options: &Options,
    monitor: &dyn Monitor,
    take: impl FnOnce(&Node, &Annotations, &Annotations) -> Result<M>,
) -> Result<Loom<M>> {
    use annotations::Axis;
    let _silence = Silence::new();
    let read = || {
        let store = Store::open(path, &FORMAT)?;
        let root = store.root();
        let mut notes = Vec::new();

        let (matrix, [genes, cells]) = matrix::find(&root, &options.layer)?;
        let attributes = attributes::read(&root, &mut notes)?;
        let escaped = attributes::is_escaped(&attributes);
        monitor.check()?;
        let axis = Axis {
            group: "row_attrs",
            what: "genes",
            n: genes,
            names: &options.gene_names,
            names_unasked: "Gene",
            escaped,
        };
        let (genes, _) = annotations::read(&root, &axis, &mut notes)?;
        monitor.check()?;
        let axis = Axis {
            group: "col_attrs",
            what: "cells",
            n: cells,
            names: &options.cell_names,
            names_unasked: "CellID",
            escaped,
        };
        let (mut cells, reductions) = annotations::read(&root, &axis, &mut notes)?;
        cell_types::name(&mut cells.columns, &attributes, &mut notes);
        annotations::note_graphs(&root, &mut notes)?;
        monitor.check()?;

        Ok(Loom {
            counts: take(&matrix, &genes, &cells)?,
            genes,
            cells,
            reductions,
            attributes,
            notes,
        })
    };
    read().map_err(|e| with_path(path, e))
}
