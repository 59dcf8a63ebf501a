//! Sums of outer products of cells, dense and sparse.

use std::borrow::Cow;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::matrix::{Cells, SparseView};
use crate::sparse::group;

/// Rows of the Gram matrix that one task computes from dense cells.
const GRAM_ROWS: usize = 128;
/// Entries of it that one task sums from sparse cells; they stay in its cache.
const AREA: usize = 1 << 16;

/// Runs `fill(row number, row)` on each row of a row-major matrix.
pub(super) fn fill_rows(matrix: &mut [f64], width: usize, fill: impl Fn(usize, &mut [f64]) + Sync) {
    let rows = matrix.par_chunks_mut(width.max(1)).enumerate();
    rows.with_min_len(16).for_each(|(at, row)| fill(at, row));
}

/// Adds the rows of a row-major matrix to `sum`.
pub(super) fn add_rows(sum: &mut [f64], matrix: &[f64]) {
    for row in matrix.chunks_exact(sum.len().max(1)) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// Adds Z'Z to the lower triangle of a row-major matrix, by blocks of its rows.
pub(super) fn add_gram(gram: &mut [f64], z: &[f64], genes: usize) {
    let z = MatRef::from_row_major_slice(z, z.len() / genes, genes);
    gram.par_chunks_mut(GRAM_ROWS * genes)
        .enumerate()
        .for_each(|(block, to)| {
            let (first, rows) = (block * GRAM_ROWS, to.len() / genes);
            let end = first + rows;
            matmul(
                MatMut::from_row_major_slice_mut(to, rows, genes).subcols_mut(0, end),
                Accum::Add,
                z.subcols(first, rows).transpose(),
                z.subcols(0, end),
                1.0,
                Par::Seq,
            );
        });
}

/// A sparse block with one column per cell, whose genes ascend.
pub(super) struct ByCells<'a> {
    genes: usize,
    indptr: Cow<'a, [i32]>,
    indices: Cow<'a, [i32]>,
    values: Cow<'a, [f64]>,
}

impl<'a> ByCells<'a> {
    /// The block itself, or its transpose where it has the cells in rows.
    pub(super) fn new(block: &SparseView<'a>, cells: Cells) -> Self {
        if cells == Cells::Columns {
            return ByCells {
                genes: block.nrows,
                indptr: block.indptr.into(),
                indices: block.indices.into(),
                values: block.values.into(),
            };
        }
        let genes = block
            .indptr
            .windows(2)
            .enumerate()
            .flat_map(|(gene, ends)| (ends[0]..ends[1]).map(move |_| gene as i32));
        let turned = group(block.ncols, block.nrows, genes, block.indices, block.values);
        ByCells {
            genes: block.ncols,
            indptr: turned.indptr.into(),
            indices: turned.indices.into(),
            values: turned.values.into(),
        }
    }

    /// Cells without any value.
    pub(super) fn empty(genes: usize, cells: usize) -> Self {
        ByCells {
            genes,
            indptr: vec![0; cells + 1].into(),
            indices: Cow::Borrowed(&[]),
            values: Cow::Borrowed(&[]),
        }
    }

    pub(super) fn view(&self) -> SparseView<'_> {
        SparseView {
            nrows: self.genes,
            ncols: self.indptr.len() - 1,
            indptr: &self.indptr,
            indices: &self.indices,
            values: &self.values,
        }
    }
}

/// The block without the values of some genes.
pub(super) fn without<'a>(block: &'a ByCells<'_>, genes: &[usize]) -> ByCells<'a> {
    let view = block.view();
    if genes.is_empty() {
        return ByCells {
            genes: block.genes,
            indptr: view.indptr.into(),
            indices: view.indices.into(),
            values: view.values.into(),
        };
    }
    let mut kept = vec![true; view.nrows];
    for &gene in genes {
        kept[gene] = false;
    }
    let (mut indptr, mut indices, mut values) = (vec![0], vec![], vec![]);
    for ends in view.indptr.windows(2) {
        for at in ends[0] as usize..ends[1] as usize {
            if kept[view.indices[at] as usize] {
                indices.push(view.indices[at]);
                values.push(view.values[at]);
            }
        }
        indptr.push(indices.len() as i32);
    }
    ByCells {
        genes: block.genes,
        indptr: indptr.into(),
        indices: indices.into(),
        values: values.into(),
    }
}

/// Number of products that [`add_outer_products`] takes.
pub(super) fn outer_products(block: &SparseView<'_>) -> f64 {
    let stored = block
        .indptr
        .windows(2)
        .map(|ends| (ends[1] - ends[0]) as f64);
    stored.map(|k| k * (k + 1.0) / 2.0).sum()
}

/// Adds y y' of each cell y to the lower triangle of a row-major matrix. Each task owns a
/// range of its rows and walks all cells, so that each entry is summed by ascending cell.
pub(super) fn add_outer_products(gram: &mut [f64], block: &SparseView<'_>) {
    if block.values.is_empty() {
        return;
    }
    let genes = block.nrows;
    let mut ranges = Vec::new();
    let (mut rest, mut first) = (gram, 0);
    while first < genes {
        // About AREA entries below the diagonal.
        let rows = (AREA / (first + 1))
            .clamp(1, genes - first)
            .min(first + 256);
        let (range, after) = rest.split_at_mut(rows * genes);
        ranges.push((first, range));
        (rest, first) = (after, first + rows);
    }
    ranges.into_par_iter().for_each(|(first, range)| {
        let end = first + range.len() / genes;
        for ends in block.indptr.windows(2) {
            let stored = ends[0] as usize..ends[1] as usize;
            let (indices, values) = (&block.indices[stored.clone()], &block.values[stored]);
            let low = indices.partition_point(|&gene| (gene as usize) < first);
            let high = low + indices[low..].partition_point(|&gene| (gene as usize) < end);
            for at in low..high {
                let offset = (indices[at] as usize - first) * genes;
                let row = &mut range[offset..offset + genes];
                let factor = values[at];
                for (&gene, value) in indices[..=at].iter().zip(values) {
                    row[gene as usize] += factor * value;
                }
            }
        }
    });
}
