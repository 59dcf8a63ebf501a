//! What a loom file holds.

use crate::{Column, Counts};
use ndarray::Array2;

/// The attributes of the genes or of the cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotations {
    /// Number of genes or cells.
    pub n: usize,
    /// Their names as the file has them, which may repeat; `None` where it has none.
    pub names: Option<Vec<String>>,
    /// All attributes with one value for each.
    pub columns: Vec<(String, Column)>,
}

/// The content of a loom file.
#[derive(Debug, Clone, PartialEq)]
pub struct Loom<M = Counts> {
    /// Genes by cells, as in the file; or where that lies.
    pub counts: M,
    /// row_attrs.
    pub genes: Annotations,
    /// col_attrs; and `cell_type`, where the file tells what its clusters are.
    pub cells: Annotations,
    /// The matrices of numbers in col_attrs, cells in rows.
    pub reductions: Vec<(String, Array2<f64>)>,
    /// The attributes of the file as a whole.
    pub attributes: Vec<(String, Column)>,
    /// One sentence for each part that was left out or guessed.
    pub notes: Vec<String>,
}
