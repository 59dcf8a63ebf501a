//! X, raw/X, layers and obsm.

use super::sparse::read_sparse;
use super::table::{void, wrong_shape};
use crate::hdf5::arrays::{numeric, rows_per_block};
use crate::hdf5::raw::{Kind, Source};
use crate::hdf5::store::{damaged, failed, Array, Node};
use crate::limits::{self, MOST_ENTRIES};
use crate::{Counts, Values};
use ndarray::Array2;
use neuralee_core::monitor::Monitor;
use neuralee_core::sparse::SparseColumns;
use neuralee_core::{Error, Result};

/// Compressed columns take 12 bytes a stored value and dense ones 8 each. Below this share of
/// non-zero values the sparse form is clearly the smaller one.
pub(crate) const SPARSE_BELOW: usize = 3;

/// The matrix that `layer` names, and the annotations of its genes.
pub(super) fn find<'a>(root: &Node<'a>, layer: &str) -> Result<(Node<'a>, Node<'a>)> {
    match layer {
        "X" => match root.member("X")? {
            Some(matrix) if !matrix.is_void(0)? => Ok((matrix, root.required("var", "")?)),
            _ => Err(Error::file_format(
                "There is no X in the file.",
                choices(root)?,
            )),
        },
        "raw" => {
            // Up to anndata 0.6 the names of the parts of raw have a dot.
            for (matrix, genes) in [("raw/X", "raw/var"), ("raw.X", "raw.var")] {
                if let Some(found) = root.member(matrix)? {
                    return Ok((found, root.required(genes, "")?));
                }
            }
            Err(Error::input("There is no raw in the file.", choices(root)?))
        }
        name => {
            let layers = root.member("layers")?;
            let known = layers
                .as_ref()
                .map(Node::members)
                .transpose()?
                .unwrap_or_default();
            match layers {
                Some(layers) if known.iter().any(|k| k == name) => {
                    Ok((layers.required(name, "")?, root.required("var", "")?))
                }
                _ => Err(Error::input(
                    format!("There is no layer '{name}'."),
                    choices(root)?,
                )),
            }
        }
    }
}

/// A sentence that lists what can be asked for.
fn choices(root: &Node) -> Result<String> {
    let mut names = Vec::new();
    let holds = |path: &str| match root.member(path)? {
        Some(matrix) => Ok(!matrix.is_void(0)?),
        None => Ok::<bool, Error>(false),
    };
    if holds("X")? {
        names.push("X".to_owned());
    }
    if holds("raw/X")? || holds("raw.X")? {
        names.push("raw".to_owned());
    }
    if let Some(layers) = root.member("layers")? {
        names.extend(layers.members()?);
    }
    if names.is_empty() {
        return Ok("The file holds no matrix at all; write it again with X.".into());
    }
    Ok(format!("Choose `layer` from: {}.", names.join(", ")))
}

/// Reads a matrix of cells by genes into one of genes by cells.
pub(super) fn read(
    matrix: &Node,
    cell_names: &[String],
    gene_names: &[String],
    monitor: &dyn Monitor,
) -> Result<Counts> {
    let (cells, genes) = (cell_names.len(), gene_names.len());
    require_countable(cells, genes)?;
    if !matrix.is_dataset() {
        let sparse = read_sparse(matrix, cells, genes, monitor)?;
        return sparse.counts(cell_names, gene_names);
    }
    Counts {
        genes,
        cells,
        values: read_dense(matrix, cells, genes, monitor)?,
        whole: false,
    }
    .checked(cell_names, gene_names)
}

/// Refuses more rows or columns than R can index.
pub(crate) fn require_countable(cells: usize, genes: usize) -> Result<()> {
    if cells > MOST_ENTRIES || genes > MOST_ENTRIES {
        return Err(damaged("There are more cells or genes than R can index"));
    }
    Ok(())
}

/// Reads rows in blocks, gathers the non-zero values, and turns to the dense form once they
/// are too many. A row of the file is a column of the result.
fn read_dense(matrix: &Node, cells: usize, genes: usize, monitor: &dyn Monitor) -> Result<Values> {
    let array = matrix.array()?;
    let shape: [usize; 2] = array.shape()?[..]
        .try_into()
        .map_err(|_| damaged(format!("{} is not two-dimensional", array.path)))?;
    if shape != [cells, genes] {
        return Err(wrong_shape(array.path, shape, cells, genes));
    }
    let source = numeric(&array)?;
    let count = cells.saturating_mul(genes);
    let most_sparse = (count / SPARSE_BELOW).min(MOST_ENTRIES);
    let step = rows_per_block(&array, genes).min(cells.max(1));
    limits::require_memory((8 * step as u64).saturating_mul(genes as u64), array.path)?;

    monitor.stage("Reading counts", cells);
    let mut sparse = SparseColumns {
        nrows: genes,
        ncols: cells,
        indptr: vec![0],
        indices: Vec::new(),
        values: Vec::new(),
    };
    let mut dense: Option<Vec<f64>> = None;
    let mut block = vec![0f64; step * genes];
    for start in (0..cells).step_by(step) {
        monitor.check()?;
        let rows = start..(start + step).min(cells);
        let n = rows.len();
        if let Some(dense) = &mut dense {
            let out = &mut dense[start * genes..rows.end * genes];
            source.numbers(rows, out).map_err(failed(array.path))?;
            monitor.advance(n);
            continue;
        }
        let block = &mut block[..n * genes];
        source
            .numbers(rows.clone(), block)
            .map_err(failed(array.path))?;
        let filled = block.iter().filter(|&&v| v != 0.0).count();
        if sparse.values.len() + filled > most_sparse {
            limits::require_memory(8 * count as u64, array.path)?;
            let mut all = vec![0f64; count];
            for cell in 0..start {
                for i in sparse.indptr[cell] as usize..sparse.indptr[cell + 1] as usize {
                    all[cell * genes + sparse.indices[i] as usize] = sparse.values[i];
                }
            }
            all[start * genes..rows.end * genes].copy_from_slice(block);
            dense = Some(all);
            sparse.indices = Vec::new();
            sparse.values = Vec::new();
        } else if genes > 0 {
            limits::require_memory(24 * filled as u64, array.path)?;
            for row in block.chunks_exact(genes) {
                for (gene, &value) in row.iter().enumerate().filter(|(_, &v)| v != 0.0) {
                    sparse.indices.push(gene as i32);
                    sparse.values.push(value);
                }
                sparse.indptr.push(sparse.values.len() as i32);
            }
        } else {
            sparse.indptr.resize(rows.end + 1, 0);
        }
        monitor.advance(n);
    }
    Ok(dense.map_or(Values::Sparse(sparse), Values::Dense))
}

/// The matrices of obsm that are dense and have one row a cell; the others are noted.
pub(super) fn read_reductions(
    root: &Node,
    cells: usize,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, Array2<f64>)>> {
    let Some(obsm) = root.member("obsm")? else {
        return Ok(Vec::new());
    };
    // Up to anndata 0.6 obsm is one dataset of records with an array in each field.
    let names = match obsm.is_dataset() {
        true => {
            let array = obsm.array()?;
            let source = Source {
                container: array.source,
                field: None,
            };
            source.fields().map_err(failed(array.path))?
        }
        false => obsm.members()?,
    };
    let mut reductions = Vec::new();
    for name in names {
        let matrix = match obsm.is_dataset() {
            true => read_reduction(&obsm.array()?, Some(&name), cells)?,
            false => {
                let member = obsm.required(&name, "")?;
                if member.is_void(cells)? {
                    notes.push(void(&member.path));
                    continue;
                }
                match member.is_dataset() {
                    true => read_reduction(&member.array()?, None, cells)?,
                    false => None,
                }
            }
        };
        match matrix {
            Some(matrix) => reductions.push((name, matrix)),
            None => notes.push(format!(
                "obsm/{name} was left out: it is no dense matrix of numbers."
            )),
        }
    }
    Ok(reductions)
}

pub(crate) fn read_reduction(
    array: &Array,
    field: Option<&str>,
    cells: usize,
) -> Result<Option<Array2<f64>>> {
    let source = Source {
        container: array.source,
        field,
    };
    let kind = source.kind().map_err(failed(array.path))?;
    let columns = match (kind, &array.shape()?[..]) {
        (Kind::Integer | Kind::Float, &[rows, columns]) if rows == cells => columns,
        (Kind::Integer | Kind::Float, &[rows]) if rows == cells && field.is_some() => 1,
        (Kind::Numbers(columns), &[rows]) if rows == cells => columns,
        (Kind::Integer | Kind::Float | Kind::Numbers(_), &[rows, ..]) if rows != cells => {
            let problem = format!(
                "{} has {rows} rows, but there are {cells} cells",
                array.path
            );
            return Err(damaged(problem));
        }
        _ => return Ok(None),
    };
    let count = cells.saturating_mul(columns);
    limits::require_memory((16 * count as u64).max(count as u64), array.path)?;
    let mut values = vec![0f64; count];
    source
        .numbers(0..cells, &mut values)
        .map_err(failed(array.path))?;
    let matrix = Array2::from_shape_vec((cells, columns), values);
    matrix
        .map(Some)
        .map_err(|e| damaged(format!("{} has no rows and columns ({e})", array.path)))
}
