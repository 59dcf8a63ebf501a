//! Cells as matrices, dense and sparse.

use ndarray::Array2;
use neuralee_core::preprocess::Matrix;
use neuralee_core::random::Stream;

/// The stored parts of a matrix in compressed columns.
pub struct Sparse {
    dim: (usize, usize),
    indptr: Vec<i32>,
    indices: Vec<i32>,
    values: Vec<f64>,
}

impl Sparse {
    pub fn new(dense: &Array2<f64>) -> Self {
        let mut sparse = Sparse {
            dim: dense.dim(),
            indptr: vec![0],
            indices: vec![],
            values: vec![],
        };
        for column in dense.columns() {
            for (row, &value) in column.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                sparse.indices.push(row as i32);
                sparse.values.push(value);
            }
            sparse.indptr.push(sparse.values.len() as i32);
        }
        sparse
    }

    pub fn view(&self) -> Matrix<'_> {
        let (rows, columns) = self.dim;
        Matrix::sparse_columns(rows, columns, &self.indptr, &self.indices, &self.values).unwrap()
    }
}

/// Cells of twelve kinds, with the flat tail that noise gives to a spectrum.
pub fn cells(n: usize, genes: usize, density: f64) -> Array2<f64> {
    let (kinds, drop, level) = (Stream::new(1, 0), Stream::new(2, 0), Stream::new(3, 0));
    Array2::from_shape_fn((n, genes), |(i, j)| {
        let at = (i * genes + j) as u64;
        let mean = kinds.normal(((i % 12) * genes + j) as u64).exp();
        if drop.uniform(at) < density * mean {
            (1.0 + 2.0 * mean * level.uniform(at)).ln_1p()
        } else {
            0.0
        }
    })
}
