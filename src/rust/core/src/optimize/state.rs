//! A run that can be put away and taken up again, as bytes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::direction::Memory;
use super::options::Options;
use crate::objective::{Plan, Resolution};
use crate::sealed::Kind;
use crate::session::{Stop, TraceRow};
use crate::Result;

const KIND: Kind = Kind {
    magic: b"NEURALEE",
    version: 5,
    oldest: 5,
    reads_older: "0.1",
    name: "saved state",
    remedy: "Start again without `resume`, or use an intact checkpoint.",
};

/// All that a run knows: continuing from it gives the same bits as never having stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub(super) options: Options,
    /// Identifies inputs and weights.
    pub(super) fingerprint: u64,
    /// The values of lambda that the run takes in turn.
    pub(super) lambdas: Vec<f64>,
    /// The iteration at which each of them but the last ends.
    pub(super) ends: Vec<u64>,
    /// Which of them it has come to.
    pub(super) stage: usize,
    pub(super) iteration: u64,
    pub(super) x: Vec<f64>,
    pub(super) gradient: Vec<f64>,
    pub(super) loss: f64,
    pub(super) how: Plan,
    pub(super) memory: Memory,
    pub(super) trace: Vec<TraceRow>,
    pub(super) stopped: Option<Stop>,
    pub(super) course: Course,
    /// The iterations after which the run left a saddle.
    pub(super) saddles: Vec<u64>,
}

/// Where a run goes that has not stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Course {
    /// As L-BFGS says.
    Onwards,
    /// Nowhere before it is known whether E curves downwards here.
    AtRest,
    /// Out of a saddle, along this direction.
    Downwards(Vec<f64>),
}

impl Course {
    /// Whether it is one of `numbers` coordinates.
    pub fn fits(&self, numbers: usize) -> bool {
        !matches!(self, Course::Downwards(direction) if direction.len() != numbers)
    }
}

impl State {
    /// The form of E at one of the values of lambda: coarse at all but the last.
    pub(super) fn resolution_of(&self, stage: usize) -> Resolution {
        if stage + 1 < self.lambdas.len() {
            Resolution::Coarse
        } else {
            Resolution::Fine
        }
    }

    /// The state as plain bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        KIND.seal(self)
    }

    /// Writes [`State::to_bytes`] to a file, which replaces what was there only
    /// once it is whole.
    pub fn save(&self, path: &Path) -> Result<()> {
        KIND.save(&self.to_bytes()?, path)
    }

    /// The bytes of a state in a file.
    pub fn read(path: &Path) -> Result<Vec<u8>> {
        KIND.read(path)
    }

    /// Reads what [`State::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        KIND.open(bytes)
    }
}
