//! What a trained network leaves: all that is needed to map cells.

mod landmarks;
mod preprocessing;

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::monitor::Monitor;
use crate::network::pass::map;
use crate::network::{Architecture, Moments, Network, Points, Standard};
use crate::objective::{Kernel, Terms};
use crate::preprocess::{Cells, Matrix};
use crate::sealed::Kind;
use crate::{Error, Result};

pub use landmarks::Landmarks;
pub use preprocessing::{Preprocessing, Rotation};

/// Largest input of a network, in units of the spread of those that it was trained on.
const FARTHEST: f32 = 1e15;

/// Cells mapped by one task.
const CELLS: usize = 1024;

const KIND: Kind = Kind {
    magic: b"NEURALEM",
    version: 5,
    oldest: 1,
    reads_older: "0.1",
    name: "model",
    remedy: "Give the file or the bytes that save_neuralee() wrote, whole and unchanged.",
};

/// A map from cells to places.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The network.
    pub network: Network<f32>,
    /// How its inputs are centred and scaled.
    pub standard: Standard,
    /// From the features of a cell to the inputs.
    pub preprocessing: Preprocessing,
    /// Cells of the map that place others more closely than the network does; may be none.
    pub landmarks: Landmarks,
    /// What it was trained on.
    pub origin: Origin,
}

/// What a model was trained on and how: for people, and for the affinities of new cells.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The terms of E beside attraction and repulsion, after the rest: agreement and uniform part
    /// from version 4 on, densities from version 5 on.
    #[serde(skip)]
    pub terms: Terms,
    /// Names of the features that enter, in order, empty for one without; none where they had none.
    pub features: Vec<String>,
    /// For each feature that enters: which one it was among the features of that name, from 1, and
    /// how many these were. None where no name repeats. Version 3 writes it after the rest.
    #[serde(skip)]
    pub copies: Vec<(u32, u32)>,
    /// Numbers (from 0) of these features among the `width` of the data; none where all
    /// enter.
    pub selected: Vec<u32>,
    /// Features of the data.
    pub width: u64,
    /// Cells.
    pub cells: u64,
    /// `"gaussian"` or `"student"`.
    pub kernel: String,
    /// Weight of the repulsion, given or reached.
    pub lambda: f64,
    /// Effective neighbours of a cell.
    pub perplexity: f64,
    /// Neighbours of a cell with a weight.
    pub k: u64,
    /// `"entropic"` or `"bisection"`; in version 0.1 `"gaussian"` for the latter.
    pub affinity: String,
    /// E over all cells.
    pub loss: f64,
    /// Epochs that led to these weights.
    pub epochs: u64,
    /// Version of the package that trained it.
    pub version: String,
    /// Where in a container the cells came from: pairs of a name and a value.
    pub source: Vec<(String, String)>,
}

/// The content of a file of version 5.
#[derive(Serialize, Deserialize)]
struct Latest<O> {
    stored: Stored<O>,
    landmarks: Landmarks,
}

/// The content of older files: of version 4 with [`Origin`], its copies and its first two terms, of
/// version 3 without terms, of version 2 with [`Origin`] alone, of version 1 with [`FirstOrigin`].
#[derive(Serialize, Deserialize)]
struct Stored<O> {
    architecture: Architecture,
    values: Vec<f32>,
    moments: Vec<Moments>,
    standard: Standard,
    preprocessing: Preprocessing,
    origin: O,
}

/// What version 1 tells of the training: all but the kernel, of which there was one.
#[derive(Serialize, Deserialize)]
struct FirstOrigin {
    features: Vec<String>,
    selected: Vec<u32>,
    width: u64,
    cells: u64,
    lambda: f64,
    perplexity: f64,
    k: u64,
    affinity: String,
    loss: f64,
    epochs: u64,
    version: String,
    source: Vec<(String, String)>,
}

impl From<(Origin, Vec<(u32, u32)>)> for Origin {
    fn from((origin, copies): (Origin, Vec<(u32, u32)>)) -> Self {
        Origin { copies, ..origin }
    }
}

/// The terms of version 4.
#[derive(Serialize, Deserialize)]
struct FirstTerms {
    agreement: f64,
    uniform: f64,
}

impl From<(Origin, Vec<(u32, u32)>, FirstTerms)> for Origin {
    fn from((origin, copies, terms): (Origin, Vec<(u32, u32)>, FirstTerms)) -> Self {
        let FirstTerms { agreement, uniform } = terms;
        let terms = Terms {
            agreement,
            uniform,
            ..Terms::NONE
        };
        Origin::from((origin, copies, terms))
    }
}

impl From<(Origin, Vec<(u32, u32)>, Terms)> for Origin {
    fn from((origin, copies, terms): (Origin, Vec<(u32, u32)>, Terms)) -> Self {
        Origin {
            copies,
            terms,
            ..origin
        }
    }
}

impl From<FirstOrigin> for Origin {
    fn from(first: FirstOrigin) -> Self {
        Origin {
            terms: Terms::NONE,
            features: first.features,
            copies: Vec::new(),
            selected: first.selected,
            width: first.width,
            cells: first.cells,
            kernel: String::from("gaussian"),
            lambda: first.lambda,
            perplexity: first.perplexity,
            k: first.k,
            affinity: first.affinity,
            loss: first.loss,
            epochs: first.epochs,
            version: first.version,
            source: first.source,
        }
    }
}

impl Model {
    /// Refuses parts that do not fit each other.
    pub fn check(self) -> Result<Self> {
        let inputs = self.network.architecture().inputs;
        let scale = self.standard.scale;
        let fits = self.standard.centre.len() == inputs
            && self.preprocessing.outputs() == inputs
            && self.standard.centre.iter().all(|c| c.is_finite())
            && scale > 0.0
            && scale.is_finite()
            && self.preprocessing.check()
            && (self.landmarks.is_empty() || self.has_landmarks_that_fit())
            && self.origin.terms.check().is_ok()
            && !self.origin.features.iter().any(|name| name.contains('\0'))
            && (self.origin.features.is_empty()
                || self.origin.features.len() == self.preprocessing.features())
            && (self.origin.copies.is_empty()
                || self.origin.copies.len() == self.origin.features.len())
            && self
                .origin
                .copies
                .iter()
                .all(|&(at, of)| 1 <= at && at <= of);
        if fits {
            return Ok(self);
        }
        Err(Error::file_format(
            "The parts of the model do not fit each other.",
            KIND.remedy,
        ))
    }

    fn has_landmarks_that_fit(&self) -> bool {
        let shape = self.network.architecture();
        Kernel::named(&self.origin.kernel).is_ok()
            && self.landmarks.fit(shape.inputs, shape.outputs)
    }

    /// The model as plain bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let stored = Stored {
            architecture: self.network.architecture().clone(),
            values: self.network.values.clone(),
            moments: self.network.moments.clone(),
            standard: self.standard.clone(),
            preprocessing: self.preprocessing.clone(),
            origin: (self.origin.clone(), &self.origin.copies, self.origin.terms),
        };
        KIND.seal(&Latest {
            stored,
            landmarks: self.landmarks.clone(),
        })
    }

    /// Reads what [`Model::to_bytes`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        type Copies = Vec<(u32, u32)>;
        match KIND.version_of(bytes) {
            Some(1) => Self::from_stored(KIND.open::<Stored<FirstOrigin>>(bytes)?),
            Some(2) => Self::from_stored(KIND.open::<Stored<Origin>>(bytes)?),
            Some(3) => Self::from_stored(KIND.open::<Stored<(Origin, Copies)>>(bytes)?),
            Some(4) => Self::from_stored(KIND.open::<Stored<(Origin, Copies, FirstTerms)>>(bytes)?),
            _ => {
                let latest = KIND.open::<Latest<(Origin, Copies, Terms)>>(bytes)?;
                Self::from_latest(latest)
            }
        }
    }

    fn from_stored<O: Into<Origin>>(stored: Stored<O>) -> Result<Self> {
        let landmarks = Landmarks::default();
        Self::from_latest(Latest { stored, landmarks })
    }

    fn from_latest<O: Into<Origin>>(Latest { stored, landmarks }: Latest<O>) -> Result<Self> {
        // Whatever is wrong with the parts, it is the file that is.
        let damaged = |e: Error| Error::file_format(e.report().message.clone(), KIND.remedy);
        let network = Network::from_parts(stored.architecture, stored.values, stored.moments);
        Model {
            network: network.map_err(damaged)?,
            standard: stored.standard,
            preprocessing: stored.preprocessing,
            landmarks,
            origin: stored.origin.into(),
        }
        .check()
        .map_err(damaged)
    }

    /// The bytes of a model in a file.
    pub fn read(path: &Path) -> Result<Vec<u8>> {
        KIND.read(path)
    }

    /// Writes bytes of a model to a file, which replaces what was there only
    /// once it is whole.
    pub fn save(bytes: &[u8], path: &Path) -> Result<()> {
        KIND.save(bytes, path)
    }

    /// Places of the cells of `x`, which has the features that enter: cells x d by rows.
    ///
    /// Errors number the cells from `first` + 1.
    pub fn map(
        &self,
        x: &Matrix<'_>,
        cells: Cells,
        first: usize,
        monitor: &dyn Monitor,
    ) -> Result<Vec<f64>> {
        self.network.architecture().check_here()?;
        let n = self.cells_of(x, cells)?;
        let d = self.network.architecture().outputs;
        let mut places = vec![0.0; n * d];
        monitor.stage("mapping", n);
        places
            .par_chunks_mut(CELLS * d)
            .enumerate()
            .try_for_each(|(task, places)| {
                monitor.check()?;
                let range = task * CELLS..task * CELLS + places.len() / d;
                let start = first + range.start;
                let inputs = self.preprocessing.apply(x, cells, range, first)?;
                let points = Points::from_rows(&inputs, &self.standard);
                self.refuse_far(&points, start)?;
                for (place, found) in places.iter_mut().zip(map(&self.network, &points, &())?) {
                    *place = f64::from(found);
                }
                self.draw(&points, places, monitor)?;
                monitor.advance(places.len() / d);
                Ok(())
            })?;
        Ok(places)
    }

    /// The same, with the passes through the network on a device.
    pub fn map_on(
        &self,
        device: &dyn Device,
        x: &Matrix<'_>,
        cells: Cells,
        first: usize,
        monitor: &dyn Monitor,
    ) -> Result<Vec<f64>> {
        let inputs = self.inputs(x, cells, first, monitor)?;
        let points = Points::from_rows(&inputs, &self.standard);
        self.refuse_far(&points, first)?;
        let points = Arc::new(points);
        let mut remote = device.network(points.clone(), &self.network, monitor)?;
        let places = remote.map(&self.network, monitor)?;
        let mut places: Vec<f64> = places.into_iter().map(f64::from).collect();
        self.draw(&points, &mut places, monitor)?;
        Ok(places)
    }

    /// Moves cells from where the network puts them to where the landmarks do, if there are any.
    fn draw(&self, points: &Points<f32>, places: &mut [f64], monitor: &dyn Monitor) -> Result<()> {
        if self.landmarks.is_empty() {
            return Ok(());
        }
        let kernel = Kernel::named(&self.origin.kernel)?;
        self.landmarks.place(points, kernel, places, monitor)
    }

    /// Inputs of the network for the cells of `x`, before they are centred and scaled:
    /// cells x inputs by rows.
    pub fn inputs(
        &self,
        x: &Matrix<'_>,
        cells: Cells,
        first: usize,
        monitor: &dyn Monitor,
    ) -> Result<Vec<f64>> {
        let n = self.cells_of(x, cells)?;
        let width = self.preprocessing.outputs();
        let mut inputs = vec![0.0; n * width];
        inputs
            .par_chunks_mut(CELLS * width)
            .enumerate()
            .try_for_each(|(task, inputs)| {
                monitor.check()?;
                let range = task * CELLS..task * CELLS + inputs.len() / width;
                inputs.copy_from_slice(&self.preprocessing.apply(x, cells, range, first)?);
                Ok(())
            })?;
        Ok(inputs)
    }

    /// Refuses cells so far from those of the training that single precision overflows on
    /// the way. (Units make 0 of what is not a number, so that places may not show it.)
    fn refuse_far(&self, points: &Points<f32>, first: usize) -> Result<()> {
        let far = points.values().iter().position(|v| !(v.abs() < FARTHEST));
        far.map_or(Ok(()), |at| {
            Err(Error::not_finite(
                format!(
                    "Cell {} has no finite place: its features are too large.",
                    first + at / points.inputs() + 1
                ),
                "Bring new cells to the scale of those that the model was trained on.",
            ))
        })
    }

    fn cells_of(&self, x: &Matrix<'_>, cells: Cells) -> Result<usize> {
        x.check_structure()?;
        let (n, features) = x.cells_and_genes(cells);
        if features != self.preprocessing.features() {
            return Err(Error::input(
                format!(
                    "The new cells have {features} features, but the model takes {}.",
                    self.preprocessing.features()
                ),
                "Give the features that the model was trained on.",
            ));
        }
        Ok(n)
    }
}
