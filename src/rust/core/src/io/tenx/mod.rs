//! Folders with a gene by cell matrix as Cell Ranger writes them: `matrix.mtx` with
//! `genes.tsv` (version 2) or `features.tsv` (version 3) and `barcodes.tsv`, each gzipped
//! or not.

use super::limits::with_path;
use super::matrix_market::{self, Lines};
use super::{Counts, Values};
use crate::monitor::Monitor;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// What a folder holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TenX {
    /// Genes by cells.
    pub counts: Counts,
    /// Barcode of each cell, or its number where there is no barcodes file.
    pub barcodes: Vec<String>,
    /// First column of the features: the stable identifiers.
    pub ids: Vec<String>,
    /// Second column: gene symbols; the identifiers again where there is none.
    pub symbols: Vec<String>,
    /// Third column, which version 3 added: "Gene Expression", "Antibody Capture" and others.
    pub types: Option<Vec<String>>,
}

/// Without barcodes nothing but the matrix says how many cells there are, so that number
/// must stand in some proportion to the entries.
const MOST_EMPTY_CELLS: usize = 1_000_000;

/// Reads a folder, or the one folder in it that holds a matrix.
pub fn read(folder: &Path, monitor: &dyn Monitor) -> Result<TenX> {
    let folder = locate(folder)?;
    let matrix = required(&folder, &["matrix.mtx"])?;
    let features = required(&folder, &["features.tsv", "genes.tsv"])?;
    let barcodes = find(&folder, "barcodes.tsv");

    let mut columns = read_table(&features, 3).map_err(|e| with_path(&features, e))?;
    let types = columns.pop().filter(|c| !c.is_empty());
    let symbols = columns.pop().filter(|c| !c.is_empty());
    let ids = columns.pop().unwrap_or_default();
    let named = match &barcodes {
        Some(path) => read_table(path, 1).map_err(|e| with_path(path, e))?.pop(),
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
    let sparse = matrix_market::read(&matrix, check, monitor).map_err(|e| with_path(&matrix, e))?;
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
        .map_err(|e| with_path(&matrix, e))?;
    Ok(TenX {
        counts,
        barcodes,
        symbols: symbols.unwrap_or_else(|| ids.clone()),
        ids,
        types,
    })
}

fn mismatch(what: &str, claimed: usize, named: &str, found: usize) -> Error {
    Error::file_format(
        format!("The matrix announces {claimed} {what}, but there are {found} {named}."),
        "The files in this folder do not belong together; copy all of them again.",
    )
}

/// `name` or `name.gz` in the folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))]
        .into_iter()
        .find(|p| p.exists())
}

fn required(folder: &Path, names: &[&str]) -> Result<PathBuf> {
    names
        .iter()
        .find_map(|name| find(folder, name))
        .ok_or_else(|| {
            let wanted: Vec<_> = names.iter().map(|n| format!("{n}[.gz]")).collect();
            Error::file_format(
            format!("{}: there is no {}.", folder.display(), wanted.join(" or ")),
            "Name the folder that holds matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv.",
        )
        })
}

/// The folder itself, or its only sub-folder with a matrix; of several, the only one that
/// is named "filtered…".
fn locate(folder: &Path) -> Result<PathBuf> {
    let refuse = |problem: String| {
        Error::file_format(
            format!("{}: {problem}.", folder.display()),
            "Name the folder that holds matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv.",
        )
    };
    if !folder.exists() {
        return Err(refuse("there is no such folder".into()));
    }
    if !folder.is_dir() {
        return Err(refuse("this is not a folder".into()));
    }
    let holds_matrix = |folder: &Path| find(folder, "matrix.mtx").is_some();
    if holds_matrix(folder) {
        return Ok(folder.to_owned());
    }
    let entries = folder
        .read_dir()
        .map_err(|e| refuse(format!("it could not be listed: {e}")))?;
    let mut inside: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    inside.retain(|path| path.is_dir() && holds_matrix(path));
    inside.sort();
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let filtered: Vec<_> = inside
        .iter()
        .filter(|p| name(p).starts_with("filtered"))
        .collect();
    match (&inside[..], &filtered[..]) {
        ([only], _) => Ok(only.clone()),
        (_, [only]) => Ok((*only).clone()),
        ([], _) => Err(refuse(
            "there is no matrix.mtx[.gz] in it or one folder below".into(),
        )),
        _ => {
            let names: Vec<_> = inside.iter().map(name).collect();
            Err(refuse(format!(
                "several folders in it hold a matrix: {}",
                names.join(", ")
            )))
        }
    }
}

/// The first `n` tab-separated columns of a file; a column is either empty or full.
fn read_table(path: &Path, n: usize) -> Result<Vec<Vec<String>>> {
    let mut lines = Lines::open(path)?;
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
