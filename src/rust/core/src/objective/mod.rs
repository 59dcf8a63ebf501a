//! The elastic embedding objective and its gradient.
//!
//! ```text
//! E(X) = sum_nm w+_nm |x_n - x_m|^2 + lambda sum_nm w-_nm exp(-|x_n - x_m|^2)
//! grad_n = 4 (L+ X)_n - 4 lambda sum_m w-_nm exp(-|x_n - x_m|^2) (x_n - x_m)
//! ```
//!
//! over ordered pairs, W+ sparse, w-_nm = |y_n - y_m|^2 / S (Carreira-Perpinan 2010,
//! "The elastic embedding algorithm for dimensionality reduction", equations 1 and 2).

mod aligned;
mod attraction;
pub mod dense;
mod exact;
mod fields;
mod grid;
mod kernel;
mod landscape;
mod shape;
mod spline;

use ndarray::ArrayView2;

use crate::affinity::Weights;
use crate::monitor::Monitor;
use crate::{Error, Result};

pub use landscape::{Landscape, Potential};

use fields::Fields;
use shape::Shape;

/// How the repulsion is summed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Repulsion {
    /// Over all pairs, in O(N^2 D).
    Exact,
    /// On a grid of spacing `h`, in O(N D).
    Grid {
        /// Distance between nodes, in units of the embedding.
        h: f64,
    },
}

/// What the caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Method {
    /// Whichever costs less.
    Auto,
    /// Always over all pairs.
    Exact,
    /// Always on a grid; needs at most three dimensions.
    Grid,
}

/// The two parts of E(X).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// sum_nm w+_nm |x_n - x_m|^2
    pub attraction: f64,
    /// lambda sum_nm w-_nm exp(-|x_n - x_m|^2)
    pub repulsion: f64,
}

impl Energy {
    /// E(X).
    pub fn total(&self) -> f64 {
        self.attraction + self.repulsion
    }
}

/// Widest spacing of the grid: keeps the gradient of E- to 6e-4.
const WIDEST_SPACING: f64 = 0.18;

/// Nodes per standard deviation of the embedding: where all points lie within a few
/// nodes of each other the spacing follows their spread, or the gradient, which
/// vanishes with the spread, would drown in the error of the grid.
const NODES_PER_DEVIATION: f64 = 2.0;

/// Finest spacing of the grid: neighbouring taps of its kernel differ by h^2, which is
/// not to drown in rounding.
const FINEST_SPACING: f64 = 1e-6;

/// Largest grid that is planned, in bytes.
const GRID_BYTES: f64 = 2e9;

/// Growth of the grid between two plans, beyond which a trial point is refused.
const GROWTH: f64 = 2.0;

/// The objective of one data set. Reuses its buffers between evaluations.
#[derive(Debug)]
pub struct Objective {
    weights: Weights,
    fields: Fields,
    lambda: f64,
    d: usize,
    workspace: grid::Workspace,
}

impl Objective {
    /// `y`: N x D inputs; `weights`: W+ of the same N points; d: columns of X.
    pub fn new(y: ArrayView2<f64>, weights: Weights, lambda: f64, d: usize) -> Result<Self> {
        if weights.n() != y.nrows() {
            return Err(Error::input(
                format!(
                    "There are weights for {} cells but inputs for {}.",
                    weights.n(),
                    y.nrows()
                ),
                "Compute the affinities from the same cells.",
            ));
        }
        if d == 0 || d > 50 {
            return Err(Error::dimension(
                format!("The embedding would have {d} dimensions."),
                "Give 1 to 50 dimensions; 2 is usual.",
            ));
        }
        let fields = Fields::new(y)?;
        Ok(Objective {
            weights,
            fields,
            lambda: check_lambda(lambda)?,
            d,
            workspace: grid::Workspace::default(),
        })
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.fields.n
    }

    /// Dimensions of the embedding.
    pub fn d(&self) -> usize {
        self.d
    }

    /// W+.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The weight of the repulsion.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// Changes the weight of the repulsion.
    pub fn set_lambda(&mut self, lambda: f64) -> Result<()> {
        self.lambda = check_lambda(lambda)?;
        Ok(())
    }

    /// A number that identifies inputs and weights.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        self.fields.bytes(|bytes| hash.update(bytes));
        hash.update(&self.weights.fingerprint().to_le_bytes());
        hash.digest()
    }

    /// Chooses the way to sum the repulsion at X.
    pub fn plan(&self, x: &[f64], method: Method) -> Result<Repulsion> {
        self.plan_at(x, &Shape::of(x, self.d), method)
    }

    fn plan_at(&self, x: &[f64], shape: &Shape, method: Method) -> Result<Repulsion> {
        let grid = Repulsion::Grid {
            h: spacing(shape.deviation),
        };
        let cost = self.grid_cost(x, shape, grid);
        match method {
            Method::Exact => Ok(Repulsion::Exact),
            Method::Grid if self.d > 3 => Err(Error::dimension(
                format!("`method = \"grid\"` cannot embed in {} dimensions.", self.d),
                "Use at most 3 dimensions, or `method = \"exact\"`.",
            )),
            Method::Grid => match cost {
                Some(_) => Ok(grid),
                None => Err(Error::memory(
                    format!(
                        "The embedding is so wide that its grid would take more than {:.1} GB.",
                        GRID_BYTES / 1e9
                    ),
                    "Use `method = \"auto\"`, which sums far-apart points directly.",
                )),
            },
            Method::Auto => match cost {
                Some(flops) if flops < self.exact_cost() => Ok(grid),
                _ => Ok(Repulsion::Exact),
            },
        }
    }

    /// Keeps `current` while it is accurate at X and costs less than twice the best
    /// plan, so that small changes of X do not change the approximated energy.
    pub fn replan(&self, x: &[f64], method: Method, current: Repulsion) -> Result<Repulsion> {
        let shape = Shape::of(x, self.d);
        let fresh = self.plan_at(x, &shape, method)?;
        let cost = |how| match how {
            Repulsion::Exact => Some(self.exact_cost()),
            Repulsion::Grid { .. } => self.grid_cost(x, &shape, how),
        };
        let accurate = match current {
            Repulsion::Exact => true,
            Repulsion::Grid { h } => h <= spacing(shape.deviation),
        };
        match (cost(current), cost(fresh)) {
            (Some(now), Some(then)) if accurate && now < 2.0 * then => Ok(current),
            _ => Ok(fresh),
        }
    }

    /// Multiplications and additions of a grid at X, `None` where it would be too large.
    fn grid_cost(&self, x: &[f64], shape: &Shape, how: Repulsion) -> Option<f64> {
        let Repulsion::Grid { h } = how else {
            return None;
        };
        if self.d > 3 {
            return None;
        }
        let width = self.fields.width;
        let tiling = grid::Tiling::covering(shape, h)?;
        let points = grid::point_flops(self.n(), self.d, width);
        let cost = |sources: grid::TileSet| {
            let passes = grid::Passes::new(&tiling, sources.clone(), sources);
            (passes.bytes(width), points + passes.flops(width))
        };
        let (mut bytes, mut flops) = cost(tiling.everywhere());
        // Which tiles have points matters where the nodes cost more than the points.
        if bytes > GRID_BYTES || flops > 2.0 * points {
            (bytes, flops) = cost(match self.d {
                1 => tiling.occupied::<1>(x.as_chunks().0),
                2 => tiling.occupied::<2>(x.as_chunks().0),
                _ => tiling.occupied::<3>(x.as_chunks().0),
            });
        }
        (bytes <= GRID_BYTES).then_some(flops)
    }

    /// Multiplications and additions of the exact sum; the constant is what a pair
    /// costs beside its weight, the exponential included, measured in such units.
    fn exact_cost(&self) -> f64 {
        (self.n() as f64).powi(2) * (2 * self.fields.inputs + 60) as f64
    }

    /// E(X); its gradient replaces `gradient`. X by rows, N x d. Where the monitor
    /// cancels, the error leaves `gradient` unusable.
    pub fn evaluate(
        &mut self,
        x: &[f64],
        how: Repulsion,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<Energy> {
        let attraction = attraction::evaluate(&self.weights, x, self.d, gradient);
        let repulsion = self.lambda * self.repulsion(x, how, self.lambda, gradient, monitor)?;
        Ok(Energy {
            attraction,
            repulsion,
        })
    }

    /// sum_nm w-_nm exp(-|x_n - x_m|^2); `scale` times its gradient is added to `gradient`.
    pub fn repulsion(
        &mut self,
        x: &[f64],
        how: Repulsion,
        scale: f64,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<f64> {
        match how {
            Repulsion::Exact => exact::evaluate(&self.fields, x, self.d, scale, gradient, monitor),
            Repulsion::Grid { h } => {
                let too_wide = || {
                    Error::memory(
                        "The embedding is too wide for its grid.",
                        "Use `method = \"auto\"` or `method = \"exact\"`.",
                    )
                };
                let tiling =
                    grid::Tiling::covering(&Shape::of(x, self.d), h).ok_or_else(too_wide)?;
                let Objective {
                    fields,
                    workspace,
                    d,
                    ..
                } = self;
                let evaluate = match d {
                    1 => grid::evaluate::<1>,
                    2 => grid::evaluate::<2>,
                    _ => grid::evaluate::<3>,
                };
                let most_bytes = GROWTH * GRID_BYTES;
                evaluate(fields, x, &tiling, most_bytes, workspace, scale, gradient)
                    .ok_or_else(too_wide)
            }
        }
    }
}

fn check_lambda(lambda: f64) -> Result<f64> {
    if lambda >= 0.0 && lambda.is_finite() {
        return Ok(lambda);
    }
    Err(Error::input(
        format!("`lambda` is {lambda}."),
        "Give a finite number that is not negative; 1 to 100 are usual.",
    ))
}

/// Grid spacing for the standard deviation of X, a power of two times the widest.
fn spacing(deviation: f64) -> f64 {
    let wanted = (deviation / NODES_PER_DEVIATION).clamp(FINEST_SPACING, WIDEST_SPACING);
    WIDEST_SPACING * (wanted / WIDEST_SPACING).log2().floor().exp2()
}
