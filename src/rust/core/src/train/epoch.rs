//! The steps of one epoch.

use super::batches::{assignments, shuffled};
use super::engine::StepCells;
use super::{wide, Batches, Evaluated, Run};
use crate::affinity::Sample;
use crate::monitor::Monitor;
use crate::network::pass::Dropout;
use crate::objective::{Objective, Resolution};
use crate::vector::centre;
use crate::{Error, Result};

/// Cells of a batch while a given map is learned, of n. They are few, since this needs many steps,
/// but enough for the moments of a batch. Of many cells so many are taken that all threads have
/// work.
fn pretraining_batch(n: usize) -> u64 {
    (n as u64 / 64).clamp(128, 1024)
}

impl Run {
    /// Trains for one epoch from the weights of the moment, by which all cells have been
    /// evaluated. Returns the mean E of the parts before their steps, if there are any.
    pub(super) fn train(&mut self, monitor: &dyn Monitor) -> Result<Option<f64>> {
        let Some(current) = self.current.take() else {
            return Err(Error::internal(
                "An epoch began before the last was whole.",
                "",
            ));
        };
        let options = self.state.options;
        if self.state.iteration < options.pretraining {
            self.learn_map(monitor)?;
            return Ok(None);
        }
        self.state.target = None;
        match options.batches {
            Batches::All | Batches::Accumulated => {
                let shape = self.network.architecture();
                if shape.dropout > 0.0 || shape.program.is_some() {
                    self.step_in_training_mode(monitor)?;
                } else {
                    self.step_from_all(&current, monitor)?;
                }
            }
            Batches::Shared { size } => self.steps_from_samples(size, &current, monitor)?,
            Batches::Independent { .. } => return self.steps_from_parts(monitor).map(Some),
        }
        Ok(None)
    }

    /// Factor of the learning rate after a part of the epoch.
    fn factor(&self, part: f64) -> f64 {
        let options = &self.state.options;
        let done = self.state.iteration as f64 + part;
        options.optimizer.schedule.factor(done, options.maxit)
    }

    fn dropout(&self) -> Option<Dropout> {
        let shape = self.network.architecture();
        let share = shape.dropout;
        (share > 0.0 || shape.program.is_some()).then(|| Dropout {
            share,
            seed: self.state.options.seed,
            step: self.optimizer.steps(),
        })
    }

    /// One step along the gradient that the evaluation of all cells gave.
    fn step_from_all(&mut self, current: &Evaluated, monitor: &dyn Monitor) -> Result<()> {
        let factor = self.factor(0.0);
        let keep = self.state.steps_from_all(self.network.architecture());
        let dx = narrow(&current.gradient);
        let Run {
            engine, network, ..
        } = self;
        let gradient = engine.back(network, &current.moments, keep, &dx, monitor)?;
        self.optimizer.step(&mut self.network, &gradient, factor);
        Ok(())
    }

    /// One step from all cells, with units dropped, or what else a program does in training.
    fn step_in_training_mode(&mut self, monitor: &dyn Monitor) -> Result<()> {
        let factor = self.factor(0.0);
        let step = StepCells {
            ids: None,
            dropout: self.dropout(),
            keep: self.state.options.batches == Batches::All,
        };
        let method = self.state.options.method;
        self.step(step, factor, monitor, |objective, mut x| {
            centre(&mut x, objective.d());
            let mut dx = vec![0.0; x.len()];
            let how = objective.plan(&x, method, Resolution::Fine)?;
            objective.evaluate(&x, how, Resolution::Fine, &mut dx, monitor)?;
            Ok(dx)
        })
    }

    /// A step from each batch of cells. It follows the gradient of all cells at the places T where
    /// the evaluation saw them. To it comes what the batch S says of its change since (Johnson and
    /// Zhang 2013, "Accelerating stochastic gradient descent using predictive variance reduction"):
    ///
    /// ```text
    /// g_n = N / B dE/dx_n(T) + dE_S/dx_n(X) - dE_S/dx_n(T)      for n in S
    /// ```
    ///
    /// with E_S from the pairs of S, N (N - 1) / (B (B - 1)) times each. The sum over cells
    /// is that over all of them on average, and exact while X is at T.
    fn steps_from_samples(
        &mut self,
        size: u64,
        current: &Evaluated,
        monitor: &dyn Monitor,
    ) -> Result<()> {
        let options = self.state.options;
        let n = self.objective.n();
        let batches = shuffled(n, size, options.seed, self.state.iteration);
        let assignments = assignments(&batches);
        for (b, ids) in batches.iter().enumerate() {
            monitor.check()?;
            let factor = self.factor(b as f64 / batches.len() as f64);
            self.step(
                StepCells::new(ids, self.dropout()),
                factor,
                monitor,
                |objective, mut x| {
                    let d = objective.d();
                    centre(&mut x, d);
                    let before = rows(&current.x, ids, d);
                    let sample = Sample {
                        ids,
                        batch: b as u32,
                        assignments: &assignments,
                    };
                    let mut dx = vec![0.0; x.len()];
                    objective.sampled_change(
                        &sample,
                        &before,
                        &x,
                        options.method,
                        &mut dx,
                        monitor,
                    )?;
                    let scale = n as f64 / ids.len() as f64;
                    for (dx, slope) in dx.iter_mut().zip(rows(&current.gradient, ids, d)) {
                        *dx += scale * slope;
                    }
                    Ok(dx)
                },
            )?;
        }
        Ok(())
    }

    /// A step from each part, by its own E.
    fn steps_from_parts(&mut self, monitor: &dyn Monitor) -> Result<f64> {
        let method = self.state.options.method;
        let mut parts = std::mem::take(&mut self.parts);
        let count = parts.len() as f64;
        let mut step = |(b, part): (usize, &mut super::Part)| {
            monitor.check()?;
            let factor = self.factor(b as f64 / count);
            let objective = &mut part.objective;
            let mut loss = f64::NAN;
            let step = StepCells::new(&part.ids, self.dropout());
            self.step(step, factor, monitor, |_, mut x| {
                centre(&mut x, objective.d());
                let mut dx = vec![0.0; x.len()];
                let at = Resolution::Fine;
                let how = objective.plan(&x, method, at)?;
                loss = objective.evaluate(&x, how, at, &mut dx, monitor)?.total();
                Ok(dx)
            })?;
            Ok(loss)
        };
        let losses: Result<Vec<f64>> = parts.iter_mut().enumerate().map(&mut step).collect();
        self.parts = parts;
        Ok(losses?.iter().sum::<f64>() / count)
    }

    /// Steps towards the map that the run was given: least squares, with the means of both
    /// sides left out.
    fn learn_map(&mut self, monitor: &dyn Monitor) -> Result<()> {
        let Some(target) = self.state.target.take() else {
            return Err(Error::internal("There is no map to learn.", ""));
        };
        let options = self.state.options;
        let d = self.objective.d();
        let n = self.objective.n();
        let batches = shuffled(n, pretraining_batch(n), options.seed, self.state.iteration);
        let count = batches.len() as f64;
        let mut step = |(b, ids): (usize, &Vec<u32>)| {
            monitor.check()?;
            let factor = self.factor(b as f64 / count);
            self.step(
                StepCells::new(ids, self.dropout()),
                factor,
                monitor,
                |_, mut x| {
                    let mut wanted = rows(&target, ids, d);
                    centre(&mut wanted, d);
                    centre(&mut x, d);
                    let scale = 2.0 / ids.len() as f64;
                    for (x, wanted) in x.iter_mut().zip(&wanted) {
                        *x = scale * (*x - wanted);
                    }
                    Ok(x)
                },
            )
        };
        let learned = batches.iter().enumerate().try_for_each(&mut step);
        self.state.target = Some(target);
        learned
    }

    /// Runs some cells through the network, asks `slope` for the gradient with respect to
    /// their places, and takes a step.
    fn step(
        &mut self,
        step: StepCells<'_>,
        factor: f64,
        monitor: &dyn Monitor,
        slope: impl FnOnce(&mut Objective, Vec<f64>) -> Result<Vec<f64>>,
    ) -> Result<()> {
        let Run {
            objective,
            engine,
            network,
            ..
        } = self;
        let gradient = engine.step(network, step, monitor, |x| {
            Ok(narrow(&slope(objective, wide(&x))?))
        })?;
        self.optimizer.step(&mut self.network, &gradient, factor);
        Ok(())
    }
}

/// The rows of some cells.
fn rows(x: &[f64], ids: &[u32], d: usize) -> Vec<f64> {
    let rows = ids.iter().flat_map(|&id| &x[id as usize * d..][..d]);
    rows.copied().collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}
