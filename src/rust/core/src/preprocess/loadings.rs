//! Principal components without the scores of the cells, which come block by block.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::Array2;
use rayon::prelude::*;

use super::matrix::{Cells, Matrix};
use super::operator::Operator;
use super::pca::{divide_or_clear, fix_signs, total_variance, RANK};
use super::variance::Moments;
use crate::{Error, Result};

/// Cells that one task centres and projects.
const TILE: usize = 128;

/// Principal components, largest standard deviation first, by the rules of [`super::Pca`].
#[derive(Debug, Clone, PartialEq)]
pub struct Loadings {
    /// Genes x components: the loadings, columns of length 1.
    pub rotation: Array2<f64>,
    /// Standard deviation (divisor n - 1) of each component.
    pub sdev: Vec<f64>,
    /// Mean of each gene.
    pub centre: Vec<f64>,
    /// What the centred genes are divided by.
    pub scale: Vec<f64>,
    /// Sum of the variances (divisor n - 1) of all centred and scaled genes.
    pub total_variance: f64,
}

impl Loadings {
    /// From orthonormal vectors and the lengths of the scores of n cells along them.
    pub(super) fn new(
        mut rotation: Array2<f64>,
        singular: &[f64],
        n: usize,
        moments: Moments,
        scale: Vec<f64>,
    ) -> Self {
        divide_or_clear(&mut rotation, singular, &vec![1.0; singular.len()]);
        fix_signs(&mut rotation, None);
        let largest = singular.iter().fold(0.0, |a: f64, &b| a.max(b));
        let degrees = (n as f64 - 1.0).sqrt();
        let or_zero = |&s: &f64| {
            if s <= RANK * largest {
                0.0
            } else {
                s / degrees
            }
        };
        Loadings {
            rotation,
            sdev: singular.iter().map(or_zero).collect(),
            total_variance: total_variance(&moments, n, &scale),
            centre: moments.mean,
            scale,
        }
    }

    /// Cells x components: the centred and scaled cells times `rotation`.
    pub fn project(&self, block: &Matrix<'_>, cells: Cells) -> Result<Array2<f64>> {
        let (n, genes) = block.cells_and_genes(cells);
        if genes != self.centre.len() {
            return Err(Error::input(
                format!(
                    "A block has {genes} genes, but the loadings {}.",
                    self.centre.len()
                ),
                "Give the genes that the components were computed from.",
            ));
        }
        block.check()?;
        let values = match *block {
            Matrix::Dense(values) => values,
            Matrix::SparseColumns(_) => {
                let operator = Operator::new(*block, cells, &self.centre, &self.scale);
                return Ok(operator.forward(self.rotation.view()));
            }
        };
        let values = match cells {
            Cells::Rows => values,
            Cells::Columns => values.reversed_axes(),
        };
        let rotation = self.rotation.as_standard_layout();
        let width = rotation.ncols();
        let mut scores = Array2::zeros((n, width));
        let (Some(rotation), Some(to)) = (rotation.as_slice(), scores.as_slice_mut()) else {
            unreachable!("a standard layout is a slice")
        };
        let rotation = MatRef::from_row_major_slice(rotation, genes, width);
        to.par_chunks_mut(TILE * width.max(1))
            .enumerate()
            .for_each(|(tile, to)| {
                let (first, rows) = (tile * TILE, to.len() / width);
                let mut centred = Vec::with_capacity(rows * genes);
                for cell in first..first + rows {
                    let by = self.centre.iter().zip(&self.scale);
                    let cell = values.row(cell).into_iter().zip(by);
                    centred.extend(cell.map(|(value, (c, s))| (value - c) / s));
                }
                matmul(
                    MatMut::from_row_major_slice_mut(to, rows, width),
                    Accum::Replace,
                    MatRef::from_row_major_slice(&centred, rows, genes),
                    rotation,
                    1.0,
                    Par::Seq,
                );
            });
        Ok(scores)
    }
}
