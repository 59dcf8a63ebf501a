//! The logarithm of counts.

use rayon::prelude::*;

use crate::{Error, Result};

/// Values per parallel task.
const CHUNK: usize = 1 << 14;

/// Writes log(1 + x) of every value to `out`. As log(1 + 0) = 0, the
/// stored values of a sparse matrix suffice.
///
/// A value of -1 or below has no logarithm: the position of the first one comes back.
pub fn log1p(values: &[f64], out: &mut [f64]) -> Result<Option<usize>> {
    if values.len() != out.len() {
        return Err(Error::internal(
            format!("{} values do not fit into {}.", values.len(), out.len()),
            "",
        ));
    }
    let refused = values
        .par_chunks(CHUNK)
        .zip(out.par_chunks_mut(CHUNK))
        .enumerate()
        .filter_map(|(chunk, (values, out))| {
            for (at, (value, out)) in values.iter().zip(out).enumerate() {
                if *value <= -1.0 {
                    return Some(chunk * CHUNK + at);
                }
                *out = value.ln_1p();
            }
            None
        })
        .min();
    Ok(refused)
}
