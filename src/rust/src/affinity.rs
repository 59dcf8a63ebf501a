//! Neighbours and affinities.

use extendr_api::prelude::*;
use neuralee_core::affinity::Weights;
use neuralee_core::ee;
use neuralee_core::input::{affinities, WeightSource};
use neuralee_core::neighbors::{self, NeighborGraph, Search};
use neuralee_core::{Error as CoreError, Result as CoreResult};

use crate::convert::{count, matrix_view, Outcome};
use crate::job;
use crate::options;

/// The slots of a symmetric sparse matrix, `list(p, i, x)`, as weights; rows and columns are the
/// same.
pub(crate) fn weights_of(slots: &Robj, threads: i32) -> Outcome<Weights> {
    let slot = |name: &str| slots.dollar(name);
    let (p, i, x) = (slot("p")?, slot("i")?, slot("x")?);
    let none = || CoreError::internal("The weights are no slots of a matrix.", "");
    let p = p.as_integer_slice().ok_or_else(none)?;
    let i = i.as_integer_slice().ok_or_else(none)?;
    let x = x.as_real_slice().ok_or_else(none)?;
    job::run(threads, &().into(), |_| {
        let starts = p.iter().map(|&p| usize::try_from(p).unwrap_or(usize::MAX));
        let columns = i.iter().map(|&i| u32::try_from(i).unwrap_or(u32::MAX));
        Weights::from_rows(starts.collect(), columns.collect(), x.to_vec())
    })
}

/// The graph of `list(index, distance)`, both n x k, ids from 1.
pub(crate) fn graph_of(lists: &Robj, threads: i32) -> Outcome<NeighborGraph> {
    let index: RMatrix<i32> = lists.dollar("index")?.try_into()?;
    let distance: RMatrix<f64> = lists.dollar("distance")?.try_into()?;
    let (n, k) = (index.nrows(), index.ncols());
    let (ids, distances) = (index.data(), distance.data());
    job::run(threads, &().into(), |_| {
        // R counts from 1, column by column; the core from 0, row by row.
        let at = |i: usize| (i % k) * n + i / k;
        let ids: Vec<u32> = (0..n * k)
            .map(|i| (ids[at(i)] as u32).wrapping_sub(1))
            .collect();
        let distances: Vec<f64> = (0..n * k).map(|i| distances[at(i)]).collect();
        neighbors::from_lists(n, k, &ids, &distances)
    })
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

/// The slots of W+ of the cells in the rows of `x`, or of given neighbours, and what is known of
/// every cell. `options` are those of `ee()`.
#[extendr]
fn rs_affinity(x: RMatrix<f64>, lists: Robj, options: Robj, threads: i32) -> Outcome<List> {
    let options: ee::Options = options::read(&options)?;
    let points = matrix_view(&x)?;
    let weights = if lists.is_null() {
        WeightSource::Search
    } else {
        WeightSource::Neighbors(graph_of(&lists, threads)?)
    };
    let affinities = job::run(threads, &().into(), move |monitor| {
        let (found, _) = affinities(points, weights, &options, 0, monitor)?;
        Ok(found.undo_order())
    })?;
    let weights = &affinities.weights;
    let p = as_r_index(weights.starts().iter().copied())?;
    let entries = (0..weights.n()).flat_map(|row| weights.row(row));
    let (i, x): (Vec<i32>, Vec<f64>) = entries.map(|(id, value)| (id as i32, value)).unzip();
    Ok(list!(
        p = p,
        i = i,
        x = x,
        k = affinities.k as i32,
        log_beta = affinities.log_beta,
        perplexity = affinities.perplexity
    ))
}

/// The k nearest neighbours of the cells in the rows of `x`: ids from 1 and distances.
#[extendr]
fn rs_neighbors(
    x: RMatrix<f64>,
    k: i32,
    neighbors: Robj,
    seed: f64,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let how: Search = options::read(&neighbors)?;
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

extendr_module! {
    mod affinity;
    fn rs_affinity;
    fn rs_neighbors;
}
