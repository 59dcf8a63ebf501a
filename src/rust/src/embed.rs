//! Affinities, the objective and elastic embedding.

use std::path::Path;
use std::time::Instant;

use extendr_api::prelude::*;
use ndarray::{concatenate, Array2, ArrayView2, Axis};
use neuralee_core::affinity::{self, Affinities, Search, Weights};
use neuralee_core::memory;
use neuralee_core::neighbors::{self, OrderedGraph};
use neuralee_core::objective::{
    dense, Energy, Kernel, MapRepulsion, Method, Objective, Plan, RepulsionWeight, Resolution,
};
use neuralee_core::optimize::{
    join, place, turned, LambdaPath, Params, Reason, Run, Start, State, DEFAULT_DIMENSIONS,
    DEFAULT_LAMBDA, DEFAULT_SEED, DEFAULT_SHARE, DEFAULT_SHARE_TOLERANCE, JOINING_TOLERANCE,
};
use neuralee_core::{Error as CoreError, Result as CoreResult};

use crate::convert::{count, matrix_view, to_r_matrix, Outcome};
use crate::job;
use crate::torch::Torch;

pub(crate) fn unknown(argument: &str, value: &str) -> CoreError {
    CoreError::internal(format!("`{argument}` cannot be {value:?}."), "")
}

pub(crate) fn search_named(name: &str) -> CoreResult<Search> {
    match name {
        "entropic" => Ok(Search::Entropic),
        "bisection" => Ok(Search::Bisection),
        other => Err(unknown("search", other)),
    }
}

pub(crate) fn method_named(name: &str) -> CoreResult<Method> {
    match name {
        "auto" => Ok(Method::Auto),
        "exact" => Ok(Method::Exact),
        "grid" => Ok(Method::Grid),
        other => Err(unknown("method", other)),
    }
}

pub(crate) fn start_named(name: &str) -> CoreResult<Start> {
    match name {
        "pca" => Ok(Start::Pca),
        "spectral" => Ok(Start::Spectral),
        "random" => Ok(Start::Random),
        other => Err(unknown("init", other)),
    }
}

pub(crate) fn neighbors_named(name: &str) -> CoreResult<neighbors::Search> {
    match name {
        "auto" => Ok(neighbors::Search::Auto),
        "exact" => Ok(neighbors::Search::Exact),
        "approximate" => Ok(neighbors::Search::Approximate),
        other => Err(unknown("neighbors", other)),
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

/// Rows at their places, N x d, as an R matrix with the cells as they came.
pub(crate) fn embedding_matrix(
    rows: &[f64],
    d: usize,
    order: Option<&[u32]>,
) -> Outcome<RMatrix<f64>> {
    let view = ArrayView2::from_shape((rows.len() / d, d), rows)
        .map_err(|e| CoreError::internal(e.to_string(), ""))?;
    let Some(order) = order else {
        return Ok(to_r_matrix(view));
    };
    let mut came = Array2::zeros(view.raw_dim());
    for (row, &id) in view.outer_iter().zip(order) {
        came.row_mut(id as usize).assign(&row);
    }
    Ok(to_r_matrix(came.view()))
}

/// The rows of a matrix in the order of their places.
pub(crate) fn placed(matrix: ArrayView2<f64>, order: &[u32]) -> Array2<f64> {
    let ids: Vec<usize> = order.iter().map(|&id| id as usize).collect();
    matrix.select(Axis(0), &ids)
}

/// Affinities that R holds on to until a run takes them.
pub(crate) struct Attraction(Option<Affinities>);

/// The affinities of the cells in the rows of `x`, or of given neighbours (ids from 1,
/// n x k) and their distances: `list(attraction, k, seconds)`. More than `limit` bytes
/// for the whole embedding in `d` dimensions are refused; `network` numbers of a cell are
/// kept beside it.
#[extendr]
fn rs_attraction(
    x: RMatrix<f64>,
    indices: Nullable<RMatrix<i32>>,
    distances: Nullable<RMatrix<f64>>,
    perplexity: f64,
    k: i32,
    d: i32,
    search: &str,
    neighbors: &str,
    seed: f64,
    network: f64,
    limit: Nullable<f64>,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let params = affinity::Params {
        perplexity,
        search: search_named(search)?,
    };
    let how = neighbors_named(neighbors)?;
    let points = matrix_view(&x)?;
    let given: Option<(RMatrix<i32>, RMatrix<f64>)> = Option::zip(indices.into(), distances.into());
    let lists = given
        .as_ref()
        .map(|(ids, distances)| (ids.data(), distances.data()));
    let n = points.nrows();
    let k = lists.map_or(count(k), |(ids, _)| ids.len() / n.max(1));
    let limit: Option<f64> = limit.into();
    if let Some(limit) = limit.map(|bytes| bytes as u64).or_else(memory::available) {
        let job = memory::Job {
            n,
            inputs: points.ncols(),
            k,
            d: count(d),
            search: lists.is_none().then_some(how),
            network: network as usize,
        };
        job.check(limit)?;
    }
    let (affinities, searched, solved) = job::run(threads, &progress, |monitor| {
        params.check(n, k)?;
        let began = Instant::now();
        let graph = match lists {
            Some((ids, distances)) => {
                // R counts from 1, column by column; the core from 0, row by row.
                let at = |i: usize| (i % k) * n + i / k;
                let ids: Vec<u32> = (0..n * k)
                    .map(|i| (ids[at(i)] as u32).wrapping_sub(1))
                    .collect();
                let distances: Vec<f64> = (0..n * k).map(|i| distances[at(i)]).collect();
                OrderedGraph {
                    graph: neighbors::from_lists(n, k, &ids, &distances)?,
                    order: None,
                }
            }
            None => neighbors::search(points, k, how, seed as u64, monitor)?,
        };
        let searched = began.elapsed().as_secs_f64();
        let affinities = Affinities::of_graph(graph, params, monitor)?;
        Ok((
            affinities,
            searched,
            began.elapsed().as_secs_f64() - searched,
        ))
    })?;
    Ok(list!(
        k = affinities.k as i32,
        neighbors = searched,
        affinity = solved,
        attraction = ExternalPtr::new(Attraction(Some(affinities)))
    ))
}

/// Weights that the caller computed.
#[extendr]
fn rs_attraction_given(
    weight_p: &[i32],
    weight_i: &[i32],
    weight_x: &[f64],
    threads: i32,
) -> Outcome<ExternalPtr<Attraction>> {
    let weights = job::run(threads, &().into(), |_| {
        weights_from(weight_p, weight_i, weight_x)
    })?;
    Ok(ExternalPtr::new(Attraction(Some(Affinities {
        weights,
        log_beta: Vec::new(),
        perplexity: Vec::new(),
        k: 0,
        order: None,
    }))))
}

pub(crate) fn taken(mut attraction: ExternalPtr<Attraction>) -> CoreResult<Affinities> {
    let affinities = attraction.0.take();
    affinities.ok_or_else(|| CoreError::internal("The affinities were used before.", ""))
}

/// The slots of W+ and what is known of every cell, with the cells as they came.
#[extendr]
fn rs_attraction_slots(attraction: ExternalPtr<Attraction>, threads: i32) -> Outcome<List> {
    let affinities = taken(attraction)?;
    let affinities = job::run(threads, &().into(), move |_| Ok(affinities.as_they_came()))?;
    let weights = &affinities.weights;
    let p = as_r_index(weights.starts().iter().copied())?;
    let entries = (0..weights.n()).flat_map(|row| weights.row(row));
    let (i, x): (Vec<i32>, Vec<f64>) = entries.map(|(id, value)| (id as i32, value)).unzip();
    Ok(list!(
        p = p,
        i = i,
        x = x,
        log_beta = affinities.log_beta,
        perplexity = affinities.perplexity
    ))
}

/// The k nearest neighbours of the cells in the rows of `x`: ids from 1 and distances.
#[extendr]
fn rs_neighbors(
    x: RMatrix<f64>,
    k: i32,
    neighbors: &str,
    seed: f64,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let how = neighbors_named(neighbors)?;
    let k = count(k);
    let points = matrix_view(&x)?;
    let graph = job::run(threads, &progress, |monitor| {
        Ok(neighbors::search(points, k, how, seed as u64, monitor)?.into_graph())
    })?;
    let n = graph.n;
    let index = RMatrix::new_matrix(n, k, |i, j| graph.ids[i * k + j] as i32 + 1);
    let distance = RMatrix::new_matrix(n, k, |i, j| graph.squared_distances[i * k + j].sqrt());
    Ok(list!(index = index, distance = distance))
}

fn energy_list(energy: Energy, gradient: &[f64], d: usize, want: bool) -> Outcome<List> {
    if !energy.total().is_finite() || (want && gradient.iter().any(|v| !v.is_finite())) {
        return Err(CoreError::input(
            "The loss of this embedding overflows, or its gradient does.",
            "Scale the embedding or `lambda` down.",
        )
        .into());
    }
    let gradient = want
        .then(|| embedding_matrix(gradient, d, None))
        .transpose()?;
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
    kernel: &str,
    lambda: f64,
    share: bool,
    method: &str,
    want_gradient: bool,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let (method, kernel) = (method_named(method)?, Kernel::named(kernel)?);
    let d = embedding.ncols();
    let (inputs, at) = (matrix_view(&x)?, matrix_view(&embedding)?);
    let (energy, gradient) = job::run(threads, &progress, |monitor| {
        let weights = weights_from(weight_p, weight_i, weight_x)?;
        let mut objective = Objective::new(inputs, weights, kernel, weight(lambda, share), d)?;
        let at = rows_of(at);
        let how = objective.plan(&at, method, Resolution::Fine)?;
        let mut gradient = vec![0.0; at.len()];
        let energy = objective.evaluate(&at, how, Resolution::Fine, &mut gradient, monitor)?;
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
    kernel: &str,
    lambda: f64,
    want_gradient: bool,
    threads: i32,
) -> Outcome<List> {
    let d = embedding.ncols();
    let at = rows_of(matrix_view(&embedding)?);
    let kernel = Kernel::named(kernel)?;
    let (attractive, repulsive) = (matrix_view(&w_plus)?, matrix_view(&w_minus)?);
    let (energy, gradient) = job::run(threads, &().into(), |_| {
        let mut gradient = vec![0.0; at.len()];
        let energy = dense::evaluate(attractive, repulsive, kernel, lambda, &at, d, &mut gradient)?;
        Ok((energy, gradient))
    })?;
    energy_list(energy, &gradient, d, want_gradient)
}

/// The defaults of `ee()`, which the core owns.
#[extendr]
fn rs_ee_defaults() -> List {
    let (affinity, run) = (affinity::Params::default(), Params::default());
    list!(
        perplexity = affinity.perplexity,
        lambda = DEFAULT_LAMBDA,
        share = DEFAULT_SHARE,
        share_tol = DEFAULT_SHARE_TOLERANCE,
        maxit = run.maxit as f64,
        tol = run.tol,
        d = DEFAULT_DIMENSIONS as f64,
        seed = DEFAULT_SEED as f64
    )
}

/// The weight of the repulsion, or with `share` of its logarithm.
pub(crate) fn weight(lambda: f64, share: bool) -> RepulsionWeight {
    if share {
        RepulsionWeight::Share(lambda)
    } else {
        RepulsionWeight::Lambda(lambda)
    }
}

/// The weights of the repulsion that a run takes in turn.
pub(crate) fn lambda_path(lambda: &[f64], share: bool) -> CoreResult<LambdaPath> {
    let none = || CoreError::internal("`lambda` is empty.", "");
    let (&first, further) = lambda.split_first().ok_or_else(none)?;
    Ok(LambdaPath::of(weight(first, share), further))
}

/// A run of `ee()` while R steps through it; never saved, see `rs_ee_state()`.
struct Session {
    run: Run,
    d: usize,
    threads: i32,
    /// Id of the cell at each place of the run.
    order: Option<Vec<u32>>,
}

/// A new run, or with `state` one taken up where it was left. `lambda` are the weights of
/// the repulsion that it takes in turn, or with `share` those of its logarithm.
#[extendr]
fn rs_ee_open(
    x: RMatrix<f64>,
    attraction: ExternalPtr<Attraction>,
    kernel: &str,
    lambda: &[f64],
    share: bool,
    d: i32,
    method: &str,
    init: &str,
    init_matrix: Nullable<RMatrix<f64>>,
    maxit: f64,
    tol: f64,
    seed: f64,
    threads: i32,
    device: Robj,
    progress: Robj,
    state: Nullable<Raw>,
) -> Outcome<ExternalPtr<Session>> {
    let device = Torch::of(&device, threads)?;
    let params = Params {
        method: method_named(method)?,
        maxit: maxit as u64,
        tol,
    };
    let d = count(d);
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
    let kernel = Kernel::named(kernel)?;
    let path = lambda_path(lambda, share)?;
    let (first, further) = path.parts();
    let Affinities { weights, order, .. } = taken(attraction)?;
    let (run, order) = job::run(threads, &progress, move |monitor| {
        let reordered = order.as_ref().map(|order| placed(inputs, order));
        let inputs = reordered.as_ref().map_or(inputs, |rows| rows.view());
        let mut objective = Objective::new(inputs, weights, kernel, first, d)?;
        if let Some(device) = &device {
            objective = objective.move_to(&**device, monitor)?;
        }
        let run = match (state, given, start) {
            (Some(state), _, _) => Run::resume(objective, further, state)?,
            (None, Some(given), _) => {
                let rows = order.as_ref().map(|order| placed(given, order));
                let given = rows.as_ref().map_or(given, |rows| rows.view());
                Run::from_embedding(objective, given, params, monitor)?
                    .follow(further, path.each, monitor)?
            }
            (None, None, Some(start)) => {
                Run::new(objective, inputs, start, seed as u64, params, monitor)?
                    .follow(further, path.each, monitor)?
            }
            (None, None, None) => return Err(unknown("init", init)),
        };
        Ok((run, order))
    })?;
    Ok(ExternalPtr::new(Session {
        run,
        d,
        threads,
        order,
    }))
}

/// A new run at another weight of the repulsion (or of its logarithm), from the map of the session.
#[extendr]
fn rs_ee_restart(mut session: ExternalPtr<Session>, lambda: f64, progress: Robj) -> Outcome<bool> {
    let Session { run, threads, .. } = &mut *session;
    job::run(*threads, &progress, move |monitor| {
        run.restart(lambda, monitor)
    })?;
    Ok(true)
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
        lambda = rows.iter().map(|row| row.lambda).collect::<Vec<_>>(),
        loss = rows.iter().map(|row| row.loss).collect::<Vec<_>>(),
        gradient_norm = rows.iter().map(|row| row.gradient_norm).collect::<Vec<_>>(),
        seconds = rows.iter().map(|row| row.seconds).collect::<Vec<_>>()
    )
}

/// X, N x d.
#[extendr]
fn rs_ee_embedding(session: ExternalPtr<Session>) -> Outcome<RMatrix<f64>> {
    embedding_matrix(session.run.embedding(), session.d, session.order.as_deref())
}

/// The map `embedding` in the position in which it comes closest to `onto`, both N x d.
#[extendr]
fn rs_turned(embedding: RMatrix<f64>, onto: RMatrix<f64>) -> Outcome<RMatrix<f64>> {
    let turned = turned(matrix_view(&embedding)?, matrix_view(&onto)?)?;
    Ok(to_r_matrix(turned.view()))
}

/// Places of the cells in the rows of `new` on the map `embedding` of the cells in the
/// rows of `x`, new cells x d.
#[extendr]
fn rs_ee_place(
    x: RMatrix<f64>,
    embedding: RMatrix<f64>,
    new: RMatrix<f64>,
    perplexity: f64,
    k: i32,
    search: &str,
    neighbors: &str,
    kernel: &str,
    lambda: f64,
    seed: f64,
    threads: i32,
    progress: Robj,
) -> Outcome<RMatrix<f64>> {
    let params = affinity::Params {
        perplexity,
        search: search_named(search)?,
    };
    let (how, kernel) = (neighbors_named(neighbors)?, Kernel::named(kernel)?);
    let k = count(k);
    let d = embedding.ncols();
    let (points, map, queries) = (
        matrix_view(&x)?,
        matrix_view(&embedding)?,
        matrix_view(&new)?,
    );
    let placed = job::run(threads, &progress, |monitor| {
        let valid = params.check(points.nrows(), k)?;
        let graph = neighbors::search_queries(points, queries, k, how, seed as u64, monitor)?;
        let rows = valid.rows(&graph, monitor)?;
        let repulsion = MapRepulsion::new(points, map, kernel, Method::Auto)?;
        place(&repulsion, queries, &graph, &rows, lambda, monitor)
    })?;
    embedding_matrix(&placed, d, None)
}

/// Refuses cells that cannot be placed together: `cells` old and new ones in more than `limit` bytes.
#[extendr]
fn rs_ee_join_check(
    cells: f64,
    inputs: i32,
    k: i32,
    d: i32,
    neighbors: &str,
    limit: Nullable<f64>,
) -> Outcome<bool> {
    let limit: Option<f64> = limit.into();
    let Some(limit) = limit.map(|bytes| bytes as u64).or_else(memory::available) else {
        return Ok(true);
    };
    let job = memory::Job {
        n: cells as usize,
        inputs: count(inputs),
        k: count(k),
        d: count(d),
        search: Some(neighbors_named(neighbors)?),
        network: 0,
    };
    // The inputs of all cells stand beside those of the old and the new ones.
    let copy = 8 * (job.n * job.inputs) as u64;
    job.check(limit.saturating_sub(copy)).map_err(|error| {
        CoreError::memory(
            error.report().message.clone(),
            "Place fewer cells at a time, or each by itself: together = FALSE.",
        )
    })?;
    Ok(true)
}

/// As `rs_ee_place()`, where the new cells feel each other, from the places `starts`.
#[extendr]
fn rs_ee_join(
    x: RMatrix<f64>,
    embedding: RMatrix<f64>,
    new: RMatrix<f64>,
    starts: RMatrix<f64>,
    perplexity: f64,
    k: i32,
    search: &str,
    neighbors: &str,
    kernel: &str,
    lambda: f64,
    seed: f64,
    threads: i32,
    progress: Robj,
) -> Outcome<RMatrix<f64>> {
    let params = affinity::Params {
        perplexity,
        search: search_named(search)?,
    };
    let (how, kernel) = (neighbors_named(neighbors)?, Kernel::named(kernel)?);
    let (k, d) = (count(k), embedding.ncols());
    let (points, map, queries, starts) = (
        matrix_view(&x)?,
        matrix_view(&embedding)?,
        matrix_view(&new)?,
        matrix_view(&starts)?,
    );
    let placed = job::run(threads, &progress, |monitor| {
        let all = concatenate(Axis(0), &[points, queries])
            .map_err(|e| CoreError::internal(e.to_string(), ""))?;
        params.check(all.nrows(), k)?;
        let graph = neighbors::search(all.view(), k, how, seed as u64, monitor)?;
        let affinities = Affinities::of_graph(graph, params, monitor)?.as_they_came();
        let weight = RepulsionWeight::Lambda(lambda);
        let objective = Objective::new(all.view(), affinities.weights, kernel, weight, d)?;
        drop(all);
        let params = Params {
            tol: JOINING_TOLERANCE,
            ..Params::default()
        };
        join(objective, map, starts, params, monitor)
    })?;
    embedding_matrix(&placed, d, None)
}

/// What `rs_ee_open()` needs to go on, as plain bytes.
#[extendr]
fn rs_ee_state(session: ExternalPtr<Session>) -> Outcome<Raw> {
    Ok(Raw::from_bytes(&session.run.state().to_bytes()?))
}

/// The same, written to a file in one move.
#[extendr]
fn rs_ee_save(session: ExternalPtr<Session>, path: &str) -> Outcome<bool> {
    session.run.state().save(Path::new(path))?;
    Ok(true)
}

/// The bytes of a state in a file.
#[extendr]
fn rs_ee_read_state(path: &str) -> Outcome<Raw> {
    Ok(Raw::from_bytes(&State::read(Path::new(path))?))
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
        Plan::Exact => ("exact", None),
        Plan::Grid { h } => ("grid", Some(h)),
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
    fn rs_attraction;
    fn rs_attraction_given;
    fn rs_attraction_slots;
    fn rs_neighbors;
    fn rs_ee_loss_gradient;
    fn rs_ee_loss_gradient_dense;
    fn rs_ee_defaults;
    fn rs_ee_open;
    fn rs_ee_restart;
    fn rs_ee_run;
    fn rs_ee_trace;
    fn rs_ee_embedding;
    fn rs_ee_state;
    fn rs_ee_save;
    fn rs_ee_check_state;
    fn rs_ee_read_state;
    fn rs_ee_summary;
    fn rs_turned;
    fn rs_ee_place;
    fn rs_ee_join_check;
    fn rs_ee_join;
}
