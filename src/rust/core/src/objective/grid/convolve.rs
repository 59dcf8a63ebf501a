//! The kernel applied to the nodes, one axis after the other.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::tiles::{TileSet, Tiling};
use crate::aligned::LINE;

/// Numbers in one task of a convolution.
const CONVOLVE: usize = 1 << 14;

/// Rows of the band that are multiplied at once: such a block meets `rows + 2 reach`
/// columns of which the band covers 2 reach + 1. Lower blocks waste fewer products, too
/// low ones starve the kernel.
const BLOCK: usize = 24;

/// The kernel along one axis of the tiles: a banded symmetric Toeplitz matrix.
struct Band {
    /// Some of its rows, each as far as the taps reach on both sides.
    rows: Vec<f64>,
    /// Number of these rows.
    block: usize,
    reach: usize,
    /// Nodes of a tile along the axis.
    length: usize,
    /// Nodes from one tile to the next.
    side: usize,
}

impl Band {
    fn new(taps: &[f64], tiling: &Tiling, axis: usize) -> Self {
        let length = tiling.extent[axis];
        let reach = taps.len() - 1;
        let block = length.div_ceil(length.div_ceil(BLOCK));
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
            block,
            reach,
            length,
            side: tiling.side[axis],
        }
    }

    /// Fills the `length` rows of `target` from a tile and its neighbours before and after,
    /// or adds to them.
    fn multiply(&self, mut target: MatMut<f64>, accum: Accum, sources: [Option<MatRef<f64>>; 3]) {
        let band =
            MatRef::from_row_major_slice(&self.rows, self.block, self.block + 2 * self.reach);
        for first in (0..self.length).step_by(self.block) {
            let rows = self.block.min(self.length - first);
            let mut target = target.as_mut().subrows_mut(first, rows);
            let mut accum = accum;
            // Nodes along the axis are counted from where the tile before begins.
            let first = first + self.side;
            for (shift, source) in sources.into_iter().enumerate() {
                let start = shift * self.side;
                let from = first.saturating_sub(self.reach).max(start);
                let to = (first + rows + self.reach).min(start + self.length);
                let Some(source) = source.filter(|_| from < to) else {
                    continue;
                };
                matmul(
                    target.as_mut(),
                    accum,
                    band.submatrix(0, from + self.reach - first, rows, to - from),
                    source.subrows(from - start, to - from),
                    1.0,
                    Par::Seq,
                );
                accum = Accum::Add;
            }
            if accum == Accum::Replace {
                target.fill(0.0);
            }
        }
    }
}

/// A tile of a set and its neighbours before and after along an axis.
fn around<'a>(
    set: &TileSet,
    grid: &'a [f64],
    size: usize,
    tiling: &Tiling,
    tile: u32,
    axis: usize,
) -> [Option<&'a [f64]>; 3] {
    [-1, 0, 1].map(|shift| {
        set.neighbor(tiling, tile as usize, axis, shift)
            .map(|slot| &grid[slot * size..][..size])
    })
}

/// Convolves tiles along one axis but the last: the band times every tile seen as (slower
/// axes) x axis x (faster axes and fields). The result replaces the image or is added to it.
pub(super) fn convolve(
    (from, grid): (&TileSet, &[f64]),
    (to, image): (&TileSet, &mut [f64]),
    taps: &[f64],
    tiling: &Tiling,
    axis: usize,
    width: usize,
    accum: Accum,
) {
    let length = tiling.extent[axis];
    let inner = tiling.extent[axis + 1..].iter().product::<usize>() * width;
    let size = tiling.nodes() * width;
    let band = Band::new(taps, tiling, axis);
    let columns = (CONVOLVE / length)
        .next_multiple_of(LINE)
        .max(LINE)
        .min(inner);
    image
        .par_chunks_mut(size)
        .zip(&to.tiles)
        .for_each(|(image, &tile)| {
            let grids = around(from, grid, size, tiling, tile, axis);
            image
                .par_chunks_mut(length * inner)
                .enumerate()
                .for_each(|(outer, image)| {
                    let sources = grids.map(|grid| {
                        let grid = &grid?[outer * length * inner..][..length * inner];
                        Some(MatRef::from_row_major_slice(grid, length, inner))
                    });
                    let mut chunks = Vec::with_capacity(inner.div_ceil(columns));
                    let mut rest = MatMut::from_row_major_slice_mut(image, length, inner);
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
                            let first = chunk * columns;
                            let count = target.ncols();
                            let sources = sources.map(|s| Some(s?.subcols(first, count)));
                            band.multiply(target, accum, sources);
                        });
                });
        });
}

/// Convolves tiles along the last axis. From all fields of a node together to all nodes of
/// a line together, field by field, as the gather reads them. The result replaces the image
/// or is added to it.
pub(super) fn convolve_last(
    (from, grid): (&TileSet, &[f64]),
    (to, image): (&TileSet, &mut [f64]),
    taps: &[f64],
    tiling: &Tiling,
    width: usize,
    accum: Accum,
) {
    let axis = tiling.axes - 1;
    let length = tiling.extent[axis];
    let size = tiling.nodes() * width;
    let band = Band::new(taps, tiling, axis);
    let columns = (CONVOLVE / length)
        .next_multiple_of(LINE)
        .clamp(LINE, width);
    image
        .par_chunks_mut(size)
        .zip(&to.tiles)
        .for_each(|(image, &tile)| {
            let grids = around(from, grid, size, tiling, tile, axis);
            image
                .par_chunks_mut(length * width)
                .enumerate()
                .for_each(|(line, image)| {
                    let sources = grids.map(|grid| {
                        let grid = &grid?[line * length * width..][..length * width];
                        Some(MatRef::from_row_major_slice(grid, length, width))
                    });
                    image.par_chunks_mut(length * columns).enumerate().for_each(
                        |(chunk, image)| {
                            let fields = image.len() / length;
                            let sources =
                                sources.map(|s| Some(s?.subcols(chunk * columns, fields)));
                            let target = MatMut::from_row_major_slice_mut(image, fields, length);
                            band.multiply(target.transpose_mut(), accum, sources);
                        },
                    );
                });
        });
}
