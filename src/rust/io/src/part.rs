//! Parts of a matrix that was left in its file, for who reads it block by block.

use super::h5ad::format::FORMAT;
use super::hdf5::arrays::{fill, numeric, BLOCK};
use super::hdf5::errors::Silence;
use super::hdf5::raw::{Native, Source};
use super::hdf5::store::{damaged, failed, Node, Store};
use super::limits;
use neuralee_core::Result;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

/// Which rows or columns, in this order and perhaps several times; all where there is no list.
struct Chosen<'a> {
    list: Option<&'a [usize]>,
    all: usize,
}

impl Chosen<'_> {
    fn len(&self) -> usize {
        self.list.map_or(self.all, <[usize]>::len)
    }

    fn get(&self, index: usize) -> usize {
        self.list.map_or(index, |list| list[index])
    }

    /// Indices in the list whose rows or columns follow each other, at most `most` at once.
    fn runs(&self, most: usize) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for index in 0..self.len() {
            match runs.last_mut() {
                Some(run) if run.len() < most && self.get(index) == self.get(index - 1) + 1 => {
                    run.end += 1
                }
                _ => runs.push(index..index + 1),
            }
        }
        runs
    }

    /// The rows or columns of a run.
    fn range(&self, run: &Range<usize>) -> Range<usize> {
        let first = self.get(run.start);
        first..first + run.len()
    }

    /// The indices of each row or column in the list.
    fn indices_of(&self) -> Option<HashMap<usize, Vec<usize>>> {
        let mut indices_of: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, &one) in self.list?.iter().enumerate() {
            indices_of.entry(one).or_default().push(index);
        }
        Some(indices_of)
    }
}

/// Values of genes by cells, column by column, of which the file has one axis side by side.
struct Target<'a> {
    values: &'a mut [f64],
    genes: usize,
    by_cells: bool,
}

impl Target<'_> {
    /// The value at these indices of the axis along which the file goes, and of the other.
    fn value_mut(&mut self, major: usize, minor: usize) -> &mut f64 {
        let (gene, cell) = match self.by_cells {
            true => (minor, major),
            false => (major, minor),
        };
        &mut self.values[cell * self.genes + gene]
    }
}

/// Some genes and cells of a matrix of `shape`, genes by cells; zeros too, column by column.
/// `inside` is the path of the matrix in the file; see [`crate::Stored`].
pub(super) fn read(
    path: &Path,
    inside: &str,
    sparse: bool,
    by_cells: bool,
    shape: [usize; 2],
    [genes, cells]: [Option<&[usize]>; 2],
) -> Result<Vec<f64>> {
    let _silence = Silence::new();
    let read = || {
        let store = Store::open(path, &FORMAT)?;
        let matrix = store.root().required(inside, "")?;
        let genes = Chosen {
            list: genes,
            all: shape[0],
        };
        let cells = Chosen {
            list: cells,
            all: shape[1],
        };
        let outside = |of: &Chosen| of.list.is_some_and(|l| l.iter().any(|&i| i >= of.all));
        if outside(&genes) || outside(&cells) {
            return Err(damaged(format!(
                "{} is smaller than what was asked for",
                matrix.path
            )));
        }
        let count = genes.len().saturating_mul(cells.len());
        limits::require_memory((8 * count as u64).max(count as u64), &matrix.path)?;
        let mut values = vec![0f64; count];
        let target = Target {
            values: &mut values,
            genes: genes.len(),
            by_cells,
        };
        let (major, minor) = match by_cells {
            true => (cells, genes),
            false => (genes, cells),
        };
        match sparse {
            true => read_sparse(&matrix, &major, &minor, target)?,
            false => read_dense(&matrix, &major, &minor, target)?,
        }
        Ok(values)
    };
    read().map_err(|e| limits::with_path(path, e))
}

fn read_dense(matrix: &Node, major: &Chosen, minor: &Chosen, mut target: Target) -> Result<()> {
    let array = matrix.array_on_disk()?;
    if array.shape()? != [major.all, minor.all] {
        return Err(changed(array.path));
    }
    let source = numeric(&array)?;
    let wanted = (0..minor.len()).map(|index| minor.get(index));
    let (Some(from), Some(to)) = (wanted.clone().min(), wanted.max()) else {
        return Ok(());
    };
    let columns = from..to + 1;
    let mut block = Vec::new();
    for run in major.runs((BLOCK / columns.len()).max(1)) {
        block.resize(run.len() * columns.len(), 0.0);
        source
            .block(major.range(&run), columns.clone(), &mut block)
            .map_err(failed(array.path))?;
        for (index, row) in run.zip(block.chunks_exact(columns.len())) {
            for other in 0..minor.len() {
                *target.value_mut(index, other) = row[minor.get(other) - from];
            }
        }
    }
    Ok(())
}

fn read_sparse(matrix: &Node, major: &Chosen, minor: &Chosen, mut target: Target) -> Result<()> {
    let [starts, indices, data] =
        ["indptr", "indices", "data"].map(|name| matrix.required(name, ""));
    let (starts, indices, data) = (starts?, indices?, data?);
    let (starts, indices, data) = (
        starts.array()?,
        indices.array_on_disk()?,
        data.array_on_disk()?,
    );
    let stored = data.length()?;
    if starts.length()? != major.all + 1 || indices.length()? != stored {
        return Err(changed(&matrix.path));
    }
    let mut ends = vec![0i64; major.all + 1];
    fill(&starts, &mut ends, &())?;
    let (ids, numbers) = (numeric(&indices)?, numeric(&data)?);
    let indices_of = minor.indices_of();
    for run in major.runs(usize::MAX) {
        let within = major.range(&run);
        let [from, to] = [ends[within.start], ends[within.end]].map(|e| usize::try_from(e).ok());
        let (Some(mut from), Some(to)) = (from, to.filter(|&to| to <= stored)) else {
            return Err(changed(starts.path));
        };
        let (mut rows, mut values) = (Vec::<i64>::new(), Vec::<f64>::new());
        let (mut row, mut index) = (within.start, run.start);
        while from < to {
            let part = from..to.min(from + BLOCK);
            read_block(ids, part.clone(), &mut rows).map_err(failed(indices.path))?;
            read_block(numbers, part.clone(), &mut values).map_err(failed(data.path))?;
            for (at, (&id, &value)) in part.clone().zip(rows.iter().zip(&values)) {
                while ends[row + 1] <= at as i64 {
                    (row, index) = (row + 1, index + 1);
                }
                let id = usize::try_from(id).ok().filter(|&id| id < minor.all);
                let Some(id) = id else {
                    return Err(damaged(format!(
                        "{} at {at} is outside of 0 to {}",
                        indices.path,
                        minor.all as i64 - 1
                    )));
                };
                match &indices_of {
                    None => *target.value_mut(index, id) += value,
                    Some(indices_of) => {
                        for &other in indices_of.get(&id).into_iter().flatten() {
                            *target.value_mut(index, other) += value;
                        }
                    }
                }
            }
            from = part.end;
        }
    }
    Ok(())
}

fn read_block<T: Native>(
    source: Source,
    part: Range<usize>,
    to: &mut Vec<T>,
) -> hdf5_metno::Result<()> {
    to.resize(part.len(), T::from_integer(0));
    source.numbers(part, to)
}

fn changed(path: &str) -> neuralee_core::Error {
    damaged(format!("{path} has changed since the file was opened"))
}
