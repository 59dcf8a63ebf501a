//! Finished maps: new cells on them, and maps of the same cells brought together.

use extendr_api::prelude::*;
use neuralee_core::ee::{check_together, Map};
use neuralee_core::optimize::turned;

use crate::convert::{count, masses_of, matrix_view, to_r_matrix, Outcome};
use crate::job;
use crate::options;

/// Places of the cells in the rows of `new` on the map `embedding` of the cells in the rows of `x`
/// with these weights, new cells x d. With `starts`, places to start from, the new cells feel each
/// other too.
#[extendr]
fn rs_map_place(
    x: RMatrix<f64>,
    embedding: RMatrix<f64>,
    weights: Nullable<Doubles>,
    new: RMatrix<f64>,
    starts: Nullable<RMatrix<f64>>,
    options: Robj,
    threads: i32,
    progress: Robj,
) -> Outcome<RMatrix<f64>> {
    let masses = masses_of(&weights)?;
    let map = Map {
        points: matrix_view(&x)?,
        masses: masses.as_ref(),
        embedding: matrix_view(&embedding)?,
        options: options::read(&options)?,
    };
    let new = matrix_view(&new)?;
    let starts: Option<RMatrix<f64>> = starts.into();
    let starts = starts.as_ref().map(matrix_view).transpose()?;
    let places = job::run(threads, &progress, |monitor| match starts {
        Some(starts) => map.place_together(new, starts, monitor),
        None => map.place(new, monitor),
    })?;
    Ok(to_r_matrix(places.view()))
}

/// Refuses cells that cannot be placed together: `cells` old and new ones in more than `limit`
/// bytes.
#[extendr]
fn rs_map_check_together(
    cells: f64,
    inputs: i32,
    d: i32,
    affinity: Robj,
    limit: Nullable<f64>,
) -> Outcome<bool> {
    let limit: Option<f64> = limit.into();
    let affinity = options::read(&affinity)?;
    let limit = limit.map(|bytes| bytes as u64);
    check_together(cells as usize, count(inputs), count(d), affinity, limit)?;
    Ok(true)
}

/// The map `embedding` in the position in which it comes closest to `onto`, both N x d.
#[extendr]
fn rs_map_turned(embedding: RMatrix<f64>, onto: RMatrix<f64>) -> Outcome<RMatrix<f64>> {
    let turned = turned(matrix_view(&embedding)?, matrix_view(&onto)?)?;
    Ok(to_r_matrix(turned.view()))
}

extendr_module! {
    mod map;
    fn rs_map_place;
    fn rs_map_check_together;
    fn rs_map_turned;
}
