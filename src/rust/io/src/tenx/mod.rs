//! Matrices of genes by cells as Cell Ranger writes them. They are a folder, a tar archive of such
//! a folder, or one HDF5 file. The folder has `matrix.mtx`, `genes.tsv` (version 2) or
//! `features.tsv` (version 3) and `barcodes.tsv`, each gzipped or not.

mod archive;
mod content;
#[cfg(feature = "hdf5")]
mod hdf5;
mod parts;

use crate::limits::with_path;
#[cfg(not(feature = "hdf5"))]
use crate::limits::without_hdf5;
use crate::matrix_market::{self, Lines};
use crate::{Counts, Stored, Values};
use neuralee_core::monitor::Monitor;
use neuralee_core::{Error, Result};
use parts::Parts;
use std::path::Path;

pub use content::TenX;

/// Without barcodes nothing but the matrix says how many cells there are, so that number
/// must stand in some proportion to the entries.
const MOST_EMPTY_CELLS: usize = 1_000_000;

/// Reads an HDF5 file; `group` is the one to take where several hold a matrix, as the genomes
/// of a file of version 2 do.
pub fn read_h5(path: &Path, group: Option<&str>, monitor: &dyn Monitor) -> Result<TenX> {
    #[cfg(not(feature = "hdf5"))]
    return without_hdf5(path, (group, monitor));
    #[cfg(feature = "hdf5")]
    hdf5::read(path, group, monitor)
}

/// As [`read_h5`], but the matrix stays in the file: all that is told is where it lies.
pub fn outline_h5(path: &Path, group: Option<&str>, monitor: &dyn Monitor) -> Result<TenX<Stored>> {
    #[cfg(not(feature = "hdf5"))]
    return without_hdf5(path, (group, monitor));
    #[cfg(feature = "hdf5")]
    hdf5::outline(path, group, monitor)
}

/// Reads a folder, or the one folder in it that holds a matrix, or an archive of these.
pub fn read(path: &Path, monitor: &dyn Monitor) -> Result<TenX> {
    let parts = Parts::find(path, monitor)?;
    let mut columns = parts.features.read(monitor, |lines| read_table(lines, 3))?;
    let types = columns.pop().filter(|c| !c.is_empty());
    let symbols = columns.pop().filter(|c| !c.is_empty());
    let ids = columns.pop().unwrap_or_default();
    let named = match &parts.barcodes {
        Some(part) => part.read(monitor, |lines| read_table(lines, 1))?.pop(),
        None => None,
    };

    let check = |rows: usize, columns: usize, entries: usize| {
        if rows != ids.len() {
            return Err(mismatch("rows", rows, "features", ids.len()));
        }
        match &named {
            Some(names) if columns != names.len() => {
                Err(mismatch("columns", columns, "barcodes", names.len()))
            }
            None if columns > entries.saturating_add(MOST_EMPTY_CELLS) => {
                Err(mismatch("columns", columns, "entries", entries))
            }
            _ => Ok(()),
        }
    };
    let sparse = parts
        .matrix
        .read(monitor, |lines| matrix_market::read(lines, check, monitor))?;
    let (genes, cells) = (sparse.nrows, sparse.ncols);
    let barcodes = named.unwrap_or_else(|| (1..=cells).map(|i| i.to_string()).collect());
    let counts = Counts {
        genes,
        cells,
        values: Values::Sparse(sparse),
        whole: false,
    };
    let counts = counts
        .checked(&barcodes, &ids)
        .map_err(|e| with_path(&parts.matrix.path(), e))?;
    Ok(TenX {
        counts,
        barcodes,
        symbols: symbols.unwrap_or_else(|| ids.clone()),
        ids,
        types,
        genomes: None,
        notes: Vec::new(),
    })
}

fn mismatch(what: &str, claimed: usize, named: &str, found: usize) -> Error {
    Error::file_format(
        format!("The matrix announces {claimed} {what}, but there are {found} {named}."),
        "The files in this folder do not belong together; copy all of them again.",
    )
}

/// The first `n` tab-separated columns of a file; a column is either empty or full.
fn read_table(lines: &mut Lines, n: usize) -> Result<Vec<Vec<String>>> {
    let mut columns = vec![Vec::new(); n];
    let mut bytes = 0u64;
    while let Some(line) = lines.next()? {
        // A few bytes of gzip can expand to gigabytes; names of 10 million genes or
        // cells do not take more than this.
        bytes += line.len() as u64 + 1;
        let text = String::from_utf8_lossy(line);
        let text = text.split('\0').next().unwrap_or_default();
        let fields: Vec<&str> = text.split('\t').take(n).collect();
        let row = columns[0].len();
        let refuse = |problem: &str| {
            let message = format!("Line {}: {problem}.", row + 1);
            Error::file_format(message, "The file is damaged; copy it again.")
        };
        if bytes > 1 << 30 {
            return Err(refuse("the file expands to more than 1 GiB"));
        }
        if fields[0].is_empty() {
            return Err(refuse("the name is empty"));
        }
        for (i, column) in columns.iter_mut().enumerate() {
            match fields.get(i) {
                Some(field) if column.len() == row => column.push((*field).to_owned()),
                None if column.is_empty() => {}
                _ => return Err(refuse("it has not as many columns as the lines before it")),
            }
        }
    }
    Ok(columns)
}
