//! What a matrix of Cell Ranger comes with.

use crate::Counts;

/// What a folder, an archive or a file holds; `M` is the matrix or where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct TenX<M = Counts> {
    /// Genes by cells.
    pub counts: M,
    /// Barcode of each cell, or its number where there are none.
    pub barcodes: Vec<String>,
    /// The stable identifiers of the genes.
    pub ids: Vec<String>,
    /// Gene symbols; the identifiers again where there are none.
    pub symbols: Vec<String>,
    /// What each feature is, from version 3 on: "Gene Expression", "Antibody Capture" and others.
    pub types: Option<Vec<String>>,
    /// The genome of each feature, which only HDF5 files of version 3 name.
    pub genomes: Option<Vec<String>>,
    /// One sentence for each part that was left out.
    pub notes: Vec<String>,
}
