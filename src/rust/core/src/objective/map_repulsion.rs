//! The repulsion that a finished map exerts on cells that are not of it.

use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::factors::Factors;
use super::grid::map_fields::MapFields;
use super::kernel::{Grids, Kernel};
use super::plan::Method;
use super::planner::spacing;
use super::repulsion::grid::{GRID_BYTES, PYRAMID_BYTES};
use super::shape::Shape;
use crate::masses::Masses;
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Cells evaluated between two looks at the monitor.
const CELLS_PER_TASK: usize = 64;

/// Cells of a map whose kernel is computed at once.
const BLOCK: usize = 64;

/// Cells of a map up to which their sum is taken for every new cell.
const MOST_SUMMED: usize = 1000;

/// Evaluations whose sums the making of a grid may cost: some hundred cells come to rest with them.
/// The number of new cells does not enter, so that a place does not depend on company.
const EVALUATIONS: f64 = 2e4;

/// Multiplications and additions of the sum over a map of n cells for one new cell. The constant is
/// what a cell costs beside its weight, measured in such units.
fn sum_flops(n: usize, inputs: usize) -> f64 {
    (n * (2 * inputs + 60)) as f64
}

/// psi(x) = sum_m w-_m k(|x - x_m|^2) over the N cells of a map, w-_m = |y - y_m|^2 / S and its
/// uniform part.
pub struct MapRepulsion {
    /// How many cells each cell of the map stands for.
    masses: Masses,
    /// Inputs of the cells about their mean, N x D by rows; none where the fields reach as far
    /// as the kernel does.
    y: Vec<f64>,
    mean: Vec<f64>,
    /// The map, N x d by rows.
    x: Vec<f64>,
    d: usize,
    kernel: Kernel,
    /// S, what the weights of all ordered pairs of the map are divided by.
    total: f64,
    /// See [`Factors::offset`].
    offset: f64,
    /// The fields of the map, where they are not summed cell by cell.
    fields: Option<MapFields>,
}

/// The fields of a map with spacing `h`, or, where a pyramid would need too many nodes, with the
/// coarsest.
fn fields_of<const D: usize>(
    factors: &Factors,
    x: &[f64],
    grids: Grids,
    h: f64,
    most_flops: f64,
) -> Option<MapFields> {
    match grids {
        Grids::Gaussian { .. } => MapFields::from_grid::<D>(factors, x, h, GRID_BYTES, most_flops),
        Grids::Pyramid {
            density, coarsest, ..
        } => [h, h.max(coarsest)].into_iter().find_map(|h| {
            MapFields::from_pyramid::<D>(factors, x, density, h, PYRAMID_BYTES, most_flops)
        }),
    }
}

/// psi at one cell, and its gradient there.
#[derive(Debug, Clone, PartialEq)]
pub struct Potential {
    /// psi(x).
    pub psi: f64,
    /// d psi / dx, d numbers.
    pub gradient: Vec<f64>,
}

impl MapRepulsion {
    /// `y`: N x D inputs of the map's cells; `x`: their places, N x d; `uniform`: the uniform part
    /// of the weights. `Method::Auto` takes a grid for more than 1,000 cells in up to 3 dimensions,
    /// unless it is too dear to make.
    pub fn new(
        y: ArrayView2<'_, f64>,
        x: ArrayView2<'_, f64>,
        kernel: Kernel,
        uniform: f64,
        method: Method,
    ) -> Result<Self> {
        MapRepulsion::of_masses(y, x, Masses::Ones(x.nrows()), kernel, uniform, method)
    }

    /// The same where each cell of the map stands for as many cells as its mass says.
    pub fn of_masses(
        y: ArrayView2<'_, f64>,
        x: ArrayView2<'_, f64>,
        masses: Masses,
        kernel: Kernel,
        uniform: f64,
        method: Method,
    ) -> Result<Self> {
        if [y.nrows(), masses.n()] != [x.nrows(); 2] || x.ncols() == 0 || y.ncols() == 0 {
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
        let mean = Factors::mean(y, &masses);
        let mut factors = Factors::new(y, masses.clone())?;
        factors.mix_uniform(uniform);
        let (n, d) = x.dim();
        let x: Vec<f64> = x.iter().copied().collect();
        let most_flops = match method {
            Method::Exact => 0.0,
            Method::Grid => f64::INFINITY,
            Method::Auto if n > MOST_SUMMED => EVALUATIONS * sum_flops(n, y.ncols()),
            Method::Auto => 0.0,
        };
        let grids = kernel.grids();
        let h = spacing(kernel, Shape::new(&x, d).deviation);
        let fields = match d {
            _ if most_flops == 0.0 => None,
            1 => fields_of::<1>(&factors, &x, grids, h, most_flops),
            2 => fields_of::<2>(&factors, &x, grids, h, most_flops),
            3 => fields_of::<3>(&factors, &x, grids, h, most_flops),
            _ => None,
        };
        let centred = |row: ArrayView1<'_, f64>| -> Vec<f64> {
            row.iter().zip(&mean).map(|(y, mean)| y - mean).collect()
        };
        let y = match (&fields, grids) {
            (Some(_), Grids::Gaussian { .. }) => Vec::new(),
            _ => y.outer_iter().flat_map(centred).collect(),
        };
        Ok(MapRepulsion {
            masses,
            y,
            mean,
            x,
            d,
            kernel,
            total: factors.total,
            offset: factors.offset,
            fields,
        })
    }

    /// How many cells each cell of the map stands for.
    pub fn masses(&self) -> &Masses {
        &self.masses
    }

    /// Dimensions of the map.
    pub fn d(&self) -> usize {
        self.d
    }

    /// How its cells repel.
    pub fn kernel(&self) -> Kernel {
        self.kernel
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
                    let row = queries.row(cell as usize);
                    let y: Vec<f64> = row.iter().zip(&self.mean).map(|(y, m)| y - m).collect();
                    self.read_nodes(&y, x)
                        .unwrap_or_else(|| self.sum_over_cells(&y, x))
                };
                Ok(points.map(potential).collect())
            })
            .collect::<Result<_>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Where there are nodes, and they reach.
    fn read_nodes(&self, y: &[f64], x: &[f64]) -> Option<Potential> {
        let fields = self.fields.as_ref()?;
        let (psi, mut gradient) = match self.d {
            1 => fields.potential::<1>(y, self.offset, x),
            2 => fields.potential::<2>(y, self.offset, x),
            _ => fields.potential::<3>(y, self.offset, x),
        }?;
        gradient.iter_mut().for_each(|g| *g /= self.total);
        Some(Potential {
            psi: psi / self.total,
            gradient,
        })
    }

    /// Zero where the nodes reach as far as the kernel, and no inputs are kept.
    fn sum_over_cells(&self, y: &[f64], x: &[f64]) -> Potential {
        let negligible = self.kernel.negligible_squared_distance();
        let mut psi = 0.0;
        let mut gradient = vec![0.0; self.d];
        let [mut values, mut slopes] = [[0.0; BLOCK]; 2];
        let inputs = self.y.chunks(BLOCK * self.mean.len());
        for (block, (inputs, points)) in inputs.zip(self.x.chunks(BLOCK * self.d)).enumerate() {
            let points = points.chunks_exact(self.d);
            for (near, x_m) in values.iter_mut().zip(points.clone()) {
                *near = x.iter().zip(x_m).map(|(a, b)| (a - b) * (a - b)).sum();
            }
            let near = values;
            let count = points.len();
            self.kernel
                .repulsions(&mut values[..count], &mut slopes[..count]);
            let cells = inputs.chunks_exact(self.mean.len()).zip(points);
            for (m, (y_m, x_m)) in cells.enumerate() {
                if near[m] > negligible {
                    continue;
                }
                let apart = crate::neighbors::squared_distance(y, y_m) + 2.0 * self.offset;
                let weight = self.masses.of(block * BLOCK + m) * apart / self.total;
                psi += weight * values[m];
                for a in 0..self.d {
                    gradient[a] -= 2.0 * weight * slopes[m] * (x[a] - x_m[a]);
                }
            }
        }
        Potential { psi, gradient }
    }
}
