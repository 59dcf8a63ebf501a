//! The HDF5 files that Cell Ranger writes. Version 3: a group `matrix` with the annotations of
//! the genes in `features`. Version 2: one group for each genome, with `genes` and
//! `gene_names`. In both, the values of a cell are side by side, and `shape` is genes by cells.

use super::content::TenX;
use crate::h5ad::table::void;
use crate::hdf5::arrays::{self, are_whole, fill, numeric, LOOKED_AT};
use crate::hdf5::compressed::{column_starts, read_columns, stored_values};
use crate::hdf5::errors::Silence;
use crate::hdf5::raw::{Kind, Source};
use crate::hdf5::store::{damaged, failed, Format, Node, Store};
use crate::limits::{self, MOST_ENTRIES};
use crate::{Counts, Stored};
use neuralee_core::monitor::Monitor;
use neuralee_core::{Error, Result};
use std::path::Path;

const FORMAT: Format = Format {
    name: "HDF5 matrix of Cell Ranger",
    incomplete: "This is not a matrix of Cell Ranger, or it is incomplete.",
    rewrite: "take the file as Cell Ranger wrote it",
    recompress: "Take the file as Cell Ranger wrote it, or write it again with gzip.",
};

/// A file with more groups than this holds no matrices of genomes.
const MOST_GROUPS: usize = 1000;

/// What a group holds at least: some files have the matrix alone.
const BARE: [&str; 4] = ["data", "indices", "indptr", "shape"];
/// Genes without names that may be more than the stored values.
const MOST_EMPTY_GENES: usize = 1_000_000;

/// Reads matrix and annotations.
pub(super) fn read(path: &Path, group: Option<&str>, monitor: &dyn Monitor) -> Result<TenX> {
    read_with(path, group, |matrix| matrix.counts(monitor))
}

/// Reads the annotations, and tells where the matrix lies.
pub(super) fn outline(
    path: &Path,
    group: Option<&str>,
    monitor: &dyn Monitor,
) -> Result<TenX<Stored>> {
    read_with(path, group, |matrix| matrix.stored(monitor))
}

/// Reads the annotations and, by `take`, the matrix.
fn read_with<M>(
    path: &Path,
    group: Option<&str>,
    take: impl FnOnce(&Matrix) -> Result<M>,
) -> Result<TenX<M>> {
    let _silence = Silence::new();
    let read = || {
        let store = Store::open(path, &FORMAT)?;
        let matrix = Matrix::new(find(&store.root(), group)?)?;
        let counts = take(&matrix)?;
        let Matrix {
            barcodes,
            features,
            notes,
            ..
        } = matrix;
        Ok(TenX {
            counts,
            barcodes,
            symbols: features.symbols.unwrap_or_else(|| features.ids.clone()),
            ids: features.ids,
            types: features.types,
            genomes: features.genomes,
            notes,
        })
    };
    read().map_err(|e| limits::with_path(path, e))
}

/// The group with the matrix: the only one, or the one that is asked for.
fn find<'a>(root: &Node<'a>, group: Option<&str>) -> Result<Node<'a>> {
    let members = root.members()?;
    let has = |names: &[&str]| names.iter().all(|n| members.iter().any(|m| m == n));
    let other = |what, remedy| Err(Error::file_format(format!("This is {what}."), remedy));
    if has(&["obs", "var"]) {
        return other("an AnnData file", "Read it with read_h5ad().");
    }
    if has(&["matrix", "row_attrs", "col_attrs"]) {
        return other("a loom file", "Read it with read_loom().");
    }
    if has(&["barcode_idx", "umi"]) {
        return other(
            "Cell Ranger's molecule_info.h5, which lists molecules",
            "Name filtered_feature_bc_matrix.h5, which holds their counts.",
        );
    }
    if members.len() > MOST_GROUPS {
        return other("no matrix of Cell Ranger", "Check the name.");
    }
    let mut found = Vec::new();
    for name in members {
        if let Some(node) = root.member(&name)? {
            let parts = node.members()?;
            let has = |names: &[&str]| names.iter().all(|n| parts.iter().any(|m| m == n));
            if has(&["barcodes", "indptr"]) || has(&BARE) {
                found.push((name, node));
            }
        }
    }
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    if found.is_empty() {
        return Err(Error::file_format(
            "There is no group with barcodes and indptr in the file.",
            FORMAT.incomplete,
        ));
    }
    let chosen = match group {
        Some(group) => found.into_iter().find(|(name, _)| name == group),
        None if found.len() > 1 => {
            return Err(Error::input(
                format!("Several groups of the file hold a matrix: {names}."),
                "Choose one of them by `group`.",
            ))
        }
        None => found.pop(),
    };
    chosen.map(|(_, node)| node).ok_or_else(|| {
        Error::input(
            format!(
                "No group '{}' of the file holds a matrix.",
                group.unwrap_or_default()
            ),
            format!("Choose `group` from: {names}."),
        )
    })
}

/// The annotations of the genes; those that are there are equally long.
struct Features {
    ids: Vec<String>,
    symbols: Option<Vec<String>>,
    types: Option<Vec<String>>,
    genomes: Option<Vec<String>>,
}

impl Features {
    /// `bare` says whether the group may lack all of them.
    fn read(group: &Node, genes: usize, bare: bool, notes: &mut Vec<String>) -> Result<Self> {
        let optional = |node: &Node, name: &str, notes: &mut Vec<String>| match node.member(name)? {
            Some(found) => named(&found, genes, "genes", notes),
            None => Ok::<Option<Vec<String>>, Error>(None),
        };
        let features = group.member("features")?;
        let (ids, symbols, types, genomes) = match &features {
            Some(features) => (
                named(&features.required("id", "")?, genes, "genes", notes)?,
                optional(features, "name", notes)?,
                optional(features, "feature_type", notes)?,
                optional(features, "genome", notes)?,
            ),
            None if bare => (None, None, None, None),
            None => {
                let ids = group.member("genes")?.ok_or_else(|| {
                    let message = format!(
                        "There is no {0}/features or {0}/genes in the file.",
                        group.path
                    );
                    Error::file_format(message, FORMAT.incomplete)
                })?;
                let ids = named(&ids, genes, "genes", notes)?;
                (ids, optional(group, "gene_names", notes)?, None, None)
            }
        };
        let ids = match ids {
            Some(ids) => ids,
            None => {
                let stored = group.required("data", "")?.array_on_disk()?.length()?;
                if genes > stored.saturating_add(MOST_EMPTY_GENES) {
                    return Err(damaged(format!(
                        "{}/shape claims {genes} genes, but there are {stored} values",
                        group.path
                    )));
                }
                numbered(group, genes, "genes", notes)?
            }
        };
        Ok(Features {
            ids,
            symbols,
            types,
            genomes,
        })
    }
}

/// Names of genes or cells, unless there is none at all.
fn named(
    node: &Node,
    n: usize,
    what: &str,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<String>>> {
    if node.is_void(n)? {
        notes.push(void(&node.path));
        return Ok(None);
    }
    texts(node, n, what).map(Some)
}

/// Numbers instead of names.
fn numbered(group: &Node, n: usize, what: &str, notes: &mut Vec<String>) -> Result<Vec<String>> {
    limits::require_memory(64 * n as u64, &group.path)?;
    notes.push(format!(
        "{} does not name the {what}, which are called by their numbers.",
        group.path
    ));
    Ok((1..=n).map(|i| i.to_string()).collect())
}

/// A group with a matrix, whose annotations are as long as its sides.
struct Matrix<'a> {
    path: String,
    features: Features,
    barcodes: Vec<String>,
    notes: Vec<String>,
    indptr: Node<'a>,
    indices: Node<'a>,
    data: Node<'a>,
}

impl<'a> Matrix<'a> {
    fn new(group: Node<'a>) -> Result<Self> {
        let [genes, cells] = shape(&group)?;
        let mut notes = Vec::new();
        let members = group.members()?;
        let annotations = ["barcodes", "features", "genes"];
        let bare = !members.iter().any(|m| annotations.contains(&m.as_str()));
        let indptr = group.required("indptr", "")?;
        let barcodes = match bare {
            true => None,
            false => {
                let barcodes = group.required("barcodes", "")?;
                named(&barcodes, cells, "cells", &mut notes)?
            }
        };
        let barcodes = match barcodes {
            Some(barcodes) => barcodes,
            None => {
                let starts = indptr.array()?.length()?;
                if starts != cells + 1 {
                    return Err(damaged(format!(
                        "{} holds {starts} numbers, but there are {cells} cells",
                        indptr.path
                    )));
                }
                numbered(&group, cells, "cells", &mut notes)?
            }
        };
        Ok(Matrix {
            features: Features::read(&group, genes, bare, &mut notes)?,
            barcodes,
            notes,
            indptr,
            indices: group.required("indices", "")?,
            data: group.required("data", "")?,
            path: group.path,
        })
    }

    fn counts(&self, monitor: &dyn Monitor) -> Result<Counts> {
        let (genes, cells) = (self.features.ids.len(), self.barcodes.len());
        let parts = [&self.indptr, &self.indices, &self.data];
        let columns = read_columns(&self.path, parts, cells, genes, monitor)?;
        let starts = columns.columns.indptr.clone();
        let sparse = columns.canonical();
        // Cell Ranger counts each gene of a cell once; what is there twice is no count.
        let width = |starts: &[i32], cell: usize| starts[cell + 1] - starts[cell];
        if let Some(cell) =
            (0..cells).find(|&c| width(&starts, c) != width(&sparse.columns.indptr, c))
        {
            let name = &self.barcodes[cell];
            return Err(damaged(format!(
                "{} holds two values for one gene of cell {} ('{name}')",
                self.path,
                cell + 1
            )));
        }
        sparse.counts(&self.barcodes, &self.features.ids)
    }

    fn stored(&self, monitor: &dyn Monitor) -> Result<Stored> {
        let starts = self.indptr.array()?;
        let (indices, values) = (self.indices.array_on_disk()?, self.data.array_on_disk()?);
        let cells = self.barcodes.len();
        let stored = stored_values(&self.path, cells, &starts, &indices, &values)?;
        column_starts(&starts, cells, stored, monitor)?;
        numeric(&indices)?;
        Ok(Stored {
            path: self.path.clone(),
            sparse: true,
            by_cells: true,
            whole: are_whole(&values, LOOKED_AT.min(stored), 1)?,
        })
    }
}

/// Numbers of genes and of cells.
fn shape(group: &Node) -> Result<[usize; 2]> {
    let node = group.required("shape", "")?;
    let array = node.array()?;
    if array.length()? != 2 {
        return Err(damaged(format!("{} does not hold two numbers", array.path)));
    }
    let mut sides = [0i64; 2];
    fill(&array, &mut sides, &())?;
    let side = |n: i64| usize::try_from(n).ok().filter(|&n| n <= MOST_ENTRIES);
    match sides.map(side) {
        [Some(genes), Some(cells)] => Ok([genes, cells]),
        _ => Err(damaged(format!(
            "{} is {} x {}, which is no number of genes by cells that R can index",
            array.path, sides[0], sides[1]
        ))),
    }
}

/// The texts of a dataset, which must be one for each of `n` genes or cells.
fn texts(node: &Node, n: usize, what: &str) -> Result<Vec<String>> {
    let array = node.array()?;
    let length = array.length()?;
    if length != n {
        return Err(damaged(format!(
            "{} holds {length} names, but there are {n} {what}",
            array.path
        )));
    }
    let source = Source {
        container: array.source,
        field: None,
    };
    if source.kind().map_err(failed(array.path))? != Kind::Text {
        return Err(damaged(format!("{} does not hold text", array.path)));
    }
    limits::require_memory(64 * n as u64, array.path)?;
    arrays::texts(&array, None, n)
}
