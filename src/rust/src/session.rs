//! Runs of `ee()` and `neuralee()` while R steps through them.

use std::path::Path;

use extendr_api::prelude::*;
use neuralee_core::input::{Input, Pretrained, WeightSource};
use neuralee_core::masses::Masses;
use neuralee_core::model::Model;
use neuralee_core::objective::Plan;
use neuralee_core::session::{Stop, TraceRow};
use neuralee_core::{ee, neuralee};
use neuralee_core::{Error as CoreError, Result as CoreResult};

use crate::affinity::{graph_of, weights_of};
use crate::convert::{masses_of, matrix_view, or_null, to_r_matrix, Outcome};
use crate::job;
use crate::options;
use crate::torch::Torch;

/// A run, and the threads that it was opened with. Never saved, see `rs_session_state()`.
struct Session {
    run: Run,
    threads: i32,
}

enum Run {
    Ee(Box<ee::Session>),
    NeuralEE(Box<neuralee::Session>),
}

impl Run {
    fn any(&self) -> &dyn neuralee_core::session::Session {
        match self {
            Run::Ee(run) => &**run,
            Run::NeuralEE(run) => &**run,
        }
    }

    fn any_mut(&mut self) -> &mut (dyn neuralee_core::session::Session + Send) {
        match self {
            Run::Ee(run) => &mut **run,
            Run::NeuralEE(run) => &mut **run,
        }
    }
}

/// The options of either method, by its name.
enum Options {
    Ee(ee::Options),
    NeuralEE(Box<neuralee::Options>),
}

impl Options {
    fn read(method: &str, list: &Robj) -> Outcome<Self> {
        let options = match method {
            "ee" => Options::Ee(options::read(list)?),
            "neuralee" => Options::NeuralEE(Box::new(options::read(list)?)),
            other => return Err(no_method(other).into()),
        };
        Ok(options)
    }
}

fn no_method(name: &str) -> CoreError {
    CoreError::internal(format!("There is no method {name:?}."), "")
}

/// The options where the caller names none, which the core owns.
#[extendr]
fn rs_session_defaults(method: &str) -> Outcome<Robj> {
    match method {
        "ee" => options::to_list(&ee::Options::default()),
        "neuralee" => options::to_list(&neuralee::Options::default()),
        other => Err(no_method(other).into()),
    }
}

/// Refuses options that no run can use, before anything is computed.
#[extendr]
fn rs_session_check(method: &str, options: Robj) -> Outcome<bool> {
    match Options::read(method, &options)? {
        Options::Ee(options) => options.check()?,
        Options::NeuralEE(options) => options.check()?,
    }
    Ok(true)
}

/// What a run is opened on beside the cells; each may be `NULL`.
struct Given {
    affinity: WeightSource,
    masses: Option<Masses>,
    init: Option<RMatrix<f64>>,
    network: Option<Pretrained>,
    state: Option<Vec<u8>>,
}

impl Given {
    /// From `list(neighbors, affinity, weights, init, model, program, state)`.
    fn read(list: &List, threads: i32) -> Outcome<Self> {
        const KNOWN: [&str; 7] = [
            "neighbors",
            "affinity",
            "weights",
            "init",
            "model",
            "program",
            "state",
        ];
        if let Some((name, _)) = list.iter().find(|(name, _)| !KNOWN.contains(name)) {
            let message = format!("A session is given {name:?}, which it does not know.");
            return Err(CoreError::internal(message, "").into());
        }
        let get = |name: &str| -> Option<Robj> {
            let found = list.dollar(name).ok();
            found.filter(|value| !value.is_null())
        };
        let raw = |name: &str| -> Outcome<Option<Vec<u8>>> {
            let raw = get(name).map(Raw::try_from).transpose()?;
            Ok(raw.map(|raw| raw.as_slice().to_vec()))
        };
        let affinity = match (get("affinity"), get("neighbors")) {
            (Some(affinity), _) => WeightSource::Given(weights_of(&affinity, threads)?),
            (None, Some(lists)) => WeightSource::Neighbors(graph_of(&lists, threads)?),
            (None, None) => WeightSource::Search,
        };
        let network = match (raw("model")?, raw("program")?) {
            (Some(bytes), _) => Some(Pretrained::Model(Box::new(Model::from_bytes(&bytes)?))),
            (None, program) => program.map(Pretrained::Program),
        };
        let weights = get("weights").map(Doubles::try_from).transpose()?;
        Ok(Given {
            affinity,
            masses: masses_of(&weights.into())?,
            init: get("init").map(RMatrix::try_from).transpose()?,
            network,
            state: raw("state")?,
        })
    }
}

/// A new run on the cells in the rows of `x`, or with `given$state` one taken up where it was left.
#[extendr]
fn rs_session_open(
    method: &str,
    x: RMatrix<f64>,
    given: List,
    options: Robj,
    threads: i32,
    device: Robj,
    progress: Robj,
) -> Outcome<ExternalPtr<Session>> {
    let options = Options::read(method, &options)?;
    let device = Torch::open(&device, threads)?;
    let Given {
        affinity,
        masses,
        init,
        network,
        state,
    } = Given::read(&given, threads)?;
    let input = Input {
        points: matrix_view(&x)?,
        weights: affinity,
        masses,
        init: init.as_ref().map(matrix_view).transpose()?,
        network,
        device,
    };
    let state = state.as_deref();
    let run = job::run(threads, &progress, move |monitor| {
        Ok(match (options, state) {
            (Options::Ee(options), None) => Run::Ee(Box::new(ee::open(input, &options, monitor)?)),
            (Options::Ee(options), Some(state)) => {
                Run::Ee(Box::new(ee::resume(input, &options, state, monitor)?))
            }
            (Options::NeuralEE(options), None) => {
                Run::NeuralEE(Box::new(neuralee::open(input, &options, monitor)?))
            }
            (Options::NeuralEE(options), Some(state)) => {
                Run::NeuralEE(Box::new(neuralee::resume(input, &options, state, monitor)?))
            }
        })
    })?;
    Ok(ExternalPtr::new(Session { run, threads }))
}

/// Up to `limit` iterations more. Where it is interrupted, the session keeps those done until
/// then.
#[extendr]
fn rs_session_run(mut session: ExternalPtr<Session>, limit: f64, progress: Robj) -> Outcome<List> {
    let Session { run, threads } = &mut *session;
    let advancing = run.any_mut();
    job::run(*threads, &progress, |monitor| {
        advancing.advance(limit as u64, monitor)
    })?;
    let run = run.any();
    let stop = run.stop();
    Ok(list!(
        iteration = run.iteration() as f64,
        loss = run.trace().last().map_or(f64::NAN, |row| row.loss),
        converged = stop.is_some_and(Stop::is_converged),
        diverged = stop == Some(Stop::Diverged),
        reason = stop.map_or("unfinished", Stop::describe)
    ))
}

/// The history of a run from the start, resumed or not.
#[extendr]
fn rs_session_trace(session: ExternalPtr<Session>) -> List {
    let rows = session.run.any().trace();
    let column = |value: fn(&TraceRow) -> f64| -> Vec<f64> { rows.iter().map(value).collect() };
    let of_some = |value: fn(&TraceRow) -> Option<f64>| -> Robj {
        let some = rows.iter().any(|row| value(row).is_some());
        let values = rows.iter().map(|row| value(row).unwrap_or(f64::NAN));
        or_null(some.then(|| values.collect::<Vec<f64>>()))
    };
    list!(
        iteration = column(|row| row.iteration as f64),
        lambda = column(|row| row.lambda),
        loss = column(|row| row.loss),
        gradient_norm = column(|row| row.gradient_norm),
        learning_rate = of_some(|row| row.learning_rate),
        batch_loss = of_some(|row| row.batch_loss),
        seconds = column(|row| row.seconds)
    )
}

/// X, N x d.
#[extendr]
fn rs_session_embedding(session: ExternalPtr<Session>) -> Outcome<RMatrix<f64>> {
    Ok(to_r_matrix(session.run.any().embedding()?.view()))
}

/// Loss, iterations, how the repulsion is summed, the settings that a resumed run keeps, and the
/// seconds before the first iteration.
#[extendr]
fn rs_session_summary(session: ExternalPtr<Session>) -> List {
    let run = session.run.any();
    let (method, spacing) = match run.plan() {
        Plan::Exact => ("exact", None),
        Plan::Grid { h } => ("grid", Some(h)),
    };
    let (limits, timing) = (run.limits(), run.timing());
    let pretrain = match &session.run {
        Run::Ee(_) => None,
        Run::NeuralEE(run) => Some(run.pretrain() as f64),
    };
    list!(
        loss = run.loss(),
        iteration = run.iteration() as f64,
        method = method,
        spacing = or_null(spacing),
        maxit = limits.maxit as f64,
        tol = limits.tol,
        pretrain = or_null(pretrain),
        neighbors = timing.neighbors,
        affinity = timing.affinity,
        init = timing.init
    )
}

/// A new run of `ee()` at another weight of the repulsion, from the map of the session.
#[extendr]
fn rs_session_restart(
    mut session: ExternalPtr<Session>,
    weight: f64,
    progress: Robj,
) -> Outcome<bool> {
    let Session { run, threads } = &mut *session;
    let Run::Ee(run) = run else {
        return Err(CoreError::internal("Training does not begin again.", "").into());
    };
    job::run(*threads, &progress, move |monitor| {
        run.restart(weight, monitor)
    })?;
    Ok(true)
}

/// What training leaves: `list(model, embedding, loss, epoch, map, map_loss)`. They are the bytes
/// of the model of least E, not yet described (see `rs_model_describe()`), and the places of all
/// cells by its network. With landmarks the map on which they lie follows, and its E.
#[extendr]
fn rs_session_finish(mut session: ExternalPtr<Session>, progress: Robj) -> Outcome<List> {
    let Session { run, threads } = &mut *session;
    let Run::NeuralEE(run) = run else {
        return Err(CoreError::internal("A free map leaves no model.", "").into());
    };
    let (model, x) = job::run(*threads, &progress, |monitor| run.finish(monitor))?;
    let (map, map_loss) = run.landmarks_map().unzip();
    Ok(list!(
        model = Raw::from_bytes(&model.to_bytes()?),
        embedding = to_r_matrix(x.view()),
        loss = model.origin.loss,
        epoch = model.origin.epochs as f64,
        map = or_null(map.map(|map| to_r_matrix(map.view()))),
        map_loss = or_null(map_loss)
    ))
}

/// What `rs_session_open()` needs to go on, as plain bytes.
#[extendr]
fn rs_session_state(session: ExternalPtr<Session>) -> Outcome<Raw> {
    Ok(Raw::from_bytes(&session.run.any().state()?))
}

/// The same, written to a file in one move.
#[extendr]
fn rs_session_save(session: ExternalPtr<Session>, path: &str) -> Outcome<bool> {
    session.run.any().save(Path::new(path))?;
    Ok(true)
}

/// The bytes of a state in a file.
#[extendr]
fn rs_session_read_state(method: &str, path: &str) -> Outcome<Raw> {
    let read = match method {
        "ee" => ee::read_state,
        "neuralee" => neuralee::read_state,
        other => return Err(no_method(other).into()),
    };
    Ok(Raw::from_bytes(&read(Path::new(path))?))
}

/// Refuses bytes that `rs_session_open()` could not resume from, whatever the cells.
#[extendr]
fn rs_session_check_state(method: &str, state: Raw) -> Outcome<bool> {
    let check: fn(&[u8]) -> CoreResult<()> = match method {
        "ee" => ee::check_state,
        "neuralee" => neuralee::check_state,
        other => return Err(no_method(other).into()),
    };
    check(state.as_slice())?;
    Ok(true)
}

extendr_module! {
    mod session;
    fn rs_session_defaults;
    fn rs_session_check;
    fn rs_session_open;
    fn rs_session_run;
    fn rs_session_trace;
    fn rs_session_embedding;
    fn rs_session_summary;
    fn rs_session_restart;
    fn rs_session_finish;
    fn rs_session_state;
    fn rs_session_save;
    fn rs_session_read_state;
    fn rs_session_check_state;
}
