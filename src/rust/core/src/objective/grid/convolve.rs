//! The kernel applied to the nodes, one axis after the other.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::super::aligned::LINE;
use super::Extent;

/// Numbers in one task of a convolution.
const CONVOLVE: usize = 1 << 14;

/// A banded symmetric Toeplitz matrix of `length` rows.
struct Band {
    /// Its first rows, each as far as the taps reach on both sides.
    rows: Vec<f64>,
    reach: usize,
    block: usize,
    length: usize,
}

impl Band {
    fn new(taps: &[f64], length: usize) -> Self {
        let reach = taps.len() - 1;
        // A block of rows meets `block + 2 reach` columns of which the band covers
        // 2 reach + 1: lower blocks waste fewer products, too low ones starve the kernel.
        let block = reach.clamp(16, length.max(16)).min(length);
        let rows = (0..block * (block + 2 * reach))
            .map(|at| {
                let (row, column) = (at / (block + 2 * reach), at % (block + 2 * reach));
                taps.get((row + reach).abs_diff(column))
                    .copied()
                    .unwrap_or(0.0)
            })
            .collect();
        Band {
            rows,
            reach,
            block,
            length,
        }
    }

    /// target = band source; both with `length` rows.
    fn multiply(&self, mut target: MatMut<f64>, source: MatRef<f64>) {
        let Band { block, reach, .. } = *self;
        for first in (0..self.length).step_by(block) {
            let rows = block.min(self.length - first);
            let from = first.saturating_sub(reach);
            let to = (first + rows + reach).min(self.length);
            let band = MatRef::from_row_major_slice(&self.rows, block, block + 2 * reach)
                .submatrix(0, from + reach - first, rows, to - from);
            matmul(
                target.as_mut().subrows_mut(first, rows),
                Accum::Replace,
                band,
                source.subrows(from, to - from),
                1.0,
                Par::Seq,
            );
        }
    }
}

/// Convolves the grid along one axis but the last: a banded symmetric Toeplitz matrix
/// times the grid seen as (slower axes) x axis x (faster axes and fields).
pub(super) fn convolve(
    grid: &[f64],
    image: &mut [f64],
    taps: &[f64],
    extent: &Extent,
    axis: usize,
    width: usize,
) {
    let length = extent.extent[axis];
    let inner = extent.extent[axis + 1..extent.axes]
        .iter()
        .product::<usize>()
        * width;
    let band = Band::new(taps, length);
    let columns = (CONVOLVE / length)
        .next_multiple_of(LINE)
        .max(LINE)
        .min(inner);
    image
        .par_chunks_mut(length * inner)
        .zip(grid.par_chunks(length * inner))
        .for_each(|(image, grid)| {
            let source = MatRef::from_row_major_slice(grid, length, inner);
            let target = MatMut::from_row_major_slice_mut(image, length, inner);
            let mut chunks = Vec::with_capacity(inner.div_ceil(columns));
            let mut rest = target;
            while rest.ncols() > columns {
                let (chunk, later) = rest.split_at_col_mut(columns);
                chunks.push(chunk);
                rest = later;
            }
            chunks.push(rest);
            chunks
                .into_par_iter()
                .enumerate()
                .for_each(|(chunk, target)| {
                    let source = source.subcols(chunk * columns, target.ncols());
                    band.multiply(target, source);
                });
        });
}

/// Convolves the grid along its last axis. From all fields of a node together to all
/// nodes of a line together, field by field, as the gather reads them.
pub(super) fn convolve_last(
    grid: &[f64],
    image: &mut [f64],
    taps: &[f64],
    extent: &Extent,
    width: usize,
) {
    let length = extent.extent[extent.axes - 1];
    let band = Band::new(taps, length);
    let columns = (CONVOLVE / length)
        .next_multiple_of(LINE)
        .clamp(LINE, width);
    image
        .par_chunks_mut(length * width)
        .zip(grid.par_chunks(length * width))
        .for_each(|(image, grid)| {
            let source = MatRef::from_row_major_slice(grid, length, width);
            image
                .par_chunks_mut(length * columns)
                .enumerate()
                .for_each(|(chunk, image)| {
                    let fields = image.len() / length;
                    let target = MatMut::from_row_major_slice_mut(image, fields, length);
                    let source = source.subcols(chunk * columns, fields);
                    band.multiply(target.transpose_mut(), source);
                });
        });
}
