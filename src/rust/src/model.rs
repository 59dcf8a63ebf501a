//! Trained models, which R holds as plain bytes.

use std::path::Path;

use extendr_api::prelude::*;
use ndarray::{Array2, ArrayView2};
use neuralee_core::model::{Model, Origin, Preprocessing, Rotation};
use neuralee_core::monitor::Monitor;
use neuralee_core::objective::Terms;
use neuralee_core::preprocess::{Cells, Matrix};
use neuralee_core::{Error as CoreError, Result as CoreResult};
use serde::Deserialize;

use crate::convert::{or_null, to_r_matrix, Outcome};
use crate::job;
use crate::options;
use crate::preprocess::{cells, Borrowed};
use crate::torch::Torch;

/// The steps that lead from features to inputs, as R has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    features: usize,
    log: bool,
    centre: Option<Vec<f64>>,
    scale: Option<Vec<f64>>,
    /// The loadings, features x components, column by column.
    rotation: Option<Vec<f64>>,
    components: usize,
    unit_length: bool,
}

impl Steps {
    fn preprocessing(self) -> CoreResult<Preprocessing> {
        let Steps {
            features,
            components,
            ..
        } = self;
        let loadings = self.rotation.unwrap_or_default();
        let by_rows = || (0..features).flat_map(|i| (0..components).map(move |j| j * features + i));
        let rotation = if components == 0 {
            None
        } else if loadings.len() == features * components {
            Some(Rotation {
                components: components as u64,
                loadings: by_rows().map(|at| loadings[at]).collect(),
            })
        } else {
            return Err(CoreError::internal("The rotation has another shape.", ""));
        };
        let (centre, scale) = (
            self.centre.unwrap_or_default(),
            self.scale.unwrap_or_default(),
        );
        Preprocessing::new(
            features,
            self.log,
            centre,
            scale,
            rotation,
            self.unit_length,
        )
    }
}

/// What R knows of the training.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    names: Option<Vec<String>>,
    occurrence: Option<Vec<u32>>,
    copies: Option<Vec<u32>>,
    /// Counted from 1.
    selected: Option<Vec<u32>>,
    width: u64,
    cells: u64,
    kernel: String,
    lambda: f64,
    agreement: Option<f64>,
    uniform: Option<f64>,
    densities: Option<f64>,
    perplexity: f64,
    k: u64,
    affinity: String,
    version: String,
    source_names: Vec<String>,
    source_values: Vec<String>,
}

impl Training {
    fn origin(self, loss: f64, epochs: u64) -> Origin {
        let copies = self.copies.unwrap_or_default();
        let selected = self.selected.unwrap_or_default();
        Origin {
            features: self.names.unwrap_or_default(),
            copies: self
                .occurrence
                .unwrap_or_default()
                .into_iter()
                .zip(copies)
                .collect(),
            selected: selected.into_iter().map(|i| i - 1).collect(),
            width: self.width,
            cells: self.cells,
            kernel: self.kernel,
            lambda: self.lambda,
            terms: Terms {
                agreement: self.agreement.unwrap_or_default(),
                uniform: self.uniform.unwrap_or_default(),
                densities: self.densities.unwrap_or_default(),
            },
            perplexity: self.perplexity,
            k: self.k,
            affinity: self.affinity,
            loss,
            epochs,
            version: self.version,
            source: self
                .source_names
                .into_iter()
                .zip(self.source_values)
                .collect(),
        }
    }
}

/// The model with the steps that lead to its inputs and with what it was trained on.
#[extendr]
fn rs_model_describe(model: Raw, preprocessing: Robj, origin: Robj) -> Outcome<Raw> {
    let model = read(&model)?;
    let Origin { loss, epochs, .. } = model.origin;
    let described = Model {
        preprocessing: options::read::<Steps>(&preprocessing)?.preprocessing()?,
        origin: options::read::<Training>(&origin)?.origin(loss, epochs),
        ..model
    };
    Ok(Raw::from_bytes(&described.check()?.to_bytes()?))
}

fn read(model: &Raw) -> CoreResult<Model> {
    Model::from_bytes(model.as_slice())
}

fn texts_or_null(texts: &[String]) -> Robj {
    or_null((!texts.is_empty()).then(|| texts.to_vec()))
}

fn numbers_or_null(numbers: &[f64]) -> Robj {
    or_null((!numbers.is_empty()).then(|| numbers.to_vec()))
}

/// All that is known of a model but its weights.
#[extendr]
fn rs_model_info(model: Raw) -> Outcome<List> {
    let Model {
        network,
        standard: _,
        preprocessing,
        landmarks,
        origin,
    } = read(&model)?;
    let architecture = network.architecture();
    let selected: Vec<f64> = origin
        .selected
        .iter()
        .map(|&i| f64::from(i) + 1.0)
        .collect();
    let (occurrence, copies): (Vec<f64>, Vec<f64>) = origin
        .copies
        .iter()
        .map(|&(at, of)| (f64::from(at), f64::from(of)))
        .unzip();
    let (source_names, source_values): (Vec<String>, Vec<String>) =
        origin.source.iter().cloned().unzip();
    Ok(list!(
        inputs = architecture.inputs as i32,
        hidden = architecture
            .hidden
            .iter()
            .map(|&w| w as i32)
            .collect::<Vec<_>>(),
        d = architecture.outputs as i32,
        activation = options::to_list(&architecture.activation)?,
        batch_norm = architecture.batch_norm,
        dropout = architecture.dropout,
        residual = architecture.residual,
        program = architecture.program.is_some(),
        parameters = network.values.len() as f64,
        landmarks = landmarks.count(architecture.outputs) as f64,
        features = preprocessing.features() as i32,
        names = texts_or_null(&origin.features),
        occurrence = numbers_or_null(&occurrence),
        copies = numbers_or_null(&copies),
        selected = numbers_or_null(&selected),
        width = origin.width as f64,
        log = preprocessing.log(),
        centred = !preprocessing.centre().is_empty(),
        scaled = !preprocessing.scale().is_empty(),
        components = or_null(preprocessing.rotation().map(|r| r.components as i32)),
        unit_length = preprocessing.unit_length(),
        cells = origin.cells as f64,
        kernel = origin.kernel.as_str(),
        lambda = origin.lambda,
        agreement = origin.terms.agreement,
        uniform = origin.terms.uniform,
        densities = origin.terms.densities,
        perplexity = origin.perplexity,
        k = origin.k as f64,
        affinity = origin.affinity.as_str(),
        loss = origin.loss,
        epochs = origin.epochs as f64,
        version = origin.version.as_str(),
        source_names = texts_or_null(&source_names),
        source_values = texts_or_null(&source_values)
    ))
}

/// The parameters of every layer, and how inputs are centred and scaled.
#[extendr]
fn rs_model_weights(model: Raw) -> Outcome<List> {
    let Model {
        network, standard, ..
    } = read(&model)?;
    let wide = |values: &[f32]| -> Vec<f64> { values.iter().map(|&v| f64::from(v)).collect() };
    let layers = network.layout().layers.len();
    let mut described = Vec::with_capacity(layers);
    if network.architecture().program.is_some() {
        described.push(list!(
            weight = wide(network.weight(0)),
            bias = wide(network.shift(0))
        ));
    }
    for l in described.len()..layers {
        let fan_in = network.architecture().fan_in(l);
        let weight = wide(network.weight(l));
        let weight = ArrayView2::from_shape((weight.len() / fan_in, fan_in), &weight)
            .map_err(|e| CoreError::internal(e.to_string(), ""))?;
        let weight = to_r_matrix(weight);
        let shift = wide(network.shift(l));
        described.push(match network.moments.get(l) {
            Some(moments) => list!(
                weight = weight,
                gamma = wide(network.gamma(l)),
                beta = shift,
                mean = moments.mean.clone(),
                variance = moments.variance.clone()
            ),
            None => list!(weight = weight, bias = shift),
        });
    }
    Ok(list!(
        layers = List::from_values(described),
        centre = standard.centre,
        scale = standard.scale
    ))
}

/// A cells x columns matrix from what `compute` makes of a model and cells.
fn mapped(
    model: &Raw,
    x: &Robj,
    cells_in_rows: bool,
    threads: i32,
    progress: &Robj,
    compute: impl Fn(&Model, &Matrix<'_>, Cells, &dyn Monitor) -> CoreResult<Vec<f64>> + Sync,
    columns: impl Fn(&Model) -> usize,
) -> Outcome<RMatrix<f64>> {
    let model = read(model)?;
    let borrowed = Borrowed::new(x)?;
    let matrix = borrowed.matrix()?;
    let at = cells(cells_in_rows);
    let rows = job::run(threads, progress, |monitor| {
        compute(&model, &matrix, at, monitor)
    })?;
    let columns = columns(&model);
    let rows = Array2::from_shape_vec((rows.len() / columns, columns), rows)
        .map_err(|e| CoreError::internal(e.to_string(), ""))?;
    Ok(to_r_matrix(rows.view()))
}

/// Places of the cells of `x`, which has the features that enter. Errors number the cells from
/// `first` + 1.
#[extendr]
fn rs_model_map(
    model: Raw,
    x: Robj,
    cells_in_rows: bool,
    first: f64,
    threads: i32,
    device: Robj,
    progress: Robj,
) -> Outcome<RMatrix<f64>> {
    let device = Torch::open(&device, threads)?;
    let d = |model: &Model| model.network.architecture().outputs;
    let first = first as usize;
    let map = |model: &Model, x: &Matrix<'_>, at: Cells, monitor: &dyn Monitor| match &device {
        Some(device) => model.map_on(&**device, x, at, first, monitor),
        None => model.map(x, at, first, monitor),
    };
    mapped(&model, &x, cells_in_rows, threads, &progress, map, d)
}

/// The inputs of the landmarks and their places: `list(x, places)`, a row for each.
#[extendr]
fn rs_model_landmarks(model: Raw) -> Outcome<List> {
    let model = read(&model)?;
    let count = model
        .landmarks
        .count(model.network.architecture().outputs)
        .max(1);
    let (inputs, places) = model.landmarks.cells(&model.standard);
    let by_rows = |values: &[f64]| -> Outcome<RMatrix<f64>> {
        let rows = ArrayView2::from_shape((count, values.len() / count), values)
            .map_err(|e| CoreError::internal(e.to_string(), ""))?;
        Ok(to_r_matrix(rows))
    };
    Ok(list!(x = by_rows(&inputs)?, places = by_rows(places)?))
}

/// What enters the network for the cells of `x`.
#[extendr]
fn rs_model_inputs(
    model: Raw,
    x: Robj,
    cells_in_rows: bool,
    first: f64,
    threads: i32,
    progress: Robj,
) -> Outcome<RMatrix<f64>> {
    let inputs = |model: &Model| model.network.architecture().inputs;
    mapped(
        &model,
        &x,
        cells_in_rows,
        threads,
        &progress,
        |model, x, at, monitor| model.inputs(x, at, first as usize, monitor),
        inputs,
    )
}

/// The steps that lead from features to inputs, as `rs_model_describe()` takes them.
#[extendr]
fn rs_model_preprocessing(model: Raw) -> Outcome<List> {
    let steps = read(&model)?.preprocessing;
    let features = steps.features();
    let rotation = steps.rotation().map(|r| {
        let components = r.components as usize;
        let column = |j: usize| (0..features).map(move |i| i * components + j);
        (0..components)
            .flat_map(column)
            .map(|at| r.loadings[at])
            .collect::<Vec<f64>>()
    });
    Ok(list!(
        features = features as f64,
        log = steps.log(),
        centre = numbers_or_null(steps.centre()),
        scale = numbers_or_null(steps.scale()),
        rotation = or_null(rotation),
        components = steps.rotation().map_or(0.0, |r| r.components as f64),
        unit_length = steps.unit_length()
    ))
}

/// The bytes of a model in a file.
#[extendr]
fn rs_model_read(path: &str) -> Outcome<Raw> {
    Ok(Raw::from_bytes(&Model::read(Path::new(path))?))
}

/// Writes a model to a file in one move.
#[extendr]
fn rs_model_save(model: Raw, path: &str) -> Outcome<bool> {
    read(&model)?;
    Model::save(model.as_slice(), Path::new(path))?;
    Ok(true)
}

extendr_module! {
    mod model;
    fn rs_model_describe;
    fn rs_model_info;
    fn rs_model_weights;
    fn rs_model_map;
    fn rs_model_landmarks;
    fn rs_model_inputs;
    fn rs_model_preprocessing;
    fn rs_model_read;
    fn rs_model_save;
}
