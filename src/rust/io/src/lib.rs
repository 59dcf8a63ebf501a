//! Reading and writing counts, names and labels of single cells.
//!
//! Nothing that a file says is believed. Sizes are compared with the file and with the machine's
//! memory before anything is allocated. Indices are checked before they are used, and nothing
//! outside the named file or folder is opened.
//!
//! Every reader returns genes in rows and cells in columns, stored by columns, which is
//! the orientation of a `SingleCellExperiment`. [`h5ad`], [`loom`] and [`tenx`] read what
//! single-cell programs write, [`csv`] and [`xlsx`] tables, [`pickle`] those of Python.
//! Without the feature `hdf5` what needs HDF5 is refused.

mod counts;
pub mod csv;
mod expand;
mod fields;
pub mod h5ad;
#[cfg(feature = "hdf5")]
mod hdf5;
mod limits;
pub mod loom;
mod matrix_market;
#[cfg(feature = "hdf5")]
mod part;
pub mod pickle;
mod stored;
mod table;
pub mod tenx;
pub mod xlsx;

pub use counts::{Counts, Values};
pub use neuralee_core::sparse::SparseColumns;
pub use stored::Stored;
pub use table::{Column, Table};
