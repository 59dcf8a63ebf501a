//! The network that learns an embedding: X = f(Y) for cells that it has seen and for others.
//!
//! [`Network`] holds the parameters, [`pass`] runs cells through it and gradients back,
//! [`optimizer`] takes the steps. Everything is generic over the number type: training is
//! in single precision, and gradients are checked in double.

pub mod activation;
mod architecture;
mod elementwise;
mod moments;
pub mod optimizer;
pub mod pass;
mod points;
mod real;
mod schedule;

pub use activation::Activation;
pub use architecture::{Architecture, LayerLayout, Layout, Options, Program};
pub use moments::Moments;
pub use points::{Points, Standard};
pub use real::Real;
pub use schedule::{Decay, Schedule};

use crate::random::Stream;
use crate::{Error, Result};

/// Stream of the initial weights.
const WEIGHT_STREAM: u64 = 0x0eed;

/// A network with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Network<T> {
    architecture: Architecture,
    layout: Layout,
    /// All parameters, as `layout` says.
    pub values: Vec<T>,
    /// What stands for the mean and variance of a batch when single cells are mapped. Every hidden
    /// layer has one, or none has without normalisation.
    pub moments: Vec<Moments>,
}

impl<T: Real> Network<T> {
    /// Weights drawn from N(0, `deviation`^2); biases and beta 0, gamma 1, as the original.
    pub fn initial(architecture: Architecture, deviation: f64, seed: u64) -> Result<Self> {
        architecture.check()?;
        architecture::check_initial_sd(deviation)?;
        let layout = layout_of(&architecture)?;
        let stream = Stream::new(seed, WEIGHT_STREAM);
        let mut values = vec![T::ZERO; layout.length];
        for layer in &layout.layers {
            for at in layer.weight.clone() {
                values[at] = T::from_f64(deviation * stream.normal(at as u64));
            }
            values[layer.gamma.clone()].fill(T::ONE);
        }
        Ok(Network {
            moments: architecture.initial_moments(),
            architecture,
            layout,
            values,
        })
    }

    /// A network with given parameters and moments, whose numbers must be those that the
    /// architecture asks for.
    pub fn from_parts(
        architecture: Architecture,
        values: Vec<T>,
        moments: Vec<Moments>,
    ) -> Result<Self> {
        architecture.check()?;
        let layout = layout_of(&architecture)?;
        let widths = moments.iter().map(|m| (m.mean.len(), m.variance.len()));
        let wanted = architecture.hidden.iter().map(|&width| (width, width));
        let fits = if architecture.batch_norm {
            widths.eq(wanted)
        } else {
            moments.is_empty()
        };
        if values.len() != layout.length || !fits {
            return Err(Error::input(
                "The parameters do not fit the network.",
                "Give one matrix of weights and one vector of each kind for every layer.",
            ));
        }
        let network = Network {
            architecture,
            layout,
            values,
            moments,
        };
        if !network.is_finite(&network.moments) {
            return Err(Error::not_finite(
                "Parameters of the network are not finite.",
                "Train it anew.",
            ));
        }
        Ok(network)
    }

    /// Whether its parameters are numbers, and these moments too.
    pub fn is_finite(&self, moments: &[Moments]) -> bool {
        let known = |m: &Moments| {
            m.mean.iter().all(|v| v.is_finite())
                && m.variance.iter().all(|v| *v >= 0.0 && v.is_finite())
        };
        self.values.iter().all(|v| v.wide().is_finite()) && moments.iter().all(known)
    }

    /// Its shape.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Where its parameters lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// W of a layer, a row for every unit; the output layer is the last.
    pub fn weight(&self, layer: usize) -> &[T] {
        &self.values[self.layout.layers[layer].weight.clone()]
    }

    /// gamma of a hidden layer; empty without normalisation.
    pub fn gamma(&self, layer: usize) -> &[T] {
        &self.values[self.layout.layers[layer].gamma.clone()]
    }

    /// beta of a normalised layer, or its bias.
    pub fn shift(&self, layer: usize) -> &[T] {
        &self.values[self.layout.layers[layer].shift.clone()]
    }

    /// The bias of the output layer: only moves the embedding as a whole, which E does not
    /// feel, and is therefore set rather than learned.
    pub fn output_bias_mut(&mut self) -> &mut [T] {
        let last = self.layout.layers.len() - 1;
        &mut self.values[self.layout.layers[last].shift.clone()]
    }
}

fn layout_of(architecture: &Architecture) -> Result<Layout> {
    let too_large = || Error::internal("The network was not checked.", "");
    architecture.layout().ok_or_else(too_large)
}
