//! Products with the centred and scaled matrix Z = (Y - 1 c') diag(1/s), cells x genes.
//!
//! Blocks of vectors are row-major. Every entry of a product is summed by one thread in
//! one order, whatever the number of threads.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::multiversion;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::krylov::Gram;
use super::matrix::{Cells, Matrix, SparseView};

/// Z without making a sparse Y dense.
pub(super) enum Operator<'a> {
    /// Z itself, column-major.
    Dense {
        values: Vec<f64>,
        cells: usize,
        genes: usize,
    },
    /// Y as it is stored, with c and 1/s.
    Sparse {
        matrix: SparseView<'a>,
        orientation: Cells,
        centre: Vec<f64>,
        inverse_scale: Vec<f64>,
    },
}

impl<'a> Operator<'a> {
    pub(super) fn new(matrix: Matrix<'a>, cells: Cells, centre: &[f64], scale: &[f64]) -> Self {
        let values = match matrix {
            Matrix::Dense(values) => values,
            Matrix::SparseColumns(matrix) => {
                return Operator::Sparse {
                    matrix,
                    orientation: cells,
                    centre: centre.to_vec(),
                    inverse_scale: scale.iter().map(|s| 1.0 / s).collect(),
                }
            }
        };
        let values = match cells {
            Cells::Rows => values,
            Cells::Columns => values.reversed_axes(),
        };
        let (n, genes) = values.dim();
        let mut centred = vec![0.0; n * genes];
        centred
            .par_chunks_mut(n)
            .zip(centre.par_iter().zip(scale))
            .enumerate()
            .for_each(|(gene, (to, (c, s)))| {
                for (to, value) in to.iter_mut().zip(values.index_axis(Axis(1), gene)) {
                    *to = (value - c) / s;
                }
            });
        Operator::Dense {
            values: centred,
            cells: n,
            genes,
        }
    }

    pub(super) fn dim(&self) -> (usize, usize) {
        match self {
            Operator::Dense { cells, genes, .. } => (*cells, *genes),
            Operator::Sparse {
                matrix,
                orientation,
                ..
            } => Matrix::SparseColumns(*matrix).cells_and_genes(*orientation),
        }
    }

    /// Z W for W with one row per gene.
    pub(super) fn forward(&self, weights: ArrayView2<'_, f64>) -> Array2<f64> {
        match self {
            Operator::Dense {
                values,
                cells,
                genes,
            } => product(
                MatRef::from_column_major_slice(values, *cells, *genes),
                weights,
            ),
            Operator::Sparse {
                matrix,
                orientation,
                centre,
                inverse_scale,
            } => {
                // Z W = Y (W / s) - 1 c' (W / s)
                let mut weights = weights.to_owned();
                let mut shift = vec![0.0; weights.ncols()];
                let genes = centre.iter().zip(inverse_scale);
                for (mut row, (c, inverse)) in weights.outer_iter_mut().zip(genes) {
                    for (weight, shift) in row.iter_mut().zip(&mut shift) {
                        *weight *= inverse;
                        *shift += c * *weight;
                    }
                }
                let mut scores = match orientation {
                    Cells::Rows => times(matrix, weights.view()),
                    Cells::Columns => transposed_times(matrix, weights.view()),
                };
                for mut row in scores.outer_iter_mut() {
                    for (score, shift) in row.iter_mut().zip(&shift) {
                        *score -= shift;
                    }
                }
                scores
            }
        }
    }

    /// Z' U for U with one row per cell.
    pub(super) fn adjoint(&self, scores: ArrayView2<'_, f64>) -> Array2<f64> {
        match self {
            Operator::Dense {
                values,
                cells,
                genes,
            } => product(
                MatRef::from_column_major_slice(values, *cells, *genes).transpose(),
                scores,
            ),
            Operator::Sparse {
                matrix,
                orientation,
                centre,
                inverse_scale,
            } => {
                // Z' U = (Y' U - c 1'U) / s
                let mut total = vec![0.0; scores.ncols()];
                for row in scores.outer_iter() {
                    for (total, score) in total.iter_mut().zip(row) {
                        *total += score;
                    }
                }
                let mut weights = match orientation {
                    Cells::Rows => transposed_times(matrix, scores),
                    Cells::Columns => times(matrix, scores),
                };
                let genes = centre.iter().zip(inverse_scale);
                for (mut row, (c, inverse)) in weights.outer_iter_mut().zip(genes) {
                    for (weight, total) in row.iter_mut().zip(&total) {
                        *weight = (*weight - c * total) * inverse;
                    }
                }
                weights
            }
        }
    }
}

/// G = Z'Z or Z Z', whichever is smaller.
impl Gram for Operator<'_> {
    fn size(&self) -> usize {
        let (cells, genes) = self.dim();
        cells.min(genes)
    }

    fn matrix(&self) -> Array2<f64> {
        let (cells, genes) = self.dim();
        if let Operator::Dense { values, .. } = self {
            let z = MatRef::from_column_major_slice(values, cells, genes);
            // Column-major Z is Z' row by row.
            if let Ok(turned) = ArrayView2::from_shape((genes, cells), values) {
                return if genes <= cells {
                    product(z.transpose(), turned.t())
                } else {
                    product(z, turned)
                };
            }
        }
        self.times(Array2::eye(self.size()).view())
    }

    fn times(&self, block: ArrayView2<'_, f64>) -> Array2<f64> {
        let (cells, genes) = self.dim();
        if genes <= cells {
            self.adjoint(self.forward(block).view())
        } else {
            self.forward(self.adjoint(block).view())
        }
    }
}

/// Rows of a dense product that one task computes.
const PRODUCT_ROWS: usize = 128;

/// A B, row-major.
pub(super) fn product(a: MatRef<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let b = b.as_standard_layout();
    let (inner, width) = b.dim();
    let mut out = Array2::zeros((a.nrows(), width));
    let (Some(values), Some(to)) = (b.as_slice(), out.as_slice_mut()) else {
        unreachable!("a standard layout is a slice")
    };
    if width == 0 {
        return out;
    }
    let b = MatRef::from_row_major_slice(values, inner, width);
    to.par_chunks_mut(PRODUCT_ROWS * width)
        .enumerate()
        .for_each(|(block, to)| {
            let rows = to.len() / width;
            matmul(
                MatMut::from_row_major_slice_mut(to, rows, width),
                Accum::Replace,
                a.subrows(block * PRODUCT_ROWS, rows),
                b,
                1.0,
                Par::Seq,
            );
        });
    out
}

/// Sparse columns gathered by one task.
const COLUMNS: usize = 32;
/// Least number of rows that one task scatters into.
const ROWS: usize = 512;

/// S' B: row j is the sum over the stored values of column j.
fn transposed_times(matrix: &SparseView<'_>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let SparseView {
        ncols,
        indptr,
        indices,
        values,
        ..
    } = *matrix;
    let width = b.ncols();
    let b = b.as_standard_layout();
    let mut out = Array2::zeros((ncols, width));
    if let (Some(from), Some(to)) = (b.as_slice(), out.as_slice_mut()) {
        to.par_chunks_mut(COLUMNS * width)
            .enumerate()
            .for_each(|(block, to)| {
                for (offset, to) in to.chunks_exact_mut(width).enumerate() {
                    let column = block * COLUMNS + offset;
                    let stored = indptr[column] as usize..indptr[column + 1] as usize;
                    gather(&indices[stored.clone()], &values[stored], from, to);
                }
            });
    }
    out
}

/// S B: each task owns a range of rows and walks all columns, so that no two tasks write
/// to one row and each row is summed by ascending column.
pub(super) fn times(matrix: &SparseView<'_>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let SparseView {
        nrows,
        ncols,
        indptr,
        indices,
        values,
    } = *matrix;
    let width = b.ncols();
    let b = b.as_standard_layout();
    let mut out = Array2::zeros((nrows, width));
    let range = ROWS.max(nrows.div_ceil(32));
    if let (Some(from), Some(to)) = (b.as_slice(), out.as_slice_mut()) {
        to.par_chunks_mut(range * width)
            .enumerate()
            .for_each(|(block, to)| {
                let first = block * range;
                let end = first + to.len() / width;
                for column in 0..ncols {
                    let start = indptr[column] as usize;
                    let rows = &indices[start..indptr[column + 1] as usize];
                    let low = start + rows.partition_point(|&row| (row as usize) < first);
                    let high = start + rows.partition_point(|&row| (row as usize) < end);
                    scatter(
                        &indices[low..high],
                        &values[low..high],
                        &from[column * width..(column + 1) * width],
                        first,
                        to,
                    );
                }
            });
    }
    out
}

/// to += sum_i values_i from[indices_i, ]
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn gather(indices: &[i32], values: &[f64], from: &[f64], to: &mut [f64]) {
    let width = to.len();
    for (&index, value) in indices.iter().zip(values) {
        let at = index as usize * width;
        for (to, from) in to.iter_mut().zip(&from[at..at + width]) {
            *to += value * from;
        }
    }
}

/// to[indices_i - first, ] += values_i from
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn scatter(indices: &[i32], values: &[f64], from: &[f64], first: usize, to: &mut [f64]) {
    let width = from.len();
    for (&index, value) in indices.iter().zip(values) {
        let at = (index as usize - first) * width;
        for (to, from) in to[at..at + width].iter_mut().zip(from) {
            *to += value * from;
        }
    }
}
