//! Golden files: the tests carry a subset, the full set is used where it is found.

#[allow(dead_code)] // not every test crate makes cells
pub mod cells;

use std::path::PathBuf;

use ndarray::{Array2, Ix2};
use ndarray_npy::{ReadNpyExt, ReadableElement};
use neuralee_core::random::Stream;

/// A golden file, from the tests' own folder or the full set (`NEURALEE_GOLDEN`, or
/// `shared/golden` beside the repository).
pub fn golden(name: &str) -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let full = match std::env::var_os("NEURALEE_GOLDEN") {
        Some(folder) => PathBuf::from(folder),
        None => here.join("../../../../shared/golden"),
    };
    [here.join("tests/golden"), full]
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
}

fn read<T: ReadableElement>(path: &PathBuf) -> Option<ndarray::ArrayD<T>> {
    ndarray::ArrayD::<T>::read_npy(std::fs::File::open(path).unwrap()).ok()
}

/// A golden array of any number type as doubles, one-dimensional ones as a column.
#[allow(dead_code)] // not every test crate reads matrices
pub fn matrix(name: &str) -> Option<Array2<f64>> {
    let path = golden(name)?;
    let values = read::<f64>(&path)
        .or_else(|| read::<f32>(&path).map(|a| a.mapv(f64::from)))
        .or_else(|| read::<i16>(&path).map(|a| a.mapv(f64::from)))
        .or_else(|| read::<i32>(&path).map(|a| a.mapv(f64::from)))
        .unwrap_or_else(|| panic!("{name} has another number type"));
    let rows = values.shape()[0];
    let columns = values.len() / rows;
    Some(
        values
            .to_shape((rows, columns))
            .unwrap()
            .to_owned()
            .into_dimensionality::<Ix2>()
            .unwrap(),
    )
}

/// Normal random points, n x dimensions.
#[allow(dead_code)] // not every test crate draws points
pub fn normal(n: usize, dimensions: usize, seed: u64) -> Array2<f64> {
    let stream = Stream::new(seed, 0);
    Array2::from_shape_fn((n, dimensions), |(i, j)| {
        stream.normal((i * dimensions + j) as u64)
    })
}
