//! The repulsion among all pairs of some cells.

use std::sync::Arc;

use ndarray::ArrayView2;

use super::fields::Fields;
use super::kernel::{with_member, Kernel};
use super::shape::Shape;
use super::{exact, grid, Method, Repulsion};
use crate::device::Summation;
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Widest spacing of the grid: keeps the gradient of E- to 6e-4.
const WIDEST_SPACING: f64 = 0.18;

/// The same for the heavy tail: keeps the gradient of E- to 1e-2, at half the spacing to
/// 1e-3 for thrice the time.
const WIDEST_STUDENT_SPACING: f64 = 0.5;

/// What a device divides that spacing by: it takes the heavy tail itself on the nodes, not a sum of
/// Gaussians that are wider than they are apart, and is off by 3e-2 with the same spacing.
const FINER_IN_A_BOX: f64 = 2.0;

/// Spacing for maps whose grids would not fit otherwise: the heavy tail is blunt at its
/// centre then, where few of so many cells lie.
pub(super) const COARSEST_SPACING: f64 = 1.0;

/// Largest pyramid that is planned, in bytes: a heavy tail spreads its map over many tiles.
pub(super) const PYRAMID_BYTES: f64 = 4e9;

/// Principal components of the inputs that count while a map unfolds: with the norm and the
/// one they fill two cache lines.
const COMPONENTS: usize = 14;

/// Nodes per standard deviation of the embedding: where all points lie within a few
/// nodes of each other the spacing follows their spread, or the gradient, which
/// vanishes with the spread, would drown in the error of the grid.
const NODES_PER_DEVIATION: f64 = 2.0;

/// Finest spacing of the grid: neighbouring taps of its kernel differ by h^2, which is
/// not to drown in rounding.
const FINEST_SPACING: f64 = 1e-6;

/// Largest grid that is planned, in bytes.
pub(super) const GRID_BYTES: f64 = 2e9;

/// Multiplications in the time that the index of one tile, with points or not, takes.
pub(super) const TILE_FLOPS: f64 = 300.0;

/// Growth of the grid between two plans, beyond which a trial point is refused.
const GROWTH: f64 = 2.0;

/// What an ordered pair costs in the sum over all, in the time of a multiplication of the grid's convolutions:
/// measured from 14 to 50 inputs and 1,000 to 20,000 points (`examples/crossover.rs`). It is little, since a pair is
/// met once for both orders, and weights come from products of matrices.
fn pair_flops(inputs: usize) -> f64 {
    0.2 * (2 * inputs + 77) as f64
}

/// psi(X) = sum_nm w-_nm k(|x_n - x_m|^2) over the pairs of some cells. Reuses its
/// buffers between evaluations.
#[derive(Debug)]
pub struct Pairs {
    fields: Arc<Fields>,
    kernel: Kernel,
    d: usize,
    workspace: grid::Workspace,
    /// Bytes that a grid may take where another device sums: one box around all points.
    boxed: Option<f64>,
    /// Whether the tail, a heavy one, may be blunt at its centre.
    coarse: bool,
    /// The factors that are summed: `fields`, or while `coarse` what is narrower.
    summed: Arc<Fields>,
}

impl Pairs {
    /// Those of all cells in the rows of `y`, in maps of `d` dimensions.
    pub fn new(y: ArrayView2<f64>, d: usize, kernel: Kernel) -> Result<Self> {
        let fields = Arc::new(Fields::new(y)?);
        Ok(Pairs {
            summed: fields.clone(),
            fields,
            kernel,
            d,
            workspace: grid::Workspace::default(),
            boxed: None,
            coarse: false,
        })
    }

    /// Those of a random sample of the cells, with weights that make their psi, on average
    /// over the samples, that of all.
    pub fn of_sample(&self, ids: &[u32]) -> Self {
        let fields = Arc::new(self.fields.of_sample(ids));
        Pairs {
            summed: fields.clone(),
            fields,
            kernel: self.kernel,
            d: self.d,
            workspace: grid::Workspace::default(),
            boxed: self.boxed,
            coarse: self.coarse,
        }
    }

    /// Plans for a device whose grid is one box of at most so many bytes.
    pub fn plan_boxes(&mut self, most_bytes: f64) {
        self.boxed = Some(most_bytes);
    }

    /// Plans for a map that is yet to unfold: a heavy tail is then summed at twice the
    /// spacing, in a third of the time, and is blunt at its centre; and of the inputs only
    /// the first principal components count, beside the norms of all. Says whether psi is
    /// another now.
    pub fn plan_coarsely(&mut self, monitor: &dyn Monitor) -> Result<bool> {
        if self.coarse || self.kernel.density().is_none() {
            return Ok(false);
        }
        if self.boxed.is_none() {
            if let Some(few) = self.fields.principal(COMPONENTS, monitor)? {
                self.summed = Arc::new(few);
            }
        }
        self.coarse = true;
        Ok(true)
    }

    /// Plans for psi itself again.
    pub fn plan_finely(&mut self) {
        self.summed = self.fields.clone();
        self.coarse = false;
    }

    /// Spacing of a grid for the standard deviation of X.
    fn spacing(&self, deviation: f64) -> f64 {
        let mut finest = spacing(self.kernel, deviation);
        if self.boxed.is_some() && self.kernel.density().is_some() {
            finest /= FINER_IN_A_BOX;
        }
        if self.coarse {
            return COARSEST_SPACING / WIDEST_STUDENT_SPACING * finest;
        }
        finest
    }

    /// The factors of W-.
    pub fn fields(&self) -> &Arc<Fields> {
        &self.fields
    }

    /// What a device has to know of a plan; refuses a grid at X that has outgrown it.
    pub fn summation(&self, x: &[f64], how: Repulsion) -> Result<Summation> {
        let Repulsion::Grid { h } = how else {
            return Ok(Summation {
                h: 0.0,
                taps: Vec::new(),
            });
        };
        let shape = Shape::of(x, self.d);
        let bytes = grid::box_bytes(&shape, h, self.fields.inputs + 2);
        if !(bytes <= GROWTH * self.boxed.unwrap_or(GRID_BYTES)) {
            return Err(too_wide());
        }
        let taps = match self.kernel.density() {
            None => grid::taps_over(&shape, h),
            Some(_) => Vec::new(),
        };
        Ok(Summation { h, taps })
    }

    /// How they repel.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Changes how they repel.
    pub fn set_kernel(&mut self, kernel: Kernel) {
        self.kernel = kernel;
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.fields.n
    }

    /// Hands the bytes that identify the inputs to `feed`.
    pub fn bytes(&self, feed: impl FnMut(&[u8])) {
        self.fields.bytes(feed);
    }

    /// Chooses the way to sum the repulsion at X.
    pub fn plan(&self, x: &[f64], method: Method) -> Result<Repulsion> {
        self.plan_of(x, method, self.n())
    }

    /// The same for `n` of the cells, which are at X.
    pub fn plan_of(&self, x: &[f64], method: Method, n: usize) -> Result<Repulsion> {
        self.plan_at(x, &Shape::of(x, self.d), method, n)
    }

    fn plan_at(&self, x: &[f64], shape: &Shape, method: Method, n: usize) -> Result<Repulsion> {
        let mut h = self.spacing(shape.deviation);
        let most = self.most_flops(method, n);
        let mut cost = self.grid_cost(x, shape, Repulsion::Grid { h }, n, most);
        if cost.is_none() && self.kernel.density().is_some() && h < COARSEST_SPACING {
            h = COARSEST_SPACING;
            cost = self.grid_cost(x, shape, Repulsion::Grid { h }, n, most);
        }
        let grid = Repulsion::Grid { h };
        match method {
            Method::Exact => Ok(Repulsion::Exact),
            Method::Grid if self.d > 3 => Err(Error::dimension(
                format!("`method = \"grid\"` cannot embed in {} dimensions.", self.d),
                "Use at most 3 dimensions, or `method = \"exact\"`.",
            )),
            Method::Grid => match cost {
                Some(_) => Ok(grid),
                // A device has no tiles, in which a wide map would find room.
                None if self.boxed.is_some() => Ok(Repulsion::Exact),
                None => Err(Error::memory(
                    format!(
                        "The embedding is so wide that its grid would take more than {:.1} GB.",
                        GRID_BYTES / 1e9
                    ),
                    "Use `method = \"auto\"`, which sums far-apart points directly.",
                )),
            },
            Method::Auto => match cost {
                Some(flops) if flops < self.exact_cost(n) => Ok(grid),
                _ => Ok(Repulsion::Exact),
            },
        }
    }

    /// Keeps `current` while it is accurate at X and costs less than twice the best
    /// plan, so that small changes of X do not change the approximated energy.
    pub fn replan(&self, x: &[f64], method: Method, current: Repulsion) -> Result<Repulsion> {
        let shape = Shape::of(x, self.d);
        let n = self.n();
        let fresh = self.plan_at(x, &shape, method, n)?;
        if fresh == current {
            return Ok(current);
        }
        let cost = |how| match how {
            Repulsion::Exact => Some(self.exact_cost(n)),
            Repulsion::Grid { .. } => self.grid_cost(x, &shape, how, n, self.most_flops(method, n)),
        };
        let accurate = match current {
            Repulsion::Exact => true,
            Repulsion::Grid { h } => h <= self.spacing(shape.deviation),
        };
        let needlessly_fine = match (current, fresh) {
            (Repulsion::Grid { h: now }, Repulsion::Grid { h: then }) => self.coarse && now < then,
            _ => false,
        };
        match (cost(current), cost(fresh)) {
            (Some(now), Some(then)) if accurate && !needlessly_fine && now < 2.0 * then => {
                Ok(current)
            }
            _ => Ok(fresh),
        }
    }

    /// What a grid may cost before it is out of the question.
    fn most_flops(&self, method: Method, n: usize) -> f64 {
        match method {
            Method::Auto => self.exact_cost(n),
            _ => f64::INFINITY,
        }
    }

    /// Multiplications and additions of a grid at X, where `n` cells are, `None` where it would be too large.
    /// Infinite where the index of its tiles alone would take longer than `most` of them: the grid of a few cells
    /// far apart is then not even planned.
    fn grid_cost(
        &self,
        x: &[f64],
        shape: &Shape,
        how: Repulsion,
        n: usize,
        most: f64,
    ) -> Option<f64> {
        let Repulsion::Grid { h } = how else {
            return None;
        };
        if self.d > 3 {
            return None;
        }
        let width = self.summed.width;
        // The cost here decides on a device too, so that both sum alike.
        if let Some(most_bytes) = self.boxed {
            if !(grid::box_bytes(shape, h, self.fields.inputs + 2) <= most_bytes) {
                return None;
            }
        }
        let points = grid::point_flops(n, self.d, width);
        if let Some(density) = self.kernel.density() {
            let ground = grid::ground(shape, h)?;
            if TILE_FLOPS * ground.tiles() as f64 > most {
                return Some(f64::INFINITY);
            }
            let pyramid = grid::Pyramid::over(&ground, self.occupied(&ground, x), density);
            return (pyramid.bytes(width) <= PYRAMID_BYTES).then(|| points + pyramid.flops(width));
        }
        let tiling = grid::Tiling::covering(shape, h)?;
        if TILE_FLOPS * tiling.tiles() as f64 > most {
            return Some(f64::INFINITY);
        }
        let cost = |sources: grid::TileSet| {
            let passes = grid::Passes::new(&tiling, sources.clone(), sources);
            (passes.bytes(width), points + passes.flops(width))
        };
        let (mut bytes, mut flops) = cost(tiling.everywhere());
        // Which tiles have points matters where the nodes cost more than the points.
        if bytes > GRID_BYTES || flops > 2.0 * points {
            (bytes, flops) = cost(self.occupied(&tiling, x));
        }
        (bytes <= GRID_BYTES).then_some(flops)
    }

    fn occupied(&self, tiling: &grid::Tiling, x: &[f64]) -> grid::TileSet {
        match self.d {
            1 => tiling.occupied::<1>(x.as_chunks().0),
            2 => tiling.occupied::<2>(x.as_chunks().0),
            _ => tiling.occupied::<3>(x.as_chunks().0),
        }
    }

    /// The exact sum, in multiplications of the grid.
    fn exact_cost(&self, n: usize) -> f64 {
        (n as f64).powi(2) * pair_flops(self.summed.inputs)
    }

    /// sum_nm w-_nm k(|x_n - x_m|^2); `scale` times its gradient is added to `gradient`.
    pub fn evaluate(
        &mut self,
        x: &[f64],
        how: Repulsion,
        scale: f64,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<f64> {
        let Repulsion::Grid { h } = how else {
            return with_member!(self.kernel, M => {
                exact::evaluate::<M>(&self.summed, x, self.d, scale, gradient, monitor)
            });
        };
        let shape = Shape::of(x, self.d);
        let Pairs {
            summed: fields,
            workspace,
            d,
            kernel,
            ..
        } = self;
        match kernel.density() {
            Some(density) => {
                let ground = grid::ground(&shape, h).ok_or_else(too_wide)?;
                let evaluate = match d {
                    1 => grid::evaluate_pyramid::<1>,
                    2 => grid::evaluate_pyramid::<2>,
                    _ => grid::evaluate_pyramid::<3>,
                };
                let most_bytes = GROWTH * PYRAMID_BYTES;
                evaluate(
                    fields, x, &ground, density, most_bytes, workspace, scale, gradient,
                )
                .ok_or_else(too_wide)
            }
            None => {
                let tiling = grid::Tiling::covering(&shape, h).ok_or_else(too_wide)?;
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

fn too_wide() -> Error {
    Error::memory(
        "The embedding is too wide for its grid.",
        "Use `method = \"auto\"` or `method = \"exact\"`.",
    )
}

/// Whether it is a way to sum that a plan may have, as one out of a file need not be.
pub(crate) fn is_planned(how: Repulsion, kernel: Kernel) -> bool {
    match how {
        Repulsion::Exact => true,
        Repulsion::Grid { h } => {
            let widest = match kernel {
                Kernel::Gaussian => WIDEST_SPACING,
                Kernel::Student => COARSEST_SPACING,
            };
            (FINEST_SPACING / 2.0..=widest).contains(&h)
        }
    }
}

/// Grid spacing for the standard deviation of X, a power of two times the widest.
pub(super) fn spacing(kernel: Kernel, deviation: f64) -> f64 {
    let widest = match kernel {
        Kernel::Gaussian => WIDEST_SPACING,
        Kernel::Student => WIDEST_STUDENT_SPACING,
    };
    let wanted = (deviation / NODES_PER_DEVIATION).clamp(FINEST_SPACING, widest);
    widest * (wanted / widest).log2().floor().exp2()
}
