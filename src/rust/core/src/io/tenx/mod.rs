//! Matrices of genes by cells as Cell Ranger writes them: a folder with `matrix.mtx`,
//! `genes.tsv` (version 2) or `features.tsv` (version 3) and `barcodes.tsv`, each gzipped or
//! not, a tar archive of such a folder, or one HDF5 file.

mod archive;
mod folder;
#[cfg(feature = "hdf5")]
mod hdf5;

use super::limits::with_path;
use super::matrix_market::{self, Lines};
use super::{Counts, Stored, Values};
use crate::monitor::Monitor;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

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

/// Without barcodes nothing but the matrix says how many cells there are, so that number
/// must stand in some proportion to the entries.
const MOST_EMPTY_CELLS: usize = 1_000_000;

/// Reads an HDF5 file; `group` is the one to take where several hold a matrix, as the genomes
/// of a file of version 2 do.
pub fn read_h5(path: &Path, group: Option<&str>, monitor: &dyn Monitor) -> Result<TenX> {
    #[cfg(not(feature = "hdf5"))]
    return super::without_hdf5(path, (group, monitor));
    #[cfg(feature = "hdf5")]
    hdf5::read(path, group, monitor)
}

/// As [`read_h5`], but the matrix stays in the file: all that is told is where it lies.
pub fn outline_h5(path: &Path, group: Option<&str>, monitor: &dyn Monitor) -> Result<TenX<Stored>> {
    #[cfg(not(feature = "hdf5"))]
    return super::without_hdf5(path, (group, monitor));
    #[cfg(feature = "hdf5")]
    hdf5::outline(path, group, monitor)
}

/// One file of a folder or of an archive.
enum Part {
    File(PathBuf),
    Member { archive: PathBuf, name: String },
}

impl Part {
    /// As errors name it.
    fn path(&self) -> PathBuf {
        match self {
            Part::File(path) => path.clone(),
            Part::Member { archive, name } => archive.join(name),
        }
    }

    fn lines(&self, monitor: &dyn Monitor) -> Result<Lines> {
        match self {
            Part::File(path) => Lines::open(path),
            Part::Member { archive, name } => archive::lines(archive, name, monitor),
        }
    }

    /// Does something with the lines; errors name the part.
    fn with<T>(
        &self,
        monitor: &dyn Monitor,
        take: impl FnOnce(&mut Lines) -> Result<T>,
    ) -> Result<T> {
        let taken = self.lines(monitor).and_then(|mut lines| take(&mut lines));
        taken.map_err(|e| with_path(&self.path(), e))
    }
}

/// The files that make up a matrix.
struct Parts {
    matrix: Part,
    features: Part,
    barcodes: Option<Part>,
}

impl Parts {
    /// Those that `find` finds by `name` or `name.gz`; `place` is where they are searched.
    fn of(place: &Path, find: impl Fn(&str) -> Option<Part>) -> Result<Self> {
        let either = |name: &str| find(name).or_else(|| find(&format!("{name}.gz")));
        let required = |names: &[&str]| {
            names.iter().find_map(|name| either(name)).ok_or_else(|| {
                let wanted: Vec<_> = names.iter().map(|n| format!("{n}[.gz]")).collect();
                no_matrix(place, format!("there is no {}", wanted.join(" or ")))
            })
        };
        Ok(Parts {
            matrix: required(&["matrix.mtx"])?,
            features: required(&["features.tsv", "genes.tsv"])?,
            barcodes: either("barcodes.tsv"),
        })
    }
}

fn no_matrix(place: &Path, problem: impl std::fmt::Display) -> Error {
    Error::file_format(
        format!("{}: {problem}.", place.display()),
        "Name the folder that holds matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv, or a .tar.gz of it.",
    )
}

/// The only one of several folders that hold a matrix, else the only one within a folder
/// that is named "filtered…".
fn choose<'a>(place: &Path, folders: &'a [String]) -> Result<&'a str> {
    let is_filtered = |folder: &&String| folder.split('/').any(|f| f.starts_with("filtered"));
    let filtered: Vec<_> = folders.iter().filter(is_filtered).collect();
    match (folders, &filtered[..]) {
        ([only], _) => Ok(only),
        (_, [only]) => Ok(only),
        ([], _) => Err(no_matrix(place, "there is no matrix.mtx[.gz] in it")),
        _ => {
            let names = folders.join(", ");
            Err(no_matrix(
                place,
                format!("several folders in it hold a matrix: {names}"),
            ))
        }
    }
}

/// Reads a folder, or the one folder in it that holds a matrix, or an archive of these.
pub fn read(path: &Path, monitor: &dyn Monitor) -> Result<TenX> {
    let parts = if path.is_file() {
        archive::locate(path, monitor)?
    } else {
        folder::locate(path)?
    };
    let mut columns = parts.features.with(monitor, |lines| read_table(lines, 3))?;
    let types = columns.pop().filter(|c| !c.is_empty());
    let symbols = columns.pop().filter(|c| !c.is_empty());
    let ids = columns.pop().unwrap_or_default();
    let named = match &parts.barcodes {
        Some(part) => part.with(monitor, |lines| read_table(lines, 1))?.pop(),
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
        .with(monitor, |lines| matrix_market::read(lines, check, monitor))?;
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
