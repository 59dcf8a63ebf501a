//! Products with the centred and scaled matrix Z = (Y - 1 c') diag(1/s), cells x genes.

use faer::MatRef;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::krylov::Gram;
use super::matrix::{Cells, Matrix, SparseView};
use super::product::{product, times, transposed_times};

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
