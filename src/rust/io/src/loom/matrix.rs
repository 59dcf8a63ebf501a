//! /matrix and /layers: genes in rows, row by row, or in chunks of any shape.

use super::content::Annotations;
use crate::counts::are_counts;
use crate::h5ad::matrix::{require_countable, SPARSE_BELOW};
use crate::hdf5::arrays::{BLOCK, LOOKED_AT};
use crate::hdf5::raw::{Kind, Source};
use crate::hdf5::store::{damaged, failed, Array, Node};
use crate::limits::{self, MOST_ENTRIES};
use crate::{Counts, Stored, Values};
use neuralee_core::monitor::Monitor;
use neuralee_core::sparse::SparseColumns;
use neuralee_core::{Error, Result};
use std::ops::Range;

/// Members of the root that are looked at to tell what a file without a matrix is.
const MOST_LOOKED_AT: usize = 100;

/// The matrix that `layer` names, and its numbers of genes and cells, which are those of the
/// main matrix.
pub(super) fn find<'a>(root: &Node<'a>, layer: &str) -> Result<(Node<'a>, [usize; 2])> {
    let main = match root.member("matrix")? {
        Some(main) if main.is_dataset() => main,
        _ => return Err(no_loom(root)?),
    };
    let shape = shape(&main.array_on_disk()?)?;
    require_countable(shape[1], shape[0])?;
    if layer.is_empty() {
        return Ok((main, shape));
    }
    let layers = root.member("layers")?;
    let known = layers.as_ref().map(Node::members).transpose()?;
    let known = known.unwrap_or_default();
    match layers {
        Some(layers) if known.iter().any(|name| name == layer) => {
            Ok((layers.required(layer, "")?, shape))
        }
        _ => Err(Error::input(
            format!("There is no layer '{layer}'."),
            match known.is_empty() {
                true => "The main matrix, \"\", is all that there is.".to_owned(),
                false => format!(
                    "Choose `layer` from: {}; or \"\" for the main matrix.",
                    known.join(", ")
                ),
            },
        )),
    }
}

/// The error for a file without a matrix, which says what to read it by instead.
fn no_loom(root: &Node) -> Result<Error> {
    let members = root.members()?;
    let has = |name: &str| members.iter().any(|m| m == name);
    let remedy = if has("obs") && has("var") {
        "It is an AnnData file: use read_h5ad()."
    } else if members.iter().take(MOST_LOOKED_AT).any(|m| {
        // A member that cannot be opened tells nothing.
        let member = root.member(m).ok().flatten();
        member.is_some_and(|m| matches!(m.member("barcodes"), Ok(Some(_))))
    }) {
        "It is a file of Cell Ranger: use read_10x_h5()."
    } else {
        "Check the name; a loom file keeps its values in the dataset /matrix."
    };
    Ok(Error::file_format(
        "This is not a loom file: it has no dataset /matrix.",
        remedy,
    ))
}

fn shape(array: &Array) -> Result<[usize; 2]> {
    array.shape()?[..]
        .try_into()
        .map_err(|_| damaged(format!("{} is not two-dimensional", array.path)))
}

/// The values of a matrix, once it has the shape and type that it should have.
fn numbers<'a>(array: &'a Array, genes: usize, cells: usize) -> Result<Source<'a>> {
    let found = shape(array)?;
    if found != [genes, cells] {
        return Err(damaged(format!(
            "{} is {} x {}, but /matrix is {genes} x {cells}",
            array.path, found[0], found[1]
        )));
    }
    let source = Source {
        container: array.source,
        field: None,
    };
    match source.kind().map_err(failed(array.path))? {
        Kind::Integer | Kind::Float | Kind::Logical => Ok(source),
        _ => Err(damaged(format!("{} does not hold numbers", array.path))),
    }
}

/// Finds out where a matrix lies. All but its first values stay unread.
pub(super) fn locate(matrix: &Node, genes: usize, cells: usize) -> Result<Stored> {
    let array = matrix.array_on_disk()?;
    let source = numbers(&array, genes, cells)?;
    let columns = cells.min(LOOKED_AT);
    let rows = genes.min((LOOKED_AT / columns.max(1)).max(1));
    let mut values = vec![0f64; rows * columns];
    source
        .block(0..rows, 0..columns, &mut values)
        .map_err(failed(array.path))?;
    Ok(Stored {
        path: matrix.path.clone(),
        sparse: false,
        by_cells: false,
        whole: are_counts(&values),
    })
}

/// Reads a matrix.
pub(super) fn read(
    matrix: &Node,
    genes: &Annotations,
    cells: &Annotations,
    monitor: &dyn Monitor,
) -> Result<Counts> {
    let array = matrix.array_on_disk()?;
    let source = numbers(&array, genes.n, cells.n)?;
    let names = |of: &'_ Annotations| of.names.clone().unwrap_or_default();
    Counts {
        genes: genes.n,
        cells: cells.n,
        values: read_values(&array, source, genes.n, cells.n, monitor)?,
        whole: false,
    }
    .checked(&names(cells), &names(genes))
}

/// Rows and columns that are read at once: about a block of values in whole chunks, so that
/// each chunk is expanded once. As wide as possible, since values of a row lie together.
fn tile(array: &Array, genes: usize, cells: usize) -> (usize, usize) {
    let (chunk_rows, chunk_columns) = match *array.chunk() {
        [rows, columns] => (rows.clamp(1, genes.max(1)), columns.clamp(1, cells.max(1))),
        _ => (1, 1),
    };
    let in_chunks = |wanted: usize, chunk: usize, all: usize| {
        let whole = (wanted / chunk).max(1) * chunk;
        whole.min(all.max(1))
    };
    let columns = in_chunks(BLOCK / chunk_rows, chunk_columns, cells);
    let rows = in_chunks(BLOCK / columns, chunk_rows, genes);
    (rows, columns)
}

/// Reads the matrix tile by tile, bands of columns one after the other. Gathers the non-zero
/// values, and turns to the dense form once they are too many.
fn read_values(
    array: &Array,
    source: Source,
    genes: usize,
    cells: usize,
    monitor: &dyn Monitor,
) -> Result<Values> {
    let count = genes.saturating_mul(cells);
    let most_sparse = (count / SPARSE_BELOW).min(MOST_ENTRIES);
    let (rows_at_once, columns_at_once) = tile(array, genes, cells);
    let tile_bytes = (9 * rows_at_once as u64).saturating_mul(columns_at_once as u64);
    // Starts of the columns, of all and, while they are sorted, of a band.
    let starts_bytes = 12 * (cells as u64 + 1) + 4 * (genes as u64 + 1);
    limits::require_memory(tile_bytes.saturating_add(starts_bytes), array.path)?;

    monitor.stage("Reading counts", count);
    let mut sparse = empty_columns(genes);
    let mut dense: Option<Vec<f64>> = None;
    let mut tile = vec![
        0f64;
        if count == 0 {
            0
        } else {
            rows_at_once * columns_at_once
        }
    ];
    for left in (0..cells).step_by(columns_at_once) {
        let columns = left..(left + columns_at_once).min(cells);
        // Row by row: a column of the band is a gene.
        let mut band = empty_columns(columns.len());
        for top in (0..genes).step_by(rows_at_once) {
            monitor.check()?;
            let rows = top..(top + rows_at_once).min(genes);
            let tile = &mut tile[..rows.len() * columns.len()];
            source
                .block(rows.clone(), columns.clone(), tile)
                .map_err(failed(array.path))?;
            if dense.is_none() {
                let filled = tile.iter().filter(|&&v| v != 0.0).count();
                if sparse.values.len() + band.values.len() + filled > most_sparse {
                    limits::require_memory(8 * count as u64, array.path)?;
                    dense = Some(expand(&sparse, &band, genes, cells, left));
                    (sparse, band) = (empty_columns(genes), empty_columns(columns.len()));
                } else {
                    limits::require_memory(24 * filled as u64, array.path)?;
                    push_rows(&mut band, tile);
                }
            }
            if let Some(dense) = &mut dense {
                copy_transposed(tile, rows, columns.clone(), dense, genes);
            }
            monitor.advance(tile.len());
        }
        if dense.is_none() {
            limits::require_memory(24 * band.values.len() as u64, array.path)?;
            band.ncols = genes;
            band.indptr.resize(genes + 1, band.values.len() as i32);
            append(&mut sparse, &band.transposed());
        }
    }
    Ok(dense.map_or(Values::Sparse(sparse), Values::Dense))
}

fn empty_columns(nrows: usize) -> SparseColumns {
    SparseColumns {
        nrows,
        ncols: 0,
        indptr: vec![0],
        indices: Vec::new(),
        values: Vec::new(),
    }
}

/// Adds each row of a tile as a column.
fn push_rows(band: &mut SparseColumns, tile: &[f64]) {
    for row in tile.chunks_exact(band.nrows) {
        for (cell, &value) in row.iter().enumerate().filter(|(_, &v)| v != 0.0) {
            band.indices.push(cell as i32);
            band.values.push(value);
        }
        band.ncols += 1;
        band.indptr.push(band.values.len() as i32);
    }
}

/// Adds the columns of `more` behind those of `to`.
fn append(to: &mut SparseColumns, more: &SparseColumns) {
    let before = to.values.len() as i32;
    to.ncols += more.ncols;
    to.indptr
        .extend(more.indptr[1..].iter().map(|end| before + end));
    to.indices.extend_from_slice(&more.indices);
    to.values.extend_from_slice(&more.values);
}

/// All values so far, column by column. They are those of whole columns, and those of the rows that
/// were read of the band that starts at the column `left`.
fn expand(
    columns: &SparseColumns,
    band: &SparseColumns,
    genes: usize,
    cells: usize,
    left: usize,
) -> Vec<f64> {
    let mut all = vec![0f64; genes * cells];
    for (cell, ends) in columns.indptr.windows(2).enumerate() {
        for i in ends[0] as usize..ends[1] as usize {
            all[cell * genes + columns.indices[i] as usize] = columns.values[i];
        }
    }
    for (gene, ends) in band.indptr.windows(2).enumerate() {
        for i in ends[0] as usize..ends[1] as usize {
            all[(left + band.indices[i] as usize) * genes + gene] = band.values[i];
        }
    }
    all
}

/// Writes a tile, which is row by row, to where it belongs in the matrix, which is by columns.
fn copy_transposed(
    tile: &[f64],
    rows: Range<usize>,
    columns: Range<usize>,
    all: &mut [f64],
    genes: usize,
) {
    let width = columns.len();
    for (i, cell) in columns.enumerate() {
        let to = &mut all[cell * genes + rows.start..cell * genes + rows.end];
        for (row, value) in to.iter_mut().enumerate() {
            *value = tile[row * width + i];
        }
    }
}
