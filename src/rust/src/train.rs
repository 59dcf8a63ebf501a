//! NeuralEE: training of a network.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use extendr_api::prelude::*;
use neuralee_core::affinity::{self, Affinities};
use neuralee_core::device::Device;
use neuralee_core::memory;
use neuralee_core::model::{Model, Origin, Preprocessing};
use neuralee_core::monitor::Monitor;
use neuralee_core::network::optimizer::{self, Rule};
use neuralee_core::network::{
    Activation, Architecture, Decay, Network, Points, Program, Schedule, Standard,
    DEFAULT_DEVIATION, DEFAULT_HIDDEN,
};
use neuralee_core::objective::{Kernel, Objective, Plan};
use neuralee_core::optimize::{self, Start};
use neuralee_core::train::{
    fixed_bytes, independent, Batches, Params, Problem, Reason, Run, State,
};
use neuralee_core::{Error as CoreError, Result as CoreResult};

use crate::convert::{matrix_view, Outcome};
use crate::embed::{
    embedding_matrix, lambda_path, method_named, neighbors_named, placed, search_named, taken,
    unknown, weight, Attraction,
};
use crate::job;
use crate::torch::Torch;

/// Iterations and tolerance of the map that a network learns first: it cannot follow the
/// last digits.
const MAP_ITERATIONS: u64 = 100;
const MAP_TOLERANCE: f64 = 1e-4;

/// A named list of R whose entries were checked there.
pub(crate) struct Settings<'a>(pub &'a List);

impl Settings<'_> {
    pub(crate) fn get(&self, name: &str) -> CoreResult<Robj> {
        let missing = |_| CoreError::internal(format!("There is no setting `{name}`."), "");
        self.0.dollar(name).map_err(missing)
    }

    pub(crate) fn number(&self, name: &str) -> CoreResult<f64> {
        let value = self.get(name)?;
        let number = value.as_real().or(value.as_integer().map(f64::from));
        number.ok_or_else(|| unknown(name, "no number"))
    }

    /// A whole number that is not negative; R has checked that.
    pub(crate) fn count(&self, name: &str) -> CoreResult<u64> {
        Ok(self.number(name)? as u64)
    }

    pub(crate) fn flag(&self, name: &str) -> CoreResult<bool> {
        let value = self.get(name)?.as_bool();
        value.ok_or_else(|| unknown(name, "no truth value"))
    }

    pub(crate) fn text(&self, name: &str) -> CoreResult<String> {
        let value = self.get(name)?.as_str().map(str::to_string);
        value.ok_or_else(|| unknown(name, "no text"))
    }

    pub(crate) fn numbers(&self, name: &str) -> CoreResult<Vec<f64>> {
        let value = self.get(name)?;
        if value.is_null() {
            return Ok(Vec::new());
        }
        value
            .as_real_vector()
            .ok_or_else(|| unknown(name, "no numbers"))
    }

    pub(crate) fn texts(&self, name: &str) -> CoreResult<Vec<String>> {
        let value = self.get(name)?;
        if value.is_null() {
            return Ok(Vec::new());
        }
        value
            .as_string_vector()
            .ok_or_else(|| unknown(name, "no texts"))
    }
}

fn activation_named(name: &str) -> CoreResult<Activation> {
    match name {
        "relu" => Ok(Activation::Relu),
        "leaky_relu" => Ok(Activation::LeakyRelu),
        "gelu" => Ok(Activation::Gelu),
        "tanh" => Ok(Activation::Tanh),
        other => Err(unknown("activation", other)),
    }
}

pub(crate) fn activation_name(activation: Activation) -> &'static str {
    match activation {
        Activation::Relu => "relu",
        Activation::LeakyRelu => "leaky_relu",
        Activation::Gelu => "gelu",
        Activation::Tanh => "tanh",
    }
}

fn architecture_of(settings: &Settings, inputs: usize) -> CoreResult<Architecture> {
    let layers = Architecture {
        inputs,
        hidden: settings
            .numbers("hidden")?
            .iter()
            .map(|&w| w as usize)
            .collect(),
        outputs: settings.count("d")? as usize,
        activation: activation_named(&settings.text("activation")?)?,
        batch_norm: settings.flag("batch_norm")?,
        dropout: settings.number("dropout")?,
        residual: settings.flag("residual")?,
        program: None,
    };
    // A program is all of the network.
    Ok(match program_of(settings)? {
        None => layers,
        program => Architecture {
            hidden: Vec::new(),
            batch_norm: false,
            dropout: 0.0,
            residual: false,
            program,
            ..layers
        },
    })
}

/// The TorchScript program that the user gave, whose parameters are not known yet.
fn program_of(settings: &Settings) -> CoreResult<Option<Program>> {
    let value = settings.get("program")?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = Raw::try_from(value).map_err(|_| unknown("program", "no bytes"))?;
    Ok(Some(Program {
        bytes: bytes.as_slice().to_vec(),
        parameters: 0,
    }))
}

/// The network as the program's own parameters make it.
fn program_network(
    mut architecture: Architecture,
    device: Option<&Arc<dyn Device>>,
) -> CoreResult<Network<f32>> {
    let (inputs, outputs) = (architecture.inputs, architecture.outputs);
    let Some((device, program)) = device.zip(architecture.program.as_mut()) else {
        architecture.check_here()?;
        return Err(CoreError::internal("There is no program.", ""));
    };
    let mut values = device.program_parameters(&program.bytes, inputs, outputs)?;
    program.parameters = values.len();
    values.extend(std::iter::repeat_n(0.0, outputs));
    Network::from_parts(architecture, values, Vec::new())
}

fn optimizer_of(settings: &Settings) -> CoreResult<optimizer::Params> {
    let rule = match settings.text("method")?.as_str() {
        "sgd" => Rule::Sgd {
            momentum: settings.number("momentum")?,
            nesterov: settings.flag("nesterov")?,
        },
        adam => Rule::Adam {
            beta1: settings.number("beta1")?,
            beta2: settings.number("beta2")?,
            epsilon: settings.number("eps")?,
            decoupled: adam == "adamw",
        },
    };
    let list = settings.get("schedule")?;
    let list = List::try_from(list).map_err(|_| unknown("schedule", "no list"))?;
    let schedule = Settings(&list);
    let decay = match schedule.text("decay")?.as_str() {
        "constant" => Decay::Constant,
        "linear" => Decay::Linear,
        "cosine" => Decay::Cosine,
        "exponential" => Decay::Exponential,
        "step" => Decay::Step {
            every: schedule.count("every")?,
            factor: schedule.number("factor")?,
        },
        other => return Err(unknown("decay", other)),
    };
    Ok(optimizer::Params {
        rule,
        rate: settings.number("lr")?,
        weight_decay: settings.number("weight_decay")?,
        schedule: Schedule {
            decay,
            warmup: schedule.count("warmup")?,
            last: schedule.number("last")?,
        },
    })
}

fn batches_of(settings: &Settings) -> CoreResult<Batches> {
    match settings.text("batches")?.as_str() {
        "all" => Ok(Batches::All),
        "accumulated" => Ok(Batches::Accumulated),
        "shared" => Ok(Batches::Shared {
            size: settings.count("batch_size")?,
        }),
        "independent" => Ok(Batches::Independent),
        other => Err(unknown("batches", other)),
    }
}

fn params_of(settings: &Settings) -> CoreResult<Params> {
    let list = List::try_from(settings.get("optimizer")?);
    let list = list.map_err(|_| unknown("optimizer", "no list"))?;
    Ok(Params {
        method: method_named(&settings.text("method")?)?,
        maxit: settings.count("maxit")?,
        tol: settings.number("tol")?,
        patience: settings.count("patience")?,
        optimizer: optimizer_of(&Settings(&list))?,
        batches: batches_of(settings)?,
        seed: settings.count("seed")?,
        pretraining: settings.count("pretrain")?,
    })
}

/// Refuses settings of a network of `inputs` features that no run can use, before anything
/// is computed; returns how many numbers training keeps for a cell.
#[extendr]
fn rs_neuralee_check(
    settings: List,
    inputs: i32,
    cells: f64,
    net: Nullable<Raw>,
    limit: Nullable<f64>,
) -> Outcome<f64> {
    let settings = Settings(&settings);
    let params = params_of(&settings)?.check()?;
    let net: Option<Raw> = net.into();
    let architecture = match net {
        Some(bytes) => Model::from_bytes(bytes.as_slice())?
            .network
            .architecture()
            .clone(),
        None => {
            let architecture = architecture_of(&settings, usize::try_from(inputs).unwrap_or(0))?;
            Network::<f32>::check_initial(&architecture, settings.number("initial_sd")?)?;
            architecture
        }
    };
    let limit: Option<f64> = limit.into();
    let limit = limit.map(|bytes| bytes as u64).or_else(memory::available);
    memory::check_network(fixed_bytes(&architecture, cells as usize), limit)?;
    Ok(params.batches.kept(&architecture) as f64)
}

/// The defaults of `neuralee()`, which the core owns.
#[extendr]
fn rs_neuralee_defaults() -> List {
    let (affinity, run) = (affinity::Params::default(), Params::default());
    list!(
        perplexity = affinity.perplexity,
        lambda = optimize::DEFAULT_LAMBDA,
        maxit = run.maxit as f64,
        tol = run.tol,
        patience = run.patience as f64,
        d = optimize::DEFAULT_DIMENSIONS as f64,
        seed = optimize::DEFAULT_SEED as f64,
        hidden = DEFAULT_HIDDEN.map(|w| w as f64),
        initial_sd = DEFAULT_DEVIATION
    )
}

/// A run of `neuralee()` while R steps through it; never saved, see `rs_neuralee_state()`.
struct Session {
    run: Run,
    threads: i32,
    standard: Standard,
    /// Id of the cell at each place of the run.
    order: Option<Vec<u32>>,
}

/// A new run on the cells in the rows of `x`, or with `state` one taken up where it was
/// left. With `init` "ee" the network first learns the map of free elastic embedding, with
/// `target` that map; with `net`, the bytes of a model, it starts from these weights.
/// Returns `list(session, seconds)`, the latter for the map.
#[extendr]
fn rs_neuralee_open(
    x: RMatrix<f64>,
    attraction: ExternalPtr<Attraction>,
    kernel: &str,
    lambda: &[f64],
    share: bool,
    settings: List,
    init: &str,
    target: Nullable<RMatrix<f64>>,
    net: Nullable<Raw>,
    state: Nullable<Raw>,
    threads: i32,
    device: Robj,
    progress: Robj,
) -> Outcome<List> {
    let settings = Settings(&settings);
    let device = Torch::of(&device, threads)?;
    let params = params_of(&settings)?;
    let d = settings.count("d")? as usize;
    let inputs = matrix_view(&x)?;
    let architecture = architecture_of(&settings, inputs.ncols())?;
    let deviation = settings.number("initial_sd")?;
    let part_affinity = affinity::Params {
        perplexity: settings.number("perplexity")?,
        search: search_named(&settings.text("search")?)?,
    };
    let part_k = settings.numbers("k")?.first().map(|&k| k as usize);
    let part_search = neighbors_named(&settings.text("neighbors")?)?;
    let part_size = settings.count("batch_size")?;
    let net: Option<Raw> = net.into();
    let net = net
        .map(|bytes| Model::from_bytes(bytes.as_slice()))
        .transpose()?;
    let state: Option<Raw> = state.into();
    let state = state
        .map(|bytes| State::from_bytes(bytes.as_slice()))
        .transpose()?;
    let target: Option<RMatrix<f64>> = target.into();
    let target = target.as_ref().map(matrix_view).transpose()?;
    let path = lambda_path(lambda, share)?;
    let first = weight(lambda[0], share);
    let kernel = Kernel::named(kernel)?;
    let free = init == "ee";
    let Affinities { weights, order, .. } = taken(attraction)?;
    let (run, standard, order, seconds) = job::run(threads, &progress, move |monitor| {
        let began = Instant::now();
        let reordered = order.as_ref().map(|order| placed(inputs, order));
        let inputs = reordered.as_ref().map_or(inputs, |rows| rows.view());
        let mut objective = Objective::new(inputs, weights, kernel, first, d)?;
        if let Some(device) = &device {
            objective = objective.move_to(&**device, monitor)?;
        }
        let parts = match params.batches {
            Batches::Independent => {
                let (size, at) = (part_size, (kernel, first, d));
                independent(
                    inputs,
                    size,
                    part_affinity,
                    part_k,
                    part_search,
                    at,
                    params.seed,
                    monitor,
                )?
            }
            _ => Vec::new(),
        };
        let parts = match &device {
            Some(device) => parts
                .into_iter()
                .map(|part| part.move_to(&**device, monitor))
                .collect::<CoreResult<_>>()?,
            None => parts,
        };
        let mut map = target.map(|target| match &order {
            Some(order) => placed(target, order).iter().copied().collect(),
            None => target.iter().copied().collect::<Vec<f64>>(),
        });
        if free && state.is_none() {
            let map_params = optimize::Params {
                method: params.method,
                maxit: MAP_ITERATIONS,
                tol: MAP_TOLERANCE,
            };
            let seed = params.seed;
            let (first, further) = path.parts();
            objective.set_weight(first)?;
            let mut run =
                optimize::Run::new(objective, inputs, Start::Pca, seed, map_params, monitor)?
                    .follow(further, path.each, monitor)?;
            run.advance(u64::MAX, monitor)?;
            monitor.check()?;
            map = Some(run.embedding().to_vec());
            objective = run.into_objective();
        }
        objective.set_weight(first)?;
        let seconds = began.elapsed().as_secs_f64();
        let (network, standard) = match net {
            Some(model) => (model.network, model.standard),
            None => {
                let network = if architecture.program.is_some() {
                    program_network(architecture, device.as_ref())?
                } else {
                    Network::initial(architecture, deviation, params.seed)?
                };
                (network, Standard::of(inputs)?)
            }
        };
        let problem = Problem {
            points: Points::new(inputs, &standard),
            objective,
            parts,
            device,
        };
        monitor.stage("network", 0);
        let run = match state {
            Some(state) => Run::resume(
                problem,
                lambda,
                params,
                network.architecture(),
                state,
                monitor,
            )?,
            None => Run::new(problem, network, lambda, map, params, monitor)?,
        };
        Ok((run, standard, order, seconds))
    })?;
    let session = Session {
        run,
        threads,
        standard,
        order,
    };
    Ok(list!(
        session = ExternalPtr::new(session),
        seconds = seconds
    ))
}

/// Up to `epochs` more. Where it is interrupted, the session keeps the epochs done until
/// then.
#[extendr]
fn rs_neuralee_run(
    mut session: ExternalPtr<Session>,
    epochs: f64,
    progress: Robj,
) -> Outcome<List> {
    let Session { run, threads, .. } = &mut *session;
    let (threads, most) = (*threads, epochs as u64);
    let advancing = &mut *run;
    job::run(threads, &progress, move |monitor| {
        advancing.advance(most, monitor)
    })?;
    let stopped = run.stopped();
    Ok(list!(
        iteration = run.iteration() as f64,
        converged = stopped == Some(Reason::Converged),
        diverged = stopped == Some(Reason::Diverged),
        reason = stopped.map_or("unfinished", Reason::describe),
        loss = run.trace().last().map_or(f64::NAN, |row| row.loss)
    ))
}

/// The history of a run from the start, resumed or not.
#[extendr]
fn rs_neuralee_trace(session: ExternalPtr<Session>) -> List {
    let rows = session.run.trace();
    let column = |value: fn(&neuralee_core::train::TraceRow) -> f64| -> Vec<f64> {
        rows.iter().map(value).collect()
    };
    list!(
        iteration = column(|row| row.iteration as f64),
        lambda = column(|row| row.lambda),
        loss = column(|row| row.loss),
        gradient_norm = column(|row| row.gradient_norm),
        learning_rate = column(|row| row.learning_rate),
        batch_loss = column(|row| row.batch_loss),
        seconds = column(|row| row.seconds)
    )
}

/// X by the weights of the moment, N x d.
#[extendr]
fn rs_neuralee_embedding(session: ExternalPtr<Session>) -> Outcome<RMatrix<f64>> {
    let x = session.run.embedding();
    let x = x.ok_or_else(|| CoreError::internal("The last epoch was interrupted.", ""))?;
    let d = session.run.architecture().outputs;
    embedding_matrix(x, d, session.order.as_deref())
}

/// What the run leaves: `list(model, embedding, loss, epoch)`, the bytes of the model of least E,
/// not yet described (see `rs_model_describe()`), and the places of all cells by it.
#[extendr]
fn rs_neuralee_finish(mut session: ExternalPtr<Session>, progress: Robj) -> Outcome<List> {
    let Session {
        run,
        threads,
        standard,
        order,
    } = &mut *session;
    let network = run.best_network()?;
    let last = run.trace().last().map(|row| (row.loss, row.iteration));
    let (loss, epoch) = run.best().or(last).unwrap_or((f64::NAN, 0));
    let Architecture {
        inputs, outputs, ..
    } = *network.architecture();
    let x = job::run(*threads, &progress, |monitor: &dyn Monitor| {
        run.map(&network, monitor)
    })?;
    let model = Model {
        network,
        standard: standard.clone(),
        preprocessing: Preprocessing::none(inputs),
        origin: Origin {
            loss,
            epochs: epoch,
            ..Origin::default()
        },
    };
    Ok(list!(
        model = Raw::from_bytes(&model.to_bytes()?),
        embedding = embedding_matrix(&x, outputs, order.as_deref())?,
        loss = loss,
        epoch = epoch as f64
    ))
}

/// What `rs_neuralee_open()` needs to go on, as plain bytes.
#[extendr]
fn rs_neuralee_state(session: ExternalPtr<Session>) -> Outcome<Raw> {
    Ok(Raw::from_bytes(&session.run.state_bytes()?))
}

/// The same, written to a file in one move.
#[extendr]
fn rs_neuralee_save(session: ExternalPtr<Session>, path: &str) -> Outcome<bool> {
    session.run.save(Path::new(path))?;
    Ok(true)
}

/// The bytes of a state in a file.
#[extendr]
fn rs_neuralee_read_state(path: &str) -> Outcome<Raw> {
    Ok(Raw::from_bytes(&State::read(Path::new(path))?))
}

/// Refuses bytes that `rs_neuralee_open()` could not resume from, whatever the data.
#[extendr]
fn rs_neuralee_check_state(state: Raw) -> Outcome<bool> {
    State::from_bytes(state.as_slice())?;
    Ok(true)
}

/// Epochs, the method that is in use and the settings of the run.
#[extendr]
fn rs_neuralee_summary(session: ExternalPtr<Session>) -> List {
    let run = &session.run;
    let method = match run.repulsion() {
        Plan::Exact => "exact",
        Plan::Grid { .. } => "grid",
    };
    list!(
        iteration = run.iteration() as f64,
        method = method,
        maxit = run.params().maxit as f64,
        tol = run.params().tol,
        pretrain = run.params().pretraining as f64
    )
}

extendr_module! {
    mod train;
    fn rs_neuralee_check;
    fn rs_neuralee_defaults;
    fn rs_neuralee_open;
    fn rs_neuralee_run;
    fn rs_neuralee_trace;
    fn rs_neuralee_embedding;
    fn rs_neuralee_finish;
    fn rs_neuralee_state;
    fn rs_neuralee_save;
    fn rs_neuralee_check_state;
    fn rs_neuralee_read_state;
    fn rs_neuralee_summary;
}
