//! Reading counts, names and labels from files.
//!
//! Nothing that a file says is believed: sizes are compared with the file and with the
//! machine's memory before anything is allocated, indices are checked before they are
//! used, and nothing outside the named file or folder is opened.
//!
//! Every reader returns genes in rows and cells in columns, stored by columns, which is
//! the orientation of a `SingleCellExperiment`.

pub mod csv;
mod expand;
mod fields;
pub(crate) mod gather;
pub mod h5ad;
#[cfg(feature = "hdf5")]
mod hdf5;
mod limits;
pub mod loom;
mod matrix_market;
#[cfg(feature = "hdf5")]
mod part;
pub mod pickle;
pub mod tenx;
pub mod xlsx;

pub use gather::SparseColumns;

use multiversion::multiversion;

/// The values of a matrix of genes by cells.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Compressed columns.
    Sparse(SparseColumns),
    /// Column-major, one column a cell.
    Dense(Vec<f64>),
}

/// A matrix of genes (rows) by cells (columns).
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// Number of rows.
    pub genes: usize,
    /// Number of columns.
    pub cells: usize,
    /// All finite.
    pub values: Values,
    /// True if every value is a whole number and none is negative.
    pub whole: bool,
}

impl Counts {
    fn stored(&self) -> &[f64] {
        match &self.values {
            Values::Sparse(sparse) => &sparse.values,
            Values::Dense(values) => values,
        }
    }

    /// Row and column of the first value, cell by cell, that is NaN or infinite.
    fn first_not_finite(&self) -> Option<(usize, usize)> {
        let finite = |part: &[f64]| part.iter().fold(true, |all, v| all & v.is_finite());
        let from = 1024 * self.stored().chunks(1024).position(|part| !finite(part))?;
        let at = from + self.stored()[from..].iter().position(|v| !v.is_finite())?;
        Some(match &self.values {
            Values::Sparse(sparse) => {
                let cell = sparse.indptr.partition_point(|&start| start as usize <= at) - 1;
                (sparse.indices[at] as usize, cell)
            }
            Values::Dense(_) => (at % self.genes, at / self.genes),
        })
    }

    /// Columns, once they are canonical, as a matrix; the values are checked unless they were.
    #[cfg(feature = "hdf5")]
    fn of_columns(
        seen: gather::Seen,
        cell_names: &[String],
        gene_names: &[String],
    ) -> crate::Result<Self> {
        let counts = Counts {
            genes: seen.columns.nrows,
            cells: seen.columns.ncols,
            values: Values::Sparse(seen.columns),
            whole: seen.whole.unwrap_or(false),
        };
        match seen.whole {
            Some(_) => Ok(counts),
            None => counts.checked(cell_names, gene_names),
        }
    }

    /// Checks the values and sets `whole`; cells and genes are named in the error.
    fn checked(mut self, cell_names: &[String], gene_names: &[String]) -> crate::Result<Self> {
        if let Some((gene, cell)) = self.first_not_finite() {
            let name = |names: &[String], i: usize| match names.get(i) {
                Some(name) => format!("{} ('{name}')", i + 1),
                None => (i + 1).to_string(),
            };
            return Err(crate::Error::not_finite(
                format!(
                    "The matrix holds NA, NaN or an infinite value, first at cell {}, gene {}.",
                    name(cell_names, cell),
                    name(gene_names, gene)
                ),
                "Replace or remove such values where the file was written, or read another layer.",
            ));
        }
        self.whole = are_counts(self.stored());
        Ok(self)
    }
}

/// Whether every value is a whole number and none is negative.
pub(crate) fn are_counts(values: &[f64]) -> bool {
    values
        .chunks(1024)
        .all(|part| all_counts(part, f64::INFINITY))
}

/// Whether that is so and none is infinite.
#[cfg(feature = "hdf5")]
pub(crate) fn are_finite_counts(values: &[f64]) -> bool {
    values.chunks(1024).all(|part| all_counts(part, f64::MAX))
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn all_counts(values: &[f64], most: f64) -> bool {
    // From here on all numbers are whole, and adding it rounds smaller ones: with neither a call
    // nor a branch for each value, eight times as fast as `fract`.
    const WHOLE_FROM: f64 = (1u64 << 52) as f64;
    let whole = |v: f64| ((v + WHOLE_FROM) - WHOLE_FROM == v) | (v >= WHOLE_FROM);
    let count = |v: f64| (v >= 0.0) & (v <= most) & whole(v);
    values.iter().fold(true, |all, &v| all & count(v))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole_and_not_negative() {
        let counts = [
            0.0,
            -0.0,
            1.0,
            4503599627370495.0,
            4503599627370497.0,
            1e300,
            f64::INFINITY,
        ];
        assert!(are_counts(&counts));
        #[cfg(feature = "hdf5")]
        {
            assert!(are_finite_counts(&counts[..6]));
            assert!(!are_finite_counts(&counts));
        }
        assert!(are_counts(&[]));
        for other in [0.5, -1.0, 4503599627370495.5, 1e-300, -1e300, f64::NAN] {
            for at in [0, 2000] {
                let mut values = vec![1.0; 2001];
                values[at] = other;
                assert!(!are_counts(&values), "{other}");
            }
        }
    }
}

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
        path: &std::path::Path,
        shape: [usize; 2],
        genes: Option<&[usize]>,
        cells: Option<&[usize]>,
    ) -> crate::Result<Vec<f64>> {
        #[cfg(not(feature = "hdf5"))]
        return without_hdf5(path, (shape, genes, cells));
        #[cfg(feature = "hdf5")]
        part::read(path, self, shape, genes, cells)
    }
}

/// One column of a table of annotations; missing values are `None`, or NaN for numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Real numbers, and integers too large for 32 bits.
    Number(Vec<f64>),
    /// Integers.
    Integer(Vec<Option<i32>>),
    /// True or false.
    Logical(Vec<Option<bool>>),
    /// Text.
    Text(Vec<Option<String>>),
    /// Categories, as positions in `levels`.
    Factor {
        /// Position of each entry's category.
        codes: Vec<Option<u32>>,
        /// Names of the categories.
        levels: Vec<String>,
        /// True if the categories have an order.
        ordered: bool,
    },
}

impl Column {
    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            Column::Number(x) => x.len(),
            Column::Integer(x) => x.len(),
            Column::Logical(x) => x.len(),
            Column::Text(x) => x.len(),
            Column::Factor { codes, .. } => codes.len(),
        }
    }

    /// True if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all texts, those of categories included, are as they should be.
    fn all_texts(&self, should: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Column::Text(texts) => texts.iter().flatten().all(|text| should(text)),
            Column::Factor { levels, .. } => levels.iter().all(|level| should(level)),
            _ => true,
        }
    }

    /// The entries as R writes them; missing ones become `NA`.
    pub fn into_text(self) -> Vec<String> {
        fn show<T: ToString>(values: Vec<Option<T>>) -> Vec<String> {
            let text = |v: Option<T>| v.map_or_else(|| "NA".to_owned(), |v| v.to_string());
            values.into_iter().map(text).collect()
        }
        match self {
            Column::Number(x) => x.iter().map(f64::to_string).collect(),
            Column::Integer(x) => show(x),
            Column::Logical(x) => {
                let text = |v: bool| if v { "TRUE" } else { "FALSE" };
                show(x.into_iter().map(|v| v.map(text)).collect())
            }
            Column::Text(x) => show(x),
            Column::Factor { codes, levels, .. } => show(
                codes
                    .iter()
                    .map(|c| c.map(|c| &levels[c as usize]))
                    .collect(),
            ),
        }
    }
}

/// Annotations of cells or of genes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Names of the rows as the file has them; they may repeat.
    pub names: Vec<String>,
    /// Named columns, each as long as `names`.
    pub columns: Vec<(String, Column)>,
}

/// Refuses: this build has no HDF5. What else it is given would have been needed with it.
#[cfg(not(feature = "hdf5"))]
fn without_hdf5<T, U>(path: &std::path::Path, _: U) -> crate::Result<T> {
    Err(crate::Error::file_format(
        format!("{}: neuralee was installed without HDF5 and cannot read this.", path.display()),
        "Install HDF5 (Debian and Ubuntu: apt-get install libhdf5-dev; macOS: brew install hdf5), then reinstall neuralee.",
    ))
}
