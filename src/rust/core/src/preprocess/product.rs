//! Products of a matrix, dense or sparse, with a block of vectors.
//!
//! Blocks of vectors are row-major. Every entry of a product is summed by one thread in
//! one order, whatever the number of threads.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::multiversion;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::matrix::SparseView;

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
pub(super) fn transposed_times(matrix: &SparseView<'_>, b: ArrayView2<'_, f64>) -> Array2<f64> {
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

/// S B: each task owns a range of rows and walks all columns. So no two tasks write to one row, and
/// each row is summed by ascending column.
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
