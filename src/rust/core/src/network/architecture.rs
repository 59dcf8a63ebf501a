//! The shape of a network, and where its parameters lie.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::moments::Moments;
use crate::dimensions::check_dimensions;
use crate::{Error, Result};

/// Most units of one layer.
const WIDEST: usize = 1 << 16;

/// Most hidden layers.
const DEEPEST: usize = 100;

/// Most parameters: 2 GB in single precision, with the optimiser's moments 6.
const MOST_PARAMETERS: usize = 1 << 29;

/// What determines a network of fully connected layers and its initial weights; the default is
/// the published one (Xiong et al. 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// What a hidden unit makes of its input.
    pub activation: Activation,
    /// Are hidden layers batch-normalised?
    pub batch_norm: bool,
    /// Share of the hidden units that is left out in each step of training.
    pub dropout: f64,
    /// Are inputs of hidden layers added to their outputs where the widths agree?
    pub residual: bool,
    /// Standard deviation of the initial weights.
    pub initial_sd: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            hidden: vec![50, 50],
            activation: Activation::Relu,
            batch_norm: true,
            dropout: 0.0,
            residual: false,
            initial_sd: 0.1,
        }
    }
}

impl Options {
    /// Refuses a network that cannot be trained, whatever the cells.
    pub fn check(&self) -> Result<()> {
        check_initial_sd(self.initial_sd)?;
        self.architecture(1, 2).check()
    }

    /// The network from `inputs` features to `outputs` dimensions.
    pub fn architecture(&self, inputs: usize, outputs: usize) -> Architecture {
        Architecture {
            inputs,
            hidden: self.hidden.clone(),
            outputs,
            activation: self.activation,
            batch_norm: self.batch_norm,
            dropout: self.dropout,
            residual: self.residual,
            program: None,
        }
    }
}

/// Refuses a standard deviation of the initial weights.
pub(super) fn check_initial_sd(deviation: f64) -> Result<()> {
    if deviation > 0.0 && deviation.is_finite() {
        return Ok(());
    }
    Err(Error::input(
        format!("The standard deviation of the initial weights is {deviation}."),
        "Give a number greater than 0; 0.1 is the default.",
    ))
}

/// A network of fully connected layers.
///
/// ```text
/// a_0 = y
/// a_l = dropout(f(norm(W_l a_{l-1}))) [+ a_{l-1}]      hidden layers l = 1 .. L
/// x   = W_{L+1} a_L + b
/// ```
///
/// `norm` is batch normalisation (Ioffe and Szegedy 2015), with scale gamma and shift beta, or
/// without it the addition of a bias. Before a normalisation a bias would have no effect. The term
/// in brackets is the residual connection, where both layers have the same width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Features of a cell, D.
    pub inputs: usize,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Dimensions of the embedding, d.
    pub outputs: usize,
    /// f.
    pub activation: Activation,
    /// Are hidden layers batch-normalised?
    pub batch_norm: bool,
    /// Share of the hidden units that is left out in each step of training.
    pub dropout: f64,
    /// Are inputs of hidden layers added to their outputs where the widths agree?
    pub residual: bool,
    /// What replaces the layers, where the user wrote it.
    pub program: Option<Program>,
}

/// A network as a TorchScript program, which only libtorch can run: x = program(y) + b. What it
/// holds of parameters is one vector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The file.
    pub bytes: Vec<u8>,
    /// Number of its parameters.
    pub parameters: usize,
}

impl Architecture {
    /// Refuses what cannot be trained.
    pub fn check(&self) -> Result<()> {
        if self.inputs == 0 {
            return Err(Error::input(
                "The network has no inputs.",
                "Give at least 1 feature.",
            ));
        }
        check_dimensions(self.outputs)?;
        if self.program.is_some() {
            return Ok(());
        }
        if self.hidden.is_empty() || self.hidden.len() > DEEPEST {
            return Err(Error::input(
                format!("The network has {} hidden layers.", self.hidden.len()),
                format!("Give the widths of 1 to {DEEPEST} layers; c(50, 50) is usual."),
            ));
        }
        if let Some(width) = self.hidden.iter().find(|&&w| w == 0 || w > WIDEST) {
            return Err(Error::input(
                format!("A hidden layer has {width} units."),
                format!("Give widths from 1 to {WIDEST}; c(50, 50) is usual."),
            ));
        }
        if !(self.dropout >= 0.0 && self.dropout < 1.0) {
            return Err(Error::input(
                format!("`dropout` is {}.", self.dropout),
                "Give a share of the hidden units that is at least 0 and less than 1.",
            ));
        }
        if self.residual && !(0..self.hidden.len()).any(|l| self.has_residual(l)) {
            return Err(Error::input(
                "There are no two successive hidden layers of the same width to connect.",
                "Give such widths, for example hidden = c(50, 50), or residual = FALSE.",
            ));
        }
        if self
            .layout()
            .is_none_or(|layout| layout.length > MOST_PARAMETERS)
        {
            return Err(Error::memory(
                format!("The network would have more than {MOST_PARAMETERS} parameters."),
                "Give narrower hidden layers or fewer features.",
            ));
        }
        Ok(())
    }

    /// Refuses a network that this crate cannot run.
    pub fn check_here(&self) -> Result<()> {
        if self.program.is_some() {
            return Err(Error::device(
                "The network is a TorchScript program, which needs libtorch.",
                "Give device = \"torch\" or a GPU; build_torch_backend() makes what they need.",
            ));
        }
        Ok(())
    }

    /// Of the layers that are normalised: mean 0 and variance 1, until they are known.
    pub fn initial_moments(&self) -> Vec<Moments> {
        let normalised = if self.batch_norm {
            self.hidden.as_slice()
        } else {
            &[]
        };
        let moments = normalised.iter().map(|&width| Moments {
            mean: vec![0.0; width],
            variance: vec![1.0; width],
        });
        moments.collect()
    }

    /// Is the input of hidden layer `l` (from 0) added to its output?
    pub fn has_residual(&self, l: usize) -> bool {
        self.residual && l > 0 && self.hidden[l] == self.hidden[l - 1]
    }

    /// Width of what enters layer `l`, the output layer being the last.
    pub fn fan_in(&self, l: usize) -> usize {
        if l == 0 {
            self.inputs
        } else {
            self.hidden[l - 1]
        }
    }

    /// Where the parameters lie; `None` where their number overflows.
    pub fn layout(&self) -> Option<Layout> {
        let mut layers = Vec::new();
        let mut end = 0usize;
        let mut take = |length: Option<usize>| {
            let start = end;
            end = end.checked_add(length?)?;
            Some(start..end)
        };
        if let Some(program) = &self.program {
            let weight = take(Some(program.parameters))?;
            layers.push(LayerLayout {
                width: self.outputs,
                gamma: weight.end..weight.end,
                weight,
                shift: take(Some(self.outputs))?,
            });
            return Some(Layout {
                layers,
                length: end,
            });
        }
        for (l, &width) in self.hidden.iter().chain([&self.outputs]).enumerate() {
            let normalised = self.batch_norm && l < self.hidden.len();
            layers.push(LayerLayout {
                width,
                weight: take(width.checked_mul(self.fan_in(l)))?,
                gamma: take(Some(if normalised { width } else { 0 }))?,
                shift: take(Some(width))?,
            });
        }
        Some(Layout {
            layers,
            length: end,
        })
    }
}

/// Where the parameters of a network lie in one vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The hidden layers and the output layer.
    pub layers: Vec<LayerLayout>,
    /// Number of parameters.
    pub length: usize,
}

/// Where the parameters of a layer lie.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerLayout {
    /// Units.
    pub width: usize,
    /// W, a row for every unit.
    pub weight: Range<usize>,
    /// gamma of a normalised layer, else empty.
    pub gamma: Range<usize>,
    /// beta of a normalised layer, the bias of any other.
    pub shift: Range<usize>,
}
