//! What determines a map, and what suits it where the caller says nothing.

use serde::{Deserialize, Serialize};

use crate::affinity;
use crate::dimensions::check_dimensions;
use crate::neighbors::Search;
use crate::objective::{Kernel, Method, RepulsionWeight, Terms};
use crate::optimize::{self, RepulsionPath, Start, DEFAULT_SHARE_TOLERANCE};
use crate::Result;

/// What determines a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Dimensions of the map, 1 to 50.
    pub d: usize,
    /// How cells attract and repel.
    pub kernel: Kernel,
    /// The weights of the repulsion that the run takes in turn.
    pub repulsion: RepulsionPath,
    /// mu, the weight of the agreement; `None` for what suits the kernel. See [`Terms`].
    pub agreement: Option<f64>,
    /// The uniform part of the repulsive weights; `None` for what suits the kernel.
    pub uniform: Option<f64>,
    /// nu, the weight of the densities; `None` for what suits the kernel, which is 0.
    pub densities: Option<f64>,
    /// How neighbours become attractive weights.
    pub affinity: affinity::Options,
    /// How neighbours are searched.
    pub neighbors: Search,
    /// How the repulsion is summed.
    pub method: Method,
    /// Where the map starts, where none is given.
    pub init: Start,
    /// Most iterations.
    pub maxit: u64,
    /// See [`optimize::Options::tol`]; `None` for what suits the repulsion.
    pub tol: Option<f64>,
    /// Seed of a random start and of the approximate search.
    pub seed: u64,
    /// Bytes that the run may take; `None` for what is free.
    pub memory: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        let run = optimize::Options::default();
        Options {
            d: 2,
            kernel: Kernel::STUDENT,
            repulsion: RepulsionPath::Auto,
            agreement: None,
            uniform: None,
            densities: None,
            affinity: affinity::Options::default(),
            neighbors: Search::Auto,
            method: run.method,
            init: Start::Pca,
            maxit: run.maxit,
            tol: None,
            seed: 42,
            memory: None,
        }
    }
}

impl Options {
    /// Refuses what no run can use, whatever the points.
    pub fn check(&self) -> Result<()> {
        check_dimensions(self.d)?;
        self.method.check(self.d)?;
        self.repulsion.check()?;
        self.terms().check()?;
        self.run().check().map(|_| ())
    }

    /// The terms of E beside attraction and repulsion.
    pub fn terms(&self) -> Terms {
        let usual = self.kernel.usual_terms();
        Terms {
            agreement: self.agreement.unwrap_or(usual.agreement),
            uniform: self.uniform.unwrap_or(usual.uniform),
            densities: self.densities.unwrap_or(usual.densities),
        }
    }

    /// What the optimiser takes of them.
    pub(crate) fn run(&self) -> optimize::Options {
        let usual = match self.repulsion.weights(self.kernel).first() {
            Some(RepulsionWeight::Share(_)) => DEFAULT_SHARE_TOLERANCE,
            _ => optimize::Options::default().tol,
        };
        optimize::Options {
            method: self.method,
            maxit: self.maxit,
            tol: self.tol.unwrap_or(usual),
        }
    }
}
