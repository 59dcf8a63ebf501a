//! From the features of a cell to the inputs of a network, as it was learned in training.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use serde::{Deserialize, Serialize};

use crate::preprocess::{Cells, Matrix};
use crate::{Error, Result};

/// What is done to the features of a cell, in this order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Features that enter.
    features: u64,
    /// log(1 + x)?
    log: bool,
    /// Subtracted from each feature; none where nothing is.
    centre: Vec<f64>,
    /// Divides each feature; none where nothing does.
    scale: Vec<f64>,
    /// Leads to components.
    rotation: Option<Rotation>,
    /// Is what results scaled to length 1 (cosine distances)?
    unit_length: bool,
}

/// Loadings of components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rotation {
    /// Components.
    pub components: u64,
    /// Features x components by rows.
    pub loadings: Vec<f64>,
}

impl Preprocessing {
    /// Nothing is done to `features`.
    pub fn none(features: usize) -> Self {
        Preprocessing {
            features: features as u64,
            ..Preprocessing::default()
        }
    }

    /// All steps.
    pub fn new(
        features: usize,
        log: bool,
        centre: Vec<f64>,
        scale: Vec<f64>,
        rotation: Option<Rotation>,
        unit_length: bool,
    ) -> Result<Self> {
        let steps = Preprocessing {
            features: features as u64,
            log,
            centre,
            scale,
            rotation,
            unit_length,
        };
        if steps.check() {
            return Ok(steps);
        }
        Err(Error::internal(
            "The steps of the preprocessing do not fit each other.",
            "",
        ))
    }

    /// Whether the steps fit each other and hold numbers.
    pub(super) fn check(&self) -> bool {
        let features = self.features();
        let fits = |values: &[f64]| {
            (values.is_empty() || values.len() == features) && values.iter().all(|v| v.is_finite())
        };
        let rotation = self.rotation.as_ref().is_none_or(|r| {
            let product = (r.components as usize).checked_mul(features);
            r.components > 0
                && product == Some(r.loadings.len())
                && r.loadings.iter().all(|v| v.is_finite())
        });
        features > 0
            && fits(&self.centre)
            && fits(&self.scale)
            && self.scale.iter().all(|&s| s > 0.0)
            && rotation
    }

    /// Features of a cell that enter.
    pub fn features(&self) -> usize {
        self.features as usize
    }

    /// Numbers of a cell that come out.
    pub fn outputs(&self) -> usize {
        let components = self.rotation.as_ref().map(|r| r.components);
        components.unwrap_or(self.features) as usize
    }

    /// log(1 + x)?
    pub fn log(&self) -> bool {
        self.log
    }

    /// Subtracted from each feature, if anything is.
    pub fn centre(&self) -> &[f64] {
        &self.centre
    }

    /// Divides each feature, if anything does.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// Leads to components, if there are any.
    pub fn rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref()
    }

    /// Are cells scaled to length 1?
    pub fn unit_length(&self) -> bool {
        self.unit_length
    }

    /// Inputs of some cells, by rows.
    pub(super) fn apply(
        &self,
        x: &Matrix<'_>,
        cells: Cells,
        range: Range<usize>,
        first: usize,
    ) -> Result<Vec<f64>> {
        let width = self.features();
        let mut rows = rows_of(x, cells, range.clone(), width);
        if self.log {
            if let Some(at) = rows.iter().position(|&v| v <= -1.0) {
                return Err(Error::input(
                    format!(
                        "Cell {} has the value {} in feature {}, which has no log(1 + x).",
                        first + range.start + at / width + 1,
                        rows[at],
                        at % width + 1
                    ),
                    "The model takes counts: give them as they are, not scaled.",
                ));
            }
            rows.iter_mut().for_each(|v| *v = v.ln_1p());
        }
        for row in rows.chunks_exact_mut(width) {
            row.iter_mut().zip(&self.centre).for_each(|(v, c)| *v -= c);
            row.iter_mut().zip(&self.scale).for_each(|(v, s)| *v /= s);
        }
        if let Some(rotation) = &self.rotation {
            let components = rotation.components as usize;
            let mut scores = vec![0.0; range.len() * components];
            matmul(
                MatMut::from_row_major_slice_mut(&mut scores, range.len(), components),
                Accum::Replace,
                MatRef::from_row_major_slice(&rows, range.len(), width),
                MatRef::from_row_major_slice(&rotation.loadings, width, components),
                1.0,
                Par::Seq,
            );
            rows = scores;
        }
        if self.unit_length {
            for (i, row) in rows.chunks_exact_mut(self.outputs()).enumerate() {
                // Divided by the largest first, so that no square overflows or vanishes.
                let largest = row.iter().fold(0.0f64, |largest, v| largest.max(v.abs()));
                if !(largest > 0.0) {
                    return Err(Error::input(
                        format!(
                            "Cell {} is zero in every feature: it has no direction.",
                            first + range.start + i + 1
                        ),
                        "Remove such cells.",
                    ));
                }
                row.iter_mut().for_each(|v| *v /= largest);
                let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
                row.iter_mut().for_each(|v| *v /= length);
            }
        }
        Ok(rows)
    }
}

/// Some cells of a matrix by rows, dense.
fn rows_of(x: &Matrix<'_>, cells: Cells, range: Range<usize>, width: usize) -> Vec<f64> {
    let mut rows = vec![0.0; range.len() * width];
    let first = range.start;
    match *x {
        Matrix::Dense(values) => match cells {
            // In the order in which R's matrices lie in memory.
            Cells::Rows => {
                for j in 0..width {
                    for cell in range.clone() {
                        rows[(cell - first) * width + j] = values[(cell, j)];
                    }
                }
            }
            Cells::Columns => {
                for cell in range {
                    for j in 0..width {
                        rows[(cell - first) * width + j] = values[(j, cell)];
                    }
                }
            }
        },
        Matrix::SparseColumns(sparse) => {
            let column = |j: usize| sparse.indptr[j] as usize..sparse.indptr[j + 1] as usize;
            match cells {
                Cells::Columns => {
                    for cell in range {
                        for at in column(cell) {
                            let feature = sparse.indices[at] as usize;
                            rows[(cell - first) * width + feature] = sparse.values[at];
                        }
                    }
                }
                Cells::Rows => {
                    for j in 0..width {
                        let stored = column(j);
                        let indices = &sparse.indices[stored.clone()];
                        let from = indices.partition_point(|&row| (row as usize) < first);
                        let here = indices[from..].iter().zip(&sparse.values[stored][from..]);
                        for (&row, &value) in
                            here.take_while(|(&row, _)| range.contains(&(row as usize)))
                        {
                            rows[(row as usize - first) * width + j] = value;
                        }
                    }
                }
            }
        }
    }
    rows
}
