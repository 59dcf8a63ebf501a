//! Principal components of cells that are seen block by block.
//!
//! One pass sums the Gram matrix of the centred genes, whose eigenvectors are the
//! loadings; a second pass projects the blocks ([`Loadings::project`]). Memory is that of
//! a block and of genes x genes numbers, whatever the number of cells.
//!
//! The sums of a block are taken about its own means. Blocks are merged as variances are by Chan,
//! Golub and LeVeque (1983, "Algorithms for computing the sample variance: analysis and
//! recommendations"). For n and m cells whose means differ by d,
//!
//! ```text
//! M  <-  M + M' + n m / (n + m) d d'
//! ```
//!
//! so that means far from zero cancel nothing.

use faer::MatRef;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::krylov::{leading_vectors, Gram};
use super::loadings::Loadings;
use super::matrix::{Cells, Matrix, SparseView};
use super::outer::{add_gram, add_outer_products, add_rows, fill_rows};
use super::outer::{outer_products, without, ByCells};
use super::pca::{check_components, divisors};
use super::product::{product, times};
use super::variance::Moments;
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Most genes: their Gram matrix takes 200 MB, and twice that while it is decomposed.
const MOST_GENES: usize = 5000;
/// Cells that are centred at a time.
const TILE: usize = 1024;
/// A gene of a sparse block with values in more than this share of the cells is centred
/// and multiplied as a dense one. Below, E[y^2] is at most 4/3 of the variance, so that
/// the square of the mean may be subtracted afterwards.
const DENSE_GENE: f64 = 0.25;
/// Time of one product that is scattered, in those of a dense one.
const SCATTERED: f64 = 16.0;

/// Number of cells, means of genes and Gram matrix of the centred genes of all blocks so far.
#[derive(Debug, Clone)]
pub struct GramAccumulator {
    genes: usize,
    cells: usize,
    mean: Vec<f64>,
    /// Row-major; what lies above the diagonal is not used.
    gram: Vec<f64>,
}

impl GramAccumulator {
    /// No cells yet. More than 5,000 genes are refused: their Gram matrix would be too large.
    pub fn new(genes: usize) -> Result<Self> {
        if genes == 0 {
            return Err(Error::input(
                "Cells without genes have no principal components.",
                "Give at least 1 gene.",
            ));
        }
        if genes > MOST_GENES {
            return Err(Error::memory(
                format!(
                    "Principal components block by block need the products of all pairs of genes; \
                     {genes} genes are more than the {MOST_GENES} for which these fit."
                ),
                "Select variable genes first, with subsample_genes().",
            ));
        }
        Ok(GramAccumulator {
            genes,
            cells: 0,
            mean: vec![0.0; genes],
            gram: vec![0.0; genes * genes],
        })
    }

    /// Number of cells so far.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Adds the cells of a block. A value that is not finite is refused, with its cell
    /// counted over all blocks; an error leaves the sums as they were.
    pub fn add(&mut self, block: &Matrix<'_>, cells: Cells, monitor: &dyn Monitor) -> Result<()> {
        let (n, genes) = block.cells_and_genes(cells);
        if genes != self.genes {
            return Err(Error::input(
                format!(
                    "A block has {genes} genes, but the others have {}.",
                    self.genes
                ),
                "Give the same genes of all cells.",
            ));
        }
        block.check_structure()?;
        if let Some((row, column)) = block.first_not_finite() {
            let (cell, gene) = match cells {
                Cells::Rows => (row, column),
                Cells::Columns => (column, row),
            };
            return Err(Error::not_finite(
                format!(
                    "The value of cell {}, gene {} is not finite.",
                    self.cells + cell + 1,
                    gene + 1
                ),
                "Remove or replace missing and infinite values first.",
            ));
        }
        monitor.check()?;
        if n == 0 {
            return Ok(());
        }
        let sums = match *block {
            Matrix::Dense(values) => {
                let values = match cells {
                    Cells::Rows => values,
                    Cells::Columns => values.reversed_axes(),
                };
                self.add_dense(values)
            }
            Matrix::SparseColumns(values) => self.add_sparse(&ByCells::new(&values, cells)),
        };
        self.merge(n, sums);
        monitor.advance(n);
        Ok(())
    }

    fn add_dense(&mut self, values: ArrayView2<'_, f64>) -> Sums {
        let shift = values
            .mean_axis(Axis(0))
            .map_or_else(Vec::new, |m| m.to_vec());
        let mut sum = vec![0.0; self.genes];
        for tile in values.axis_chunks_iter(Axis(0), TILE) {
            let mut centred = vec![0.0; tile.len()];
            fill_rows(&mut centred, self.genes, |cell, row| {
                let values = tile.row(cell);
                for (to, (value, shift)) in row.iter_mut().zip(values.iter().zip(&shift)) {
                    *to = value - shift;
                }
            });
            add_rows(&mut sum, &centred);
            add_gram(&mut self.gram, &centred, self.genes);
        }
        Sums { shift, sum }
    }

    fn add_sparse(&mut self, block: &ByCells<'_>) -> Sums {
        let view = block.view();
        let mut sum = vec![0.0; self.genes];
        let mut count = vec![0usize; self.genes];
        for (&gene, value) in view.indices.iter().zip(view.values) {
            sum[gene as usize] += value;
            count[gene as usize] += 1;
        }
        let n = view.ncols as f64;
        let mut dense: Vec<usize> = (0..self.genes)
            .filter(|&gene| count[gene] as f64 > DENSE_GENE * n)
            .collect();
        let mut sparse = without(block, &dense);
        let all_pairs = n * (self.genes * self.genes) as f64 / 2.0;
        if SCATTERED * outer_products(&sparse.view()) > all_pairs {
            dense = (0..self.genes).collect();
            sparse = ByCells::empty(self.genes, view.ncols);
        }

        let mut shift = vec![0.0; self.genes];
        for &gene in &dense {
            shift[gene] = sum[gene] / n;
            sum[gene] = 0.0;
        }
        add_outer_products(&mut self.gram, &sparse.view());
        if !dense.is_empty() {
            self.add_dense_genes(&view, &sparse.view(), &dense, &shift, &mut sum);
        }
        Sums { shift, sum }
    }

    /// The products of the `dense` genes of a sparse block with each other and with the
    /// genes in `sparse`.
    fn add_dense_genes(
        &mut self,
        block: &SparseView<'_>,
        sparse: &SparseView<'_>,
        dense: &[usize],
        shift: &[f64],
        sum: &mut [f64],
    ) {
        let (genes, width) = (self.genes, dense.len());
        let all = width == genes;
        let mut column = vec![usize::MAX; genes];
        for (at, &gene) in dense.iter().enumerate() {
            column[gene] = at;
        }
        let start: Vec<f64> = dense.iter().map(|&gene| -shift[gene]).collect();
        let mut among = vec![0.0; if all { 0 } else { width * width }];
        let mut with_sparse = Array2::<f64>::zeros((if all { 0 } else { genes }, width));
        let mut sums = vec![0.0; width];
        for first in (0..block.ncols).step_by(TILE) {
            let cells = first..(first + TILE).min(block.ncols);
            let mut centred = vec![0.0; cells.len() * width];
            fill_rows(&mut centred, width, |cell, row| {
                row.copy_from_slice(&start);
                let cell = first + cell;
                for at in block.indptr[cell] as usize..block.indptr[cell + 1] as usize {
                    if let Some(to) = row.get_mut(column[block.indices[at] as usize]) {
                        *to += block.values[at];
                    }
                }
            });
            add_rows(&mut sums, &centred);
            if all {
                add_gram(&mut self.gram, &centred, genes);
                continue;
            }
            add_gram(&mut among, &centred, width);
            let tile = SparseView {
                ncols: cells.len(),
                indptr: &sparse.indptr[cells.start..=cells.end],
                ..*sparse
            };
            if let Ok(centred) = ArrayView2::from_shape((cells.len(), width), &centred) {
                with_sparse += &times(&tile, centred);
            }
        }
        for (&gene, total) in dense.iter().zip(sums) {
            sum[gene] = total;
        }
        if all {
            return;
        }
        // Which of a pair's two rows is the lower one depends on the pair.
        self.gram
            .par_chunks_mut(genes)
            .enumerate()
            .for_each(|(gene, row)| {
                if column[gene] == usize::MAX {
                    for (at, &other) in dense.iter().enumerate().take_while(|(_, &d)| d < gene) {
                        row[other] += with_sparse[(gene, at)];
                    }
                    return;
                }
                let at = column[gene];
                for (other, to) in row[..=gene].iter_mut().enumerate() {
                    *to += match column[other] {
                        usize::MAX => with_sparse[(other, at)],
                        before => among[at * width + before],
                    };
                }
            });
    }

    /// Takes the means of the block out of its products and the difference of the means in.
    fn merge(&mut self, n: usize, Sums { shift, sum }: Sums) {
        let (before, added) = (self.cells as f64, n as f64);
        let rest: Vec<f64> = sum.iter().map(|sum| sum / added).collect();
        let apart: Vec<f64> = (0..self.genes)
            .map(|gene| shift[gene] + rest[gene] - self.mean[gene])
            .collect();
        let weight = before * added / (before + added);
        self.gram
            .par_chunks_mut(self.genes)
            .enumerate()
            .for_each(|(i, row)| {
                let (between, within) = (weight * apart[i], added * rest[i]);
                for (to, (apart, rest)) in row[..=i].iter_mut().zip(apart.iter().zip(&rest)) {
                    *to += between * apart - within * rest;
                }
            });
        for (mean, apart) in self.mean.iter_mut().zip(&apart) {
            *mean += apart * added / (before + added);
        }
        self.cells += n;
    }

    /// The first `components` principal components of all cells. `scale` brings the genes
    /// to unit variance, and `seed` chooses the random start where there are more than 600
    /// genes, as in [`super::pca`].
    pub fn finish(
        mut self,
        components: usize,
        scale: bool,
        seed: u64,
        monitor: &dyn Monitor,
    ) -> Result<Loadings> {
        let (n, genes) = (self.cells, self.genes);
        check_components(n, genes, components)?;
        let moments = Moments {
            variance: (0..genes)
                .map(|gene| (self.gram[gene * genes + gene] / n as f64).max(0.0))
                .collect(),
            mean: self.mean,
        };
        let scale = divisors(&moments, n, scale);
        for i in 0..genes {
            for j in 0..=i {
                let value = self.gram[i * genes + j] / (scale[i] * scale[j]);
                self.gram[i * genes + j] = value;
                self.gram[j * genes + i] = value;
            }
        }
        let formed = Formed {
            genes,
            gram: &self.gram,
        };
        let rotation = leading_vectors(&formed, components, seed, monitor)?;
        let images = formed.times(rotation.view());
        let eigenvalues = rotation
            .columns()
            .into_iter()
            .zip(images.columns())
            .map(|(vector, image)| vector.dot(&image).max(0.0));
        let singular: Vec<f64> = eigenvalues.map(f64::sqrt).collect();
        Ok(Loadings::new(rotation, &singular, n, moments, scale))
    }
}

/// What was subtracted from each gene of a block before its products were taken, and the
/// sum of what was left.
struct Sums {
    shift: Vec<f64>,
    sum: Vec<f64>,
}

struct Formed<'a> {
    genes: usize,
    gram: &'a [f64],
}

impl Gram for Formed<'_> {
    fn size(&self) -> usize {
        self.genes
    }

    fn matrix(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.genes, self.genes), |(i, j)| {
            self.gram[i * self.genes + j]
        })
    }

    fn times(&self, block: ArrayView2<'_, f64>) -> Array2<f64> {
        product(
            MatRef::from_row_major_slice(self.gram, self.genes, self.genes),
            block,
        )
    }
}
