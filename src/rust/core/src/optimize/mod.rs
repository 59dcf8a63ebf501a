//! Minimises E(X): L-BFGS upon the spectral direction, as a state to step
//! through rather than a loop that is waited for.

mod curvature;
pub mod direction;
mod joining;
mod line_search;
mod options;
mod placement;
mod reweighted;
mod schedule;
mod spectral;
mod start;
mod state;
mod stopping;
mod turn;

use std::time::Instant;

use ndarray::ArrayView2;

use crate::monitor::Monitor;
use crate::objective::{is_planned, Energy, Objective, Plan, Resolution};
use crate::session::{Stop, TraceRow};
use crate::vector::{self, centre, largest, norm};
use crate::{Error, Result};

pub use joining::{join, JOINING_TOLERANCE};
pub use options::{Options, DEFAULT_SHARE_TOLERANCE};
pub use placement::place;
pub use schedule::RepulsionPath;
pub use start::Start;
pub use state::State;
pub use turn::turned;

use direction::{Memory, Preconditioner};
use schedule::ends;
use state::Course;
use stopping::Step;

/// Saddles that a run leaves.
const MOST_SADDLES: usize = 3;

/// A run of the optimiser on one objective.
pub struct Run {
    objective: Objective,
    preconditioner: Preconditioner,
    state: State,
}

impl Run {
    /// A run from the start `kind`. `y` are the inputs of the objective.
    pub fn new(
        objective: Objective,
        y: ArrayView2<f64>,
        kind: Start,
        seed: u64,
        options: Options,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let x = start::start(kind, y, objective.weights(), objective.d(), seed, monitor)?;
        Run::from_points(objective, x, options, monitor)
    }

    /// A run from the caller's X, N x d.
    pub fn from_embedding(
        objective: Objective,
        x: ArrayView2<f64>,
        options: Options,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let x = start::given(x, objective.n(), objective.d())?;
        Run::from_points(objective, x, options, monitor)
    }

    fn from_points(
        mut objective: Objective,
        x: Vec<f64>,
        options: Options,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let options = options.check()?;
        let preconditioner = Preconditioner::new(&objective)?;
        let fingerprint = objective.fingerprint();
        let at = Resolution::Fine;
        let state = first_state(&mut objective, fingerprint, options, x, at, monitor)?;
        Ok(Run {
            objective,
            preconditioner,
            state,
        })
    }

    /// Lets a run that has just begun go on to further values of lambda (or rho). Each stage starts
    /// from the map of the one before (the homotopy of Carreira-Perpinan 2010, section 4). When
    /// each ends the schedule says; `each`: iterations of every stage but the last.
    ///
    /// While it unfolds, E is that of [`Resolution::Coarse`].
    pub fn follow(
        mut self,
        further: &[f64],
        each: Option<u64>,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        if further.is_empty() {
            return Ok(self);
        }
        let Run {
            objective, state, ..
        } = &mut self;
        for &number in further {
            objective.weight().with_number(number).check()?;
        }
        if objective.has_coarse() {
            let x = std::mem::take(&mut state.x);
            let (fingerprint, options, at) = (state.fingerprint, state.options, Resolution::Coarse);
            *state = first_state(objective, fingerprint, options, x, at, monitor)?;
        }
        state.lambdas.extend_from_slice(further);
        state.ends = ends(&state.lambdas, each, state.options.maxit);
        Ok(self)
    }

    /// Begins a new run of as many iterations at another lambda (or rho) from the map of this
    /// one. An error leaves this one as it was.
    pub fn restart(&mut self, lambda: f64, monitor: &dyn Monitor) -> Result<()> {
        let Run {
            objective, state, ..
        } = self;
        let before = objective.weight();
        objective.set_weight(before.with_number(lambda))?;
        let (fingerprint, options, at) = (state.fingerprint, state.options, Resolution::Fine);
        match first_state(
            objective,
            fingerprint,
            options,
            state.x.clone(),
            at,
            monitor,
        ) {
            Ok(first) => {
                *state = first;
                Ok(())
            }
            Err(error) => {
                objective.set_weight(before)?;
                Err(error)
            }
        }
    }

    /// Takes up a run where `state` left it. The objective must be the one it was
    /// written for, with the first lambda, and `further` those that it followed.
    pub fn resume(mut objective: Objective, further: &[f64], state: State) -> Result<Self> {
        let lambdas: Vec<f64> = std::iter::once(objective.weight().number())
            .chain(further.iter().copied())
            .collect();
        let numbers = objective.n() * objective.d();
        if state.fingerprint != objective.fingerprint()
            || state.lambdas != lambdas
            || state.stage >= lambdas.len()
            || state.ends.len() + 1 != lambdas.len()
            || state.x.len() != numbers
            || state.gradient.len() != numbers
            || !state.memory.fits(numbers)
            || !state.course.fits(numbers)
            || !is_planned(state.how, objective.kernel())
            || state.options.check().is_err()
        {
            return Err(Error::input(
                "The saved state belongs to other data, affinities, `kernel`, `lambda` or `d`.",
                "Call with the same arguments as the run that wrote it.",
            ));
        }
        objective.set_weight(objective.weight().with_number(lambdas[state.stage]))?;
        let preconditioner = Preconditioner::new(&objective)?;
        Ok(Run {
            objective,
            preconditioner,
            state,
        })
    }

    /// Runs until `iterations` more are done, the run ends, or the monitor cancels it.
    /// Whatever the reason, the run is whole afterwards and can go on.
    pub fn advance(&mut self, iterations: u64, monitor: &dyn Monitor) -> Result<()> {
        let remaining = self
            .state
            .options
            .maxit
            .saturating_sub(self.state.iteration);
        let iterations = iterations.min(remaining);
        monitor.stage("embedding", iterations as usize);
        // Where an interrupt left it open.
        match self.examine(monitor) {
            Err(Error::Interrupted(_)) => return Ok(()),
            other => other?,
        }
        for _ in 0..iterations {
            if monitor.cancelled() {
                return Ok(());
            }
            loop {
                match self.next_stage(monitor) {
                    Err(Error::Interrupted(_)) => return Ok(()),
                    Ok(false) => break,
                    other => other?,
                };
            }
            if self.state.stopped.is_some() {
                return Ok(());
            }
            match self.iterate(monitor) {
                Err(Error::Interrupted(_)) => return Ok(()),
                other => other?,
            }
            monitor.advance(1);
            match self.examine(monitor) {
                Err(Error::Interrupted(_)) => return Ok(()),
                other => other?,
            }
        }
        if self.stopped().is_none() && self.state.iteration >= self.state.options.maxit {
            self.state.stopped = Some(Stop::Iterations);
        }
        Ok(())
    }

    /// Goes to the next lambda, if there is one and its time has come; says whether it did.
    fn next_stage(&mut self, monitor: &dyn Monitor) -> Result<bool> {
        let Run {
            objective, state, ..
        } = self;
        let Some(&end) = state.ends.get(state.stage) else {
            return Ok(false);
        };
        if state.stopped.is_none() && state.iteration < end {
            return Ok(false);
        }
        let lambda = state.lambdas[state.stage + 1];
        let before = objective.weight();
        objective.set_weight(before.with_number(lambda))?;
        let at = state.resolution_of(state.stage + 1);
        // A weak repulsion may have drawn all cells into one point, which a stronger one cannot
        // leave.
        let x = start::reopened(&state.x);
        let mut gradient = vec![0.0; x.len()];
        let evaluated = objective
            .replan(&x, state.options.method, at, state.how)
            .and_then(|how| {
                let energy = objective.evaluate(&x, how, at, &mut gradient, monitor)?;
                Ok((how, energy))
            });
        let (how, energy) = match evaluated {
            Ok(found) => found,
            Err(error) => {
                objective.set_weight(before)?;
                return Err(error);
            }
        };
        state.x = x;
        state.how = how;
        state.stage += 1;
        state.stopped = None;
        state.memory = Memory::default();
        state.loss = energy.total();
        state.gradient = gradient;
        Ok(true)
    }

    /// One iteration; an error leaves the state as it was.
    fn iterate(&mut self, monitor: &dyn Monitor) -> Result<()> {
        let started = Instant::now();
        let Run {
            objective,
            preconditioner,
            state,
        } = self;
        let d = objective.d();

        let at = state.resolution_of(state.stage);
        let how = objective.replan(&state.x, state.options.method, at, state.how)?;
        if how != state.how {
            // Another approximation of E: what was learned of the old one does not fit.
            let mut gradient = vec![0.0; state.x.len()];
            let energy = objective.evaluate(&state.x, how, at, &mut gradient, monitor)?;
            state.how = how;
            state.memory = Memory::default();
            state.loss = energy.total();
            state.gradient = gradient;
        }
        preconditioner.reweigh(&state.x);
        // E does not change under translation, unless cells are fixed; centred points keep their
        // digits.
        let fixed = objective.fixed();
        let search_direction = |memory: &Memory, gradient: &[f64]| {
            let mut direction = memory.direction(gradient, d, preconditioner);
            if fixed == 0 {
                centre(&mut direction, d);
            }
            let slope = vector::dot(&direction, gradient);
            (direction, slope)
        };
        let (direction, slope) = if let Course::Downwards(direction) = &state.course {
            out_of_saddle(direction, &state.gradient)
        } else {
            let (direction, slope) = search_direction(&state.memory, &state.gradient);
            if slope < 0.0 {
                (direction, slope)
            } else {
                state.memory = Memory::default();
                search_direction(&state.memory, &state.gradient)
            }
        };
        // A step at most doubles the embedding: around a narrow start E is flat, and the
        // quadratic model knows nothing of what lies beyond.
        let longest = largest(&state.x) / largest(&direction);
        let accepted = if slope < 0.0 && longest > 0.0 {
            line_search::search(
                |x, gradient| match objective.evaluate(x, how, at, gradient, monitor) {
                    // A trial far outside the grid; a shorter step will fit.
                    Err(Error::Memory(_)) => Ok(Energy::INFINITE),
                    // Or where no pair repels in double precision: the logarithm has no bottom.
                    Ok(energy) if !(energy.is_finite() && norm(gradient).is_finite()) => {
                        Ok(Energy::INFINITE)
                    }
                    other => other,
                },
                &state.x,
                state.loss,
                &direction,
                slope,
                longest,
            )?
        } else {
            None
        };
        let course = std::mem::replace(&mut state.course, Course::Onwards);
        let Some(accepted) = accepted else {
            state.stopped = Some(match course {
                Course::Downwards(_) => Stop::Converged,
                _ => Stop::Precision,
            });
            return Ok(());
        };
        let step = difference(&accepted.x, &state.x);
        let change = difference(&accepted.gradient, &state.gradient);
        let moved = norm(&step) / norm(&accepted.x[fixed * d..]);
        state.memory.push(step, change);
        state.x = accepted.x;
        state.gradient = accepted.gradient;
        state.loss = accepted.energy.total();
        state.iteration += 1;
        let last = state.trace.last().map_or(0.0, |row| row.seconds);
        state.trace.push(TraceRow {
            iteration: state.iteration,
            stage: state.stage as u64,
            lambda: accepted.energy.lambda,
            loss: state.loss,
            gradient_norm: norm(&state.gradient),
            learning_rate: None,
            batch_loss: None,
            seconds: last + started.elapsed().as_secs_f64(),
        });
        let first = state
            .trace
            .partition_point(|row| row.stage < state.stage as u64);
        let left = state
            .saddles
            .last()
            .map_or(0, |&iteration| iteration as usize);
        let step = Step {
            moved,
            slope: norm(&state.gradient) * norm(&state.x),
            stage: &state.trace[first.max(left)..],
            last_stage: state.stage + 1 == state.lambdas.len(),
        };
        if step.has_converged(objective.weight(), state.options.tol) {
            // Cells that join a map start where their neighbours are, in no saddle of this kind.
            if step.last_stage && fixed == 0 && state.saddles.len() < MOST_SADDLES {
                state.course = Course::AtRest;
                state.memory = Memory::default();
            } else {
                state.stopped = Some(Stop::Converged);
            }
        }
        Ok(())
    }

    /// Tells a minimum, where the run ends, from a saddle, which it leaves. An error leaves the
    /// state as it was.
    fn examine(&mut self, monitor: &dyn Monitor) -> Result<()> {
        let Run {
            objective, state, ..
        } = self;
        if !matches!(state.course, Course::AtRest) {
            return Ok(());
        }
        let (x, gradient, draw) = (&state.x, &state.gradient, state.saddles.len() as u64);
        let found = curvature::downwards(objective, x, gradient, state.how, draw, monitor)?;
        state.course = match found {
            Some(direction) => {
                state.saddles.push(state.iteration);
                Course::Downwards(direction)
            }
            None => {
                state.stopped = Some(Stop::Converged);
                Course::Onwards
            }
        };
        Ok(())
    }

    /// X by rows, N x d; its mean is at the origin, unless cells are fixed.
    pub fn embedding(&self) -> &[f64] {
        &self.state.x
    }

    /// Dimensions of X.
    pub fn d(&self) -> usize {
        self.objective.d()
    }

    /// E(X).
    pub fn loss(&self) -> f64 {
        self.state.loss
    }

    /// Iterations done.
    pub fn iteration(&self) -> u64 {
        self.state.iteration
    }

    /// The history, the start included.
    pub fn trace(&self) -> &[TraceRow] {
        &self.state.trace
    }

    /// What determines the run; a resumed one keeps what it was started with.
    pub fn options(&self) -> Options {
        self.state.options
    }

    /// Why the run ended, if it has: one that has converged at a lambda other than the last goes
    /// on.
    pub fn stopped(&self) -> Option<Stop> {
        let last = self.state.stage + 1 == self.state.lambdas.len();
        let ends = |&reason: &Stop| last || reason == Stop::Iterations;
        self.state.stopped.filter(ends)
    }

    /// How the repulsion is summed at present.
    pub fn plan(&self) -> Plan {
        self.state.how
    }

    /// The objective, where the run is no longer wanted.
    pub fn into_objective(self) -> Objective {
        self.objective
    }

    /// What to save in order to resume.
    pub fn state(&self) -> &State {
        &self.state
    }
}

/// A run that has done no iteration yet.
fn first_state(
    objective: &mut Objective,
    fingerprint: u64,
    options: Options,
    x: Vec<f64>,
    at: Resolution,
    monitor: &dyn Monitor,
) -> Result<State> {
    let how = objective.plan(&x, options.method, at)?;
    let mut gradient = vec![0.0; x.len()];
    let started = Instant::now();
    let energy = objective.evaluate(&x, how, at, &mut gradient, monitor)?;
    let loss = energy.total();
    if !energy.is_finite() {
        return Err(Error::input(
            "The loss of the starting embedding is not finite.",
            "Scale `init` or `lambda` down.",
        ));
    }
    let first = TraceRow {
        iteration: 0,
        stage: 0,
        lambda: energy.lambda,
        loss,
        gradient_norm: norm(&gradient),
        learning_rate: None,
        batch_loss: None,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok(State {
        options,
        fingerprint,
        lambdas: vec![objective.weight().number()],
        ends: Vec::new(),
        stage: 0,
        iteration: 0,
        x,
        gradient,
        loss,
        how,
        memory: Memory::default(),
        trace: vec![first],
        stopped: None,
        course: Course::Onwards,
        saddles: Vec::new(),
    })
}

/// The direction of the two along which E does not rise, and its slope, which is negative: at rest
/// it may be zero, and E falls by its curvature.
fn out_of_saddle(direction: &[f64], gradient: &[f64]) -> (Vec<f64>, f64) {
    let slope = vector::dot(direction, gradient);
    let sign = if slope > 0.0 { -1.0 } else { 1.0 };
    let direction = direction.iter().map(|v| sign * v).collect();
    (direction, -slope.abs().max(f64::MIN_POSITIVE))
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}
