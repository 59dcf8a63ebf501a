//! Steps along the gradient.

use serde::{Deserialize, Serialize};

use super::{Network, Real, Schedule};
use crate::{Error, Result};

/// How a gradient becomes a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1. Its
    /// weight decay is added to the gradient, or with `decoupled` taken from the weights
    /// (Loshchilov and Hutter 2019, "Decoupled weight decay regularization").
    Adam {
        /// Decay of the mean of the gradient.
        beta1: f64,
        /// Decay of the mean of its square.
        beta2: f64,
        /// Added to the root of that mean.
        epsilon: f64,
        /// AdamW?
        decoupled: bool,
    },
    /// Gradient descent with the momentum of Polyak (1964), or of Nesterov (1983).
    Sgd {
        /// Share of the last step that is taken again.
        momentum: f64,
        /// Look ahead along it?
        nesterov: bool,
    },
}

/// What determines the steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How a gradient becomes a step.
    pub rule: Rule,
    /// Learning rate.
    pub rate: f64,
    /// Pulls the weights (not the biases, gamma or beta) towards 0.
    pub weight_decay: f64,
    /// How the rate changes.
    pub schedule: Schedule,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            rule: Rule::Adam {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                decoupled: false,
            },
            rate: 0.01,
            weight_decay: 0.0,
            schedule: Schedule::default(),
        }
    }
}

impl Options {
    /// Refuses what makes no steps.
    pub fn check(self) -> Result<Self> {
        let refuse = |name: &str, value: f64, wanted: &str| {
            Err(Error::input(
                format!("`{name}` of the optimizer is {value}."),
                format!("Give {wanted}."),
            ))
        };
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return refuse(
                "lr",
                self.rate,
                "a number greater than 0; 0.01 is the default",
            );
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return refuse("weight_decay", self.weight_decay, "a number of at least 0");
        }
        let share = |value: f64| (0.0..1.0).contains(&value);
        match self.rule {
            Rule::Adam {
                beta1,
                beta2,
                epsilon,
                ..
            } => {
                for (name, beta) in [("beta1", beta1), ("beta2", beta2)] {
                    if !share(beta) {
                        return refuse(name, beta, "a number of at least 0 and below 1");
                    }
                }
                if !(epsilon > 0.0 && epsilon.is_finite()) {
                    return refuse("eps", epsilon, "a number greater than 0");
                }
            }
            Rule::Sgd { momentum, nesterov } => {
                if !share(momentum) {
                    return refuse("momentum", momentum, "a number of at least 0 and below 1");
                }
                if nesterov && momentum == 0.0 {
                    return refuse(
                        "momentum",
                        momentum,
                        "a number above 0 with nesterov = TRUE",
                    );
                }
            }
        }
        self.schedule.check()?;
        Ok(self)
    }
}

/// An optimiser with what it remembers of the gradients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Optimizer<T> {
    options: Options,
    steps: u64,
    /// Mean of the gradients (Adam), or the last step (SGD).
    first: Vec<T>,
    /// Mean of their squares (Adam).
    second: Vec<T>,
}

impl<T: Real> Optimizer<T> {
    /// For `parameters` numbers.
    pub fn new(options: Options, parameters: usize) -> Result<Self> {
        let options = options.check()?;
        let second = match options.rule {
            Rule::Adam { .. } => parameters,
            Rule::Sgd { .. } => 0,
        };
        Ok(Optimizer {
            options,
            steps: 0,
            first: vec![T::ZERO; parameters],
            second: vec![T::ZERO; second],
        })
    }

    /// What determines the steps.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether it is one for `parameters` numbers.
    pub fn fits(&self, parameters: usize) -> bool {
        self.first.len() == parameters
            && match self.options.rule {
                Rule::Adam { .. } => self.second.len() == parameters,
                Rule::Sgd { .. } => true,
            }
    }

    /// Takes a step, the learning rate times `factor` long.
    pub fn step(&mut self, network: &mut Network<T>, gradient: &[T], factor: f64) {
        let rate = self.options.rate * factor;
        let decay = self.options.weight_decay;
        self.steps += 1;
        let layers = network.layout().layers.clone();
        for layer in layers {
            for (range, decay) in [
                (layer.weight, decay),
                (layer.gamma, 0.0),
                (layer.shift, 0.0),
            ] {
                let values = &mut network.values[range.clone()];
                let gradient = &gradient[range.clone()];
                let first = &mut self.first[range.clone()];
                match self.options.rule {
                    Rule::Adam { .. } => {
                        let second = &mut self.second[range];
                        adam(
                            &self.options,
                            self.steps,
                            rate,
                            decay,
                            values,
                            gradient,
                            first,
                            second,
                        );
                    }
                    Rule::Sgd { momentum, nesterov } => {
                        sgd(momentum, nesterov, rate, decay, values, gradient, first);
                    }
                }
            }
        }
    }
}

/// m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
/// w <- w - rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
fn adam<T: Real>(
    options: &Options,
    t: u64,
    rate: f64,
    decay: f64,
    values: &mut [T],
    gradient: &[T],
    first: &mut [T],
    second: &mut [T],
) {
    let Rule::Adam {
        beta1,
        beta2,
        epsilon,
        decoupled,
    } = options.rule
    else {
        return;
    };
    // Beyond some 10^5 steps both corrections are 1.
    let t = t.min(1 << 30) as i32;
    let step = T::from_f64(rate / (1.0 - beta1.powi(t)));
    let correction = T::from_f64(1.0 / (1.0 - beta2.powi(t)).sqrt());
    let (beta1, left1) = (T::from_f64(beta1), T::from_f64(1.0 - beta1));
    let (beta2, left2) = (T::from_f64(beta2), T::from_f64(1.0 - beta2));
    let epsilon = T::from_f64(epsilon);
    let (pull, shrink) = if decoupled {
        (T::ZERO, T::from_f64(1.0 - rate * decay))
    } else {
        (T::from_f64(decay), T::ONE)
    };
    for i in 0..values.len() {
        let g = gradient[i] + pull * values[i];
        first[i] = beta1 * first[i] + left1 * g;
        second[i] = beta2 * second[i] + left2 * g * g;
        let size = second[i].root() * correction + epsilon;
        values[i] = shrink * values[i] - step * (first[i] / size);
    }
}

/// b <- momentum b + g,  w <- w - rate b, or with Nesterov w <- w - rate (g + momentum b)
fn sgd<T: Real>(
    momentum: f64,
    nesterov: bool,
    rate: f64,
    decay: f64,
    values: &mut [T],
    gradient: &[T],
    last: &mut [T],
) {
    let (momentum, rate, decay) = (T::from_f64(momentum), T::from_f64(rate), T::from_f64(decay));
    for i in 0..values.len() {
        let g = gradient[i] + decay * values[i];
        last[i] = momentum * last[i] + g;
        let along = if nesterov {
            g + momentum * last[i]
        } else {
            last[i]
        };
        values[i] -= rate * along;
    }
}
