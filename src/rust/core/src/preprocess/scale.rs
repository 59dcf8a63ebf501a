//! Genes to mean 0 and standard deviation 1.

use ndarray::Axis;
use rayon::prelude::*;

use super::matrix::{Cells, Matrix, SparseView};
use super::variance::{column_moments, row_moments, Moments};
use crate::{Error, Result};

/// What was subtracted from each gene, and what it was divided by afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardization {
    /// Mean of each gene.
    pub centre: Vec<f64>,
    /// Population standard deviation of each gene; 1 for a constant gene.
    pub scale: Vec<f64>,
}

impl Standardization {
    /// Means and standard deviations (divisor n) of the genes over the cells.
    pub fn new(matrix: &Matrix<'_>, cells: Cells) -> Self {
        let n = matrix.cells_and_genes(cells).0;
        let moments = match cells {
            Cells::Rows => column_moments(matrix),
            Cells::Columns => row_moments(matrix),
        };
        Standardization::from_moments(moments, n)
    }

    /// From the moments of the genes over n cells.
    pub fn from_moments(moments: Moments, n: usize) -> Self {
        let genes = moments.mean.iter().zip(&moments.variance);
        let scale = genes
            .map(|(&mean, &variance)| {
                if is_constant(n, mean, variance) {
                    1.0
                } else {
                    variance.sqrt()
                }
            })
            .collect();
        Standardization {
            centre: moments.mean,
            scale,
        }
    }

    /// Writes (x - centre) / scale to `out`, column-major, in the shape of `matrix`.
    pub fn apply(&self, matrix: &Matrix<'_>, cells: Cells, out: &mut [f64]) -> Result<()> {
        let genes = matrix.cells_and_genes(cells).1;
        let (rows, columns) = matrix.dim();
        if out.len() != rows * columns || self.centre.len() != genes || self.scale.len() != genes {
            return Err(Error::internal(
                format!(
                    "{rows} x {columns} values and {} genes do not fit into {} values.",
                    self.centre.len(),
                    out.len()
                ),
                "",
            ));
        }
        if out.is_empty() {
            return Ok(());
        }
        out.par_chunks_mut(rows)
            .enumerate()
            .for_each(|(column, to)| {
                match *matrix {
                    Matrix::Dense(values) => {
                        for (to, value) in to.iter_mut().zip(values.index_axis(Axis(1), column)) {
                            *to = *value;
                        }
                    }
                    Matrix::SparseColumns(SparseView {
                        indptr,
                        indices,
                        values,
                        ..
                    }) => {
                        to.fill(0.0);
                        for at in indptr[column] as usize..indptr[column + 1] as usize {
                            to[indices[at] as usize] = values[at];
                        }
                    }
                }
                for (row, value) in to.iter_mut().enumerate() {
                    let gene = match cells {
                        Cells::Rows => column,
                        Cells::Columns => row,
                    };
                    *value = (*value - self.centre[gene]) / self.scale[gene];
                }
            });
        Ok(())
    }
}

/// A gene counts as constant where its variance is within the rounding of its sums,
/// var <= n eps var + (n mean eps)^2 (scikit-learn's StandardScaler).
pub(super) fn is_constant(n: usize, mean: f64, variance: f64) -> bool {
    let rounding = n as f64 * mean * f64::EPSILON;
    variance <= n as f64 * f64::EPSILON * variance + rounding * rounding
}

/// Standardises every gene into `out` (column-major) and says by what; constant genes become 0. The
/// result is dense, because a zero count no longer is zero.
pub fn standard_scale(
    matrix: &Matrix<'_>,
    cells: Cells,
    out: &mut [f64],
) -> Result<Standardization> {
    matrix.check()?;
    let standardization = Standardization::new(matrix, cells);
    standardization.apply(matrix, cells, out)?;
    Ok(standardization)
}
