//! Maps of the same cells brought into the same position.

use faer::{Mat, MatRef};
use ndarray::{Array2, ArrayView2, Axis};

use crate::{Error, Result};

/// `map` (N x d) turned about its mean, and reflected if need be, so that it comes closest to
/// `onto`. This is the orthogonal Procrustes problem (Schoenemann 1966):
///
/// ```text
/// X R,   R = U V',   X' Y = U S V'
/// ```
///
/// for centred X and Y. Distances within the map stay as they are, and so does its mean.
pub fn turned(map: ArrayView2<f64>, onto: ArrayView2<f64>) -> Result<Array2<f64>> {
    let d = map.ncols();
    if map.dim() != onto.dim() {
        return Err(Error::input(
            format!(
                "Maps of {} x {} and {} x {} have no common position.",
                map.nrows(),
                d,
                onto.nrows(),
                onto.ncols()
            ),
            "Give two maps of the same cells.",
        ));
    }
    let (Some(mean), Some(other_mean)) = (map.mean_axis(Axis(0)), onto.mean_axis(Axis(0))) else {
        return Ok(map.to_owned());
    };
    let mut product = Mat::<f64>::zeros(d, d);
    for (x, y) in map.outer_iter().zip(onto.outer_iter()) {
        for a in 0..d {
            for b in 0..d {
                product[(a, b)] += (x[a] - mean[a]) * (y[b] - other_mean[b]);
            }
        }
    }
    let svd = product
        .svd()
        .map_err(|_| Error::internal("Two maps could not be brought into one position.", ""))?;
    let (u, v): (MatRef<f64>, MatRef<f64>) = (svd.U(), svd.V());
    let rotation = u * v.transpose();
    let rotation = Array2::from_shape_fn((d, d), |(a, b)| rotation[(a, b)]);
    Ok((&map - &mean).dot(&rotation) + &mean)
}
