//! New cells on a finished map, together.

use ndarray::ArrayView2;

use super::{centre, Options, Run};
use crate::monitor::Monitor;
use crate::objective::Objective;
use crate::{Error, Result};

/// tol where the caller names none: 1e-5 takes twice as long to the same quality.
pub const JOINING_TOLERANCE: f64 = 1e-3;

/// Places of n new cells on a map of N others that stay where they are. The new cells feel each
/// other too: X is a minimum of E(X) over its last n rows.
///
/// `objective` is that of all N + n cells, those of the map first. `starts` are places for the new
/// cells, n x d, such as those of [`place`](super::place). The run ends as others do, with `tol`
/// for the share of E that the new cells have in it, n / (N + n). Returns n x d by rows.
pub fn join(
    objective: Objective,
    map: ArrayView2<'_, f64>,
    starts: ArrayView2<'_, f64>,
    options: Options,
    monitor: &dyn Monitor,
) -> Result<Vec<f64>> {
    let (fixed, d) = map.dim();
    let n = objective.n();
    if fixed == 0 || starts.nrows() == 0 || fixed + starts.nrows() != n {
        return Err(Error::internal(
            format!(
                "{fixed} cells on the map and {} new ones are {n} together.",
                starts.nrows()
            ),
            "",
        ));
    }
    let mut x: Vec<f64> = map.iter().chain(starts.iter()).copied().collect();
    if x.len() != n * d {
        return Err(Error::internal(
            format!(
                "The starts have {} dimensions, the map {d}.",
                starts.ncols()
            ),
            "",
        ));
    }
    // Centred points keep their digits.
    let mean = centre(&mut x, d);
    let options = Options {
        tol: options.tol * starts.nrows() as f64 / n as f64,
        ..options
    };
    let mut run = Run::from_points(objective.fix_first(fixed), x, options, monitor)?;
    run.advance(options.maxit, monitor)?;
    monitor.check()?;
    let places = run.embedding()[fixed * d..].chunks_exact(d);
    Ok(places
        .flat_map(|place| place.iter().zip(&mean).map(|(x, mean)| x + mean))
        .collect())
}
