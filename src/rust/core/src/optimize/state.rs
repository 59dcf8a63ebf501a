//! A run that can be put away and taken up again, as bytes.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::direction::Memory;
use super::{Params, Reason};
use crate::objective::Repulsion;
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"NEURALEE";
const VERSION: u32 = 2;

/// One line of the history of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TraceRow {
    /// Iterations done; 0 is the start.
    pub iteration: u64,
    /// The weight of the repulsion in this E.
    pub lambda: f64,
    /// E(X).
    pub loss: f64,
    /// Frobenius norm of its gradient.
    pub gradient_norm: f64,
    /// Seconds spent in the run so far.
    pub seconds: f64,
}

/// All that a run knows: continuing from it gives the same bits as never having stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub(super) params: Params,
    /// Identifies inputs and weights.
    pub(super) fingerprint: u64,
    /// The values of lambda that the run takes in turn.
    pub(super) lambdas: Vec<f64>,
    /// Which of them it has come to.
    pub(super) stage: usize,
    pub(super) iteration: u64,
    pub(super) x: Vec<f64>,
    pub(super) gradient: Vec<f64>,
    pub(super) loss: f64,
    pub(super) how: Repulsion,
    pub(super) memory: Memory,
    pub(super) trace: Vec<TraceRow>,
    pub(super) stopped: Option<Reason>,
}

impl State {
    /// Magic, version, length, checksum, then the state.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let body = postcard::to_stdvec(self)
            .map_err(|e| Error::internal(format!("The state could not be written: {e}."), ""))?;
        let mut bytes = Vec::with_capacity(body.len() + 28);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// Writes [`State::to_bytes`] to a file, which takes the place of what was there only
    /// once it is whole.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".partial");
        let beside = Path::new(&beside);
        let bytes = self.to_bytes()?;
        let written = File::create(beside)
            .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(beside, path));
        written.map_err(|e| {
            // What is left of a failed attempt is of no use; that it stays is no second error.
            let _ = std::fs::remove_file(beside);
            Error::input(
                format!(
                    "The checkpoint could not be written to \"{}\": {e}.",
                    path.display()
                ),
                "Check that the folder exists, is writable and has room.",
            )
        })
    }

    /// Reads what [`State::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |what: &str| {
            Error::file_format(
                format!("The saved state {what}."),
                "Start again without `resume`, or use an intact checkpoint.",
            )
        };
        let header = bytes.get(..28).ok_or_else(|| damaged("is truncated"))?;
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        if &header[..8] != MAGIC {
            return Err(damaged("is not one of neuralee's"));
        }
        let version = u32::from_le_bytes(std::array::from_fn(|i| header[8 + i]));
        if version != VERSION {
            return Err(Error::model_version(
                format!(
                    "The saved state has version {version}; this neuralee reads version {VERSION}."
                ),
                "Resume it with the version of neuralee that wrote it, or start again.",
            ));
        }
        let body = &bytes[28..];
        if body.len() as u64 != number(12) {
            return Err(damaged("is truncated"));
        }
        if xxhash_rust::xxh3::xxh3_64(body) != number(20) {
            return Err(damaged("is damaged: its checksum does not match"));
        }
        postcard::from_bytes(body).map_err(|e| damaged(&format!("cannot be decoded: {e}")))
    }
}
