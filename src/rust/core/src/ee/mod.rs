//! Elastic embedding: a map of the cells themselves.
//!
//! ```
//! use ndarray::Array2;
//! use neuralee_core::ee::{self, Options};
//! use neuralee_core::session::Session;
//!
//! # fn main() -> neuralee_core::Result<()> {
//! let points = Array2::from_shape_fn((60, 3), |(i, j)| ((7 * i + j * j) % 13) as f64);
//! let mut options = Options { maxit: 50, ..Options::default() };
//! options.affinity.perplexity = 10.0;
//! let mut session = ee::open(points.view(), &options, &())?;
//! while session.stop().is_none() {
//!     session.advance(10, &())?;
//! }
//! let map: Array2<f64> = session.embedding()?; // 60 x 2
//! # assert_eq!(map.dim(), (60, 2));
//! # assert!(session.loss() < session.trace()[0].loss);
//! # Ok(())
//! # }
//! ```

mod map;
pub(crate) mod options;

use std::path::Path;

use ndarray::{Array2, ArrayView2};

use crate::input::{Input, Prepared};
use crate::monitor::Monitor;
use crate::objective::{Objective, Plan};
use crate::optimize::{self, Run, State};
use crate::order::Order;
use crate::session::{self, Limits, Stop, Timing, TraceRow};
use crate::Result;

pub use map::{check_together, Map, MapOptions};
pub use options::Options;

/// A run on the way to a map.
pub struct Session {
    run: Run,
    order: Order,
    timing: Timing,
}

/// A new run.
pub fn open<'a>(
    input: impl Into<Input<'a>>,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Session> {
    options.check()?;
    let Prepared {
        objective,
        points,
        init,
        order,
        timing,
        ..
    } = input.into().prepare(options, 0, monitor)?;
    let init = init.as_ref().map(|init| init.view());
    let run = begin(objective, points.view(), init, options, monitor)?;
    Ok(Session { run, order, timing })
}

/// A run of the optimiser at its start.
pub(crate) fn begin(
    objective: Objective,
    points: ArrayView2<'_, f64>,
    init: Option<ArrayView2<'_, f64>>,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Run> {
    let of_run = options.run();
    let run = match init {
        Some(init) => Run::from_embedding(objective, init, of_run, monitor)?,
        None => {
            let (start, seed) = (options.init, options.seed);
            Run::new(objective, points, start, seed, of_run, monitor)?
        }
    };
    let stages = options.repulsion.stages(options.kernel)?;
    run.follow(&stages.further, stages.each, monitor)
}

/// A run taken up where `state` left it, which [`session::Session::state`] gave or
/// [`read_state`] read. Input and options must be those of the run that wrote it; it keeps its own
/// `method`, `maxit` and `tol`.
pub fn resume<'a>(
    input: impl Into<Input<'a>>,
    options: &Options,
    state: &[u8],
    monitor: &dyn Monitor,
) -> Result<Session> {
    options.check()?;
    let state = State::from_bytes(state)?;
    let Prepared {
        objective,
        order,
        timing,
        ..
    } = input.into().prepare(options, 0, monitor)?;
    let stages = options.repulsion.stages(options.kernel)?;
    let run = Run::resume(objective, &stages.further, state)?;
    Ok(Session { run, order, timing })
}

/// The bytes of a state in a file.
pub fn read_state(path: &Path) -> Result<Vec<u8>> {
    State::read(path)
}

/// Refuses bytes that no run could be resumed from, whatever the points.
pub fn check_state(state: &[u8]) -> Result<()> {
    State::from_bytes(state).map(|_| ())
}

impl Session {
    /// Begins a new run of as many iterations at another weight of the repulsion, from the map
    /// of this one. An error leaves this one as it was.
    pub fn restart(&mut self, weight: f64, monitor: &dyn Monitor) -> Result<()> {
        self.run.restart(weight, monitor)
    }
}

impl session::Session for Session {
    fn advance(&mut self, limit: u64, monitor: &dyn Monitor) -> Result<()> {
        self.run.advance(limit, monitor)
    }

    fn iteration(&self) -> u64 {
        self.run.iteration()
    }

    fn stop(&self) -> Option<Stop> {
        self.run.stopped()
    }

    fn loss(&self) -> f64 {
        self.run.loss()
    }

    fn trace(&self) -> &[TraceRow] {
        self.run.trace()
    }

    fn embedding(&self) -> Result<Array2<f64>> {
        Ok(self.order.undo(self.run.embedding(), self.run.d()))
    }

    fn plan(&self) -> Plan {
        self.run.plan()
    }

    fn limits(&self) -> Limits {
        let optimize::Options { maxit, tol, .. } = self.run.options();
        Limits { maxit, tol }
    }

    fn timing(&self) -> Timing {
        self.timing
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.run.state().to_bytes()
    }

    fn save(&self, path: &Path) -> Result<()> {
        self.run.state().save(path)
    }
}
