//! Affinities, the objective and elastic embedding.

use extendr_api::prelude::*;
use ndarray::ArrayView2;
use neuralee_core::affinity::{self, Search, Weights};
use neuralee_core::neighbors;
use neuralee_core::objective::{dense, Energy, Method, Objective, Repulsion};
use neuralee_core::optimize::{
    Params, Reason, Run, Start, State, DEFAULT_DIMENSIONS, DEFAULT_LAMBDA, DEFAULT_SEED,
};
use neuralee_core::{Error as CoreError, Result as CoreResult};

use crate::convert::{matrix_view, to_r_matrix, Outcome};
use crate::job;

fn unknown(argument: &str, value: &str) -> CoreError {
    CoreError::internal(format!("`{argument}` cannot be {value:?}."), "")
}

fn search_named(name: &str) -> CoreResult<Search> {
    match name {
        "entropic" => Ok(Search::Entropic),
        "bisection" => Ok(Search::Bisection),
        other => Err(unknown("search", other)),
    }
}

fn method_named(name: &str) -> CoreResult<Method> {
    match name {
        "auto" => Ok(Method::Auto),
        "exact" => Ok(Method::Exact),
        "grid" => Ok(Method::Grid),
        other => Err(unknown("method", other)),
    }
}

fn start_named(name: &str) -> CoreResult<Start> {
    match name {
        "pca" => Ok(Start::Pca),
        "spectral" => Ok(Start::Spectral),
        "random" => Ok(Start::Random),
        other => Err(unknown("init", other)),
    }
}

/// The slots of a symmetric sparse matrix as weights; rows and columns are the same.
fn weights_from(p: &[i32], i: &[i32], x: &[f64]) -> CoreResult<Weights> {
    let starts = p
        .iter()
        .map(|&p| usize::try_from(p).unwrap_or(usize::MAX))
        .collect();
    let columns = i
        .iter()
        .map(|&i| u32::try_from(i).unwrap_or(u32::MAX))
        .collect();
    Weights::from_rows(starts, columns, x.to_vec())
}

/// R's numbers for starts and columns, refused where they would not fit.
fn as_r_index(values: impl Iterator<Item = usize>) -> CoreResult<Vec<i32>> {
    values
        .map(|v| {
            i32::try_from(v).map_err(|_| {
                CoreError::memory(
                    "The affinities have more entries than a sparse matrix of R can hold.",
                    "Lower `k` or `perplexity`.",
                )
            })
        })
        .collect()
}

fn rows_of(matrix: ArrayView2<f64>) -> Vec<f64> {
    matrix.iter().copied().collect()
}

fn embedding_matrix(rows: &[f64], d: usize) -> Outcome<RMatrix<f64>> {
    let view = ArrayView2::from_shape((rows.len() / d, d), rows)
        .map_err(|e| CoreError::internal(e.to_string(), ""))?;
    Ok(to_r_matrix(view))
}

/// W+ of the cells in the rows of `x`, or of given neighbours (ids from 1, n x k) and
/// their distances.
#[extendr]
fn rs_affinity(
    x: Nullable<RMatrix<f64>>,
    indices: Nullable<RMatrix<i32>>,
    distances: Nullable<RMatrix<f64>>,
    perplexity: f64,
    k: i32,
    search: &str,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let params = affinity::Params {
        perplexity,
        search: search_named(search)?,
    };
    let x: Option<RMatrix<f64>> = x.into();
    let given: Option<(RMatrix<i32>, RMatrix<f64>)> = Option::zip(indices.into(), distances.into());
    let points = x.as_ref().map(matrix_view).transpose()?;
    let lists = given
        .as_ref()
        .map(|(ids, distances)| (ids.nrows(), ids.data(), distances.data()));
    let (weights, rows, k) = job::run(threads, &progress, |monitor| {
        let (valid, graph) = match (lists, points) {
            (Some((n, ids, distances)), _) => {
                let k = ids.len() / n.max(1);
                let valid = params.check(n, k)?;
                // R counts from 1, column by column; the core from 0, row by row.
                let at = |i: usize| (i % k) * n + i / k;
                let ids: Vec<u32> = (0..n * k)
                    .map(|i| (ids[at(i)] as u32).wrapping_sub(1))
                    .collect();
                let distances: Vec<f64> = (0..n * k).map(|i| distances[at(i)]).collect();
                (valid, neighbors::from_lists(n, k, &ids, &distances)?)
            }
            (None, Some(points)) => {
                let k = usize::try_from(k).unwrap_or(0);
                let valid = params.check(points.nrows(), k)?;
                (valid, neighbors::exact(points, k, monitor)?)
            }
            (None, None) => return Err(unknown("x", "NULL")),
        };
        let rows = valid.rows(&graph, monitor)?;
        Ok((affinity::symmetrize(&graph, &rows), rows, graph.k))
    })?;
    Ok(list!(
        p = as_r_index(weights.starts.iter().copied())?,
        i = as_r_index(weights.columns.iter().map(|&c| c as usize))?,
        x = weights.values,
        log_beta = rows.log_beta,
        perplexity = rows.perplexity,
        k = k as i32
    ))
}

fn energy_list(energy: Energy, gradient: &[f64], d: usize, want: bool) -> Outcome<List> {
    if !energy.total().is_finite() {
        return Err(CoreError::input(
            "The loss of this embedding overflows.",
            "Scale the embedding down.",
        )
        .into());
    }
    let gradient = want.then(|| embedding_matrix(gradient, d)).transpose()?;
    Ok(list!(
        loss = energy.total(),
        attraction = energy.attraction,
        repulsion = energy.repulsion,
        gradient = gradient
    ))
}

/// E and its gradient at an embedding, W- from the cells in the rows of `x`.
#[extendr]
fn rs_ee_loss_gradient(
    x: RMatrix<f64>,
    embedding: RMatrix<f64>,
    weight_p: &[i32],
    weight_i: &[i32],
    weight_x: &[f64],
    lambda: f64,
    method: &str,
    want_gradient: bool,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let method = method_named(method)?;
    let d = embedding.ncols();
    let (inputs, at) = (matrix_view(&x)?, matrix_view(&embedding)?);
    let (energy, gradient) = job::run(threads, &progress, |monitor| {
        let weights = weights_from(weight_p, weight_i, weight_x)?;
        let mut objective = Objective::new(inputs, weights, lambda, d)?;
        let at = rows_of(at);
        let how = objective.plan(&at, method)?;
        let mut gradient = vec![0.0; at.len()];
        let energy = objective.evaluate(&at, how, &mut gradient, monitor)?;
        Ok((energy, gradient))
    })?;
    energy_list(energy, &gradient, d, want_gradient)
}

/// E and its gradient at an embedding for full matrices W+ and W-.
#[extendr]
fn rs_ee_loss_gradient_dense(
    embedding: RMatrix<f64>,
    w_plus: RMatrix<f64>,
    w_minus: RMatrix<f64>,
    lambda: f64,
    want_gradient: bool,
) -> Outcome<List> {
    let d = embedding.ncols();
    let at = rows_of(matrix_view(&embedding)?);
    let mut gradient = vec![0.0; at.len()];
    let (attractive, repulsive) = (matrix_view(&w_plus)?, matrix_view(&w_minus)?);
    let energy = dense::evaluate(attractive, repulsive, lambda, &at, d, &mut gradient)?;
    energy_list(energy, &gradient, d, want_gradient)
}

/// The defaults of `ee()`, which the core owns.
#[extendr]
fn rs_ee_defaults() -> List {
    let (affinity, run) = (affinity::Params::default(), Params::default());
    list!(
        perplexity = affinity.perplexity,
        lambda = DEFAULT_LAMBDA,
        maxit = run.maxit as f64,
        tol = run.tol,
        d = DEFAULT_DIMENSIONS as f64,
        seed = DEFAULT_SEED as f64
    )
}

/// A run of `ee()` while R steps through it; never saved, see `rs_ee_state()`.
struct Session {
    run: Run,
    d: usize,
    threads: i32,
}

/// A new run, or with `state` one taken up where it was left.
#[extendr]
fn rs_ee_open(
    x: RMatrix<f64>,
    weight_p: &[i32],
    weight_i: &[i32],
    weight_x: &[f64],
    lambda: f64,
    d: i32,
    method: &str,
    init: &str,
    init_matrix: Nullable<RMatrix<f64>>,
    maxit: f64,
    tol: f64,
    seed: f64,
    threads: i32,
    progress: Robj,
    state: Nullable<Raw>,
) -> Outcome<ExternalPtr<Session>> {
    let params = Params {
        method: method_named(method)?,
        maxit: maxit as u64,
        tol,
    };
    let d = usize::try_from(d).unwrap_or(0);
    let inputs = matrix_view(&x)?;
    let state: Option<Raw> = state.into();
    let state = state
        .as_ref()
        .map(|bytes| State::from_bytes(bytes.as_slice()))
        .transpose()?;
    let given: Option<RMatrix<f64>> = init_matrix.into();
    let given = given.as_ref().map(matrix_view).transpose()?;
    let start = if given.is_none() && state.is_none() {
        Some(start_named(init)?)
    } else {
        None
    };
    let run = job::run(threads, &progress, |monitor| {
        let weights = weights_from(weight_p, weight_i, weight_x)?;
        let objective = Objective::new(inputs, weights, lambda, d)?;
        match (state, given, start) {
            (Some(state), _, _) => Run::resume(objective, state),
            (None, Some(given), _) => Run::from_embedding(objective, given, params, monitor),
            (None, None, Some(start)) => {
                Run::new(objective, inputs, start, seed as u64, params, monitor)
            }
            (None, None, None) => Err(unknown("init", init)),
        }
    })?;
    Ok(ExternalPtr::new(Session { run, d, threads }))
}

/// Up to `iterations` more; returns what they brought. Where it is interrupted, the
/// session keeps the iterations done until then.
#[extendr]
fn rs_ee_run(mut session: ExternalPtr<Session>, iterations: f64, progress: Robj) -> Outcome<List> {
    let Session { run, threads, .. } = &mut *session;
    let before = run.trace().len();
    let (threads, most) = (*threads, iterations as u64);
    let advancing = &mut *run;
    job::run(threads, &progress, move |monitor| {
        advancing.advance(most, monitor)
    })?;
    let stopped = run.stopped();
    Ok(list!(
        iteration = run.iteration() as f64,
        converged = stopped.is_some_and(|reason| reason != Reason::Iterations),
        reason = stopped.map_or("unfinished", Reason::describe),
        trace = trace_list(run, before)
    ))
}

/// The history of a run from the start, resumed or not.
#[extendr]
fn rs_ee_trace(session: ExternalPtr<Session>) -> List {
    trace_list(&session.run, 0)
}

fn trace_list(run: &Run, from: usize) -> List {
    let rows = &run.trace()[from..];
    list!(
        iteration = rows
            .iter()
            .map(|row| row.iteration as f64)
            .collect::<Vec<_>>(),
        loss = rows.iter().map(|row| row.loss).collect::<Vec<_>>(),
        gradient_norm = rows.iter().map(|row| row.gradient_norm).collect::<Vec<_>>(),
        seconds = rows.iter().map(|row| row.seconds).collect::<Vec<_>>()
    )
}

/// X, N x d.
#[extendr]
fn rs_ee_embedding(session: ExternalPtr<Session>) -> Outcome<RMatrix<f64>> {
    embedding_matrix(session.run.embedding(), session.d)
}

/// What `rs_ee_open()` needs to go on, as plain bytes.
#[extendr]
fn rs_ee_state(session: ExternalPtr<Session>) -> Outcome<Raw> {
    Ok(Raw::from_bytes(&session.run.state().to_bytes()?))
}

/// Refuses bytes that `rs_ee_open()` could not resume from, whatever the data.
#[extendr]
fn rs_ee_check_state(state: Raw) -> Outcome<bool> {
    State::from_bytes(state.as_slice())?;
    Ok(true)
}

/// Loss, iterations, the method that is in use and the settings of the run.
#[extendr]
fn rs_ee_summary(session: ExternalPtr<Session>) -> List {
    let (method, spacing) = match session.run.repulsion() {
        Repulsion::Exact => ("exact", None),
        Repulsion::Grid { h } => ("grid", Some(h)),
    };
    list!(
        loss = session.run.loss(),
        iteration = session.run.iteration() as f64,
        method = method,
        spacing = spacing,
        maxit = session.run.params().maxit as f64,
        tol = session.run.params().tol
    )
}

extendr_module! {
    mod embed;
    fn rs_affinity;
    fn rs_ee_loss_gradient;
    fn rs_ee_loss_gradient_dense;
    fn rs_ee_defaults;
    fn rs_ee_open;
    fn rs_ee_run;
    fn rs_ee_trace;
    fn rs_ee_embedding;
    fn rs_ee_state;
    fn rs_ee_check_state;
    fn rs_ee_summary;
}
