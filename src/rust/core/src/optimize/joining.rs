//! New cells on a finished map, together.

use ndarray::{concatenate, ArrayView1, ArrayView2, Axis};

use super::{Params, Run};
use crate::monitor::Monitor;
use crate::objective::Objective;
use crate::{Error, Result};

/// tol where the caller names none: 1e-5 takes twice as long to the same quality.
pub const JOINING_TOLERANCE: f64 = 1e-3;

/// Places of n new cells on a map of N others that stay where they are, where the new cells feel
/// each other too: a minimum of E(X) over the last n rows of X.
///
/// `objective` is that of all N + n cells, those of the map first. `starts` are places for the new
/// cells, n x d, such as those of [`place`](super::place). The run ends as others do, with `tol` for the
/// share of E that the new cells have in it, n / (N + n). Returns n x d by rows.
pub fn join(
    objective: Objective,
    map: ArrayView2<'_, f64>,
    starts: ArrayView2<'_, f64>,
    params: Params,
    monitor: &dyn Monitor,
) -> Result<Vec<f64>> {
    let (held, d) = map.dim();
    let n = objective.n();
    if held == 0 || held >= n {
        return Err(Error::internal(
            format!("{held} of {n} cells are on the map."),
            "",
        ));
    }
    let all = concatenate(Axis(0), &[map, starts]).map_err(|_| {
        Error::internal(
            format!(
                "The starts have {} dimensions, the map {d}.",
                starts.ncols()
            ),
            "",
        )
    })?;
    let params = Params {
        tol: params.tol * (n - held) as f64 / n as f64,
        ..params
    };
    let mut run = Run::from_embedding(objective.holding(held), all.view(), params, monitor)?;
    run.advance(params.maxit, monitor)?;
    monitor.check()?;
    let x = run.embedding();
    // A run has its mean at the origin.
    let shift = &map.row(0) - &ArrayView1::from(&x[..d]);
    let places = x[held * d..].chunks_exact(d);
    Ok(places
        .flat_map(|place| place.iter().zip(&shift).map(|(x, shift)| x + shift))
        .collect())
}
