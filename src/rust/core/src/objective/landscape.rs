//! The repulsion that a finished map exerts on cells that are not of it.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::kernel::NEGLIGIBLE_SQUARED_DISTANCE;
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Cells evaluated between two looks at the monitor.
const CELLS_PER_TASK: usize = 64;

/// psi(x) = sum_m |y - y_m|^2 / S exp(-|x - x_m|^2) over the N cells of a map.
pub struct Landscape {
    /// Inputs of the cells, N x D by rows.
    y: Vec<f64>,
    inputs: usize,
    /// The map, N x d by rows.
    x: Vec<f64>,
    d: usize,
    /// S, the sum of |y_n - y_m|^2 over ordered pairs.
    total: f64,
}

/// psi at one cell, and its gradient there.
#[derive(Debug, Clone, PartialEq)]
pub struct Potential {
    /// psi(x).
    pub psi: f64,
    /// d psi / dx, d numbers.
    pub gradient: Vec<f64>,
}

impl Landscape {
    /// `y`: N x D inputs of the map's cells; `x`: their places, N x d.
    pub fn new(y: ArrayView2<'_, f64>, x: ArrayView2<'_, f64>) -> Result<Self> {
        if y.nrows() != x.nrows() || x.ncols() == 0 || y.ncols() == 0 {
            return Err(Error::input(
                format!(
                    "The map has {} cells in {} dimensions, its inputs {} cells and {} features.",
                    x.nrows(),
                    x.ncols(),
                    y.nrows(),
                    y.ncols()
                ),
                "Give the inputs that the map was made from.",
            ));
        }
        let total = super::fields::Fields::new(y)?.total;
        Ok(Landscape {
            y: y.iter().copied().collect(),
            inputs: y.ncols(),
            x: x.iter().copied().collect(),
            d: x.ncols(),
            total,
        })
    }

    /// Number of cells of the map.
    pub fn n(&self) -> usize {
        self.x.len() / self.d
    }

    /// Dimensions of the map.
    pub fn d(&self) -> usize {
        self.d
    }

    /// The map, N x d by rows.
    pub fn map(&self) -> &[f64] {
        &self.x
    }

    /// psi and its gradient for some rows of `queries` at the points `x` (by rows, one for
    /// each of `cells`).
    pub fn evaluate(
        &self,
        queries: ArrayView2<'_, f64>,
        cells: &[u32],
        x: &[f64],
        monitor: &dyn Monitor,
    ) -> Result<Vec<Potential>> {
        let parts: Vec<Vec<Potential>> = cells
            .par_chunks(CELLS_PER_TASK)
            .zip(x.par_chunks(CELLS_PER_TASK * self.d))
            .map(|(cells, x)| {
                monitor.check()?;
                let points = cells.iter().zip(x.chunks_exact(self.d));
                let potential = |(&cell, x): (&u32, &[f64])| {
                    let y: Vec<f64> = queries.row(cell as usize).to_vec();
                    self.sum_over_cells(&y, x)
                };
                Ok(points.map(potential).collect())
            })
            .collect::<Result<_>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn sum_over_cells(&self, y: &[f64], x: &[f64]) -> Potential {
        let mut psi = 0.0;
        let mut gradient = vec![0.0; self.d];
        let cells = self
            .y
            .chunks_exact(self.inputs)
            .zip(self.x.chunks_exact(self.d));
        for (y_m, x_m) in cells {
            let near: f64 = x.iter().zip(x_m).map(|(a, b)| (a - b) * (a - b)).sum();
            if near > NEGLIGIBLE_SQUARED_DISTANCE {
                continue;
            }
            let weight = crate::neighbors::squared_distance(y, y_m) / self.total;
            let pull = weight * (-near).exp();
            psi += pull;
            for a in 0..self.d {
                gradient[a] -= 2.0 * pull * (x[a] - x_m[a]);
            }
        }
        Potential { psi, gradient }
    }
}
