//! Leading eigenvectors of a Gram matrix G: of Z'Z or Z Z', or of one that was summed
//! before.
//!
//! Small G is formed and decomposed. Otherwise a block Krylov space of G is grown from random
//! vectors until the residuals of the wanted pairs vanish. (Musco and Musco 2015, "Randomized block
//! Krylov methods for stronger and faster approximate singular value decomposition".) The spectrum
//! of cells is flat beyond the first components. Subspace iteration needs far more products on such
//! a spectrum (Halko, Martinsson and Tropp 2011).

use faer::{Mat, MatRef, Side};
use ndarray::{s, Array1, Array2, ArrayView1, ArrayView2};

use super::product::product;
use crate::monitor::Monitor;
use crate::random::Stream;
use crate::{Error, Result};

/// Sizes of G up to which it is formed.
const DIRECT: usize = 600;
/// Vectors by which the Krylov space grows.
const BLOCK: usize = 8;
/// Residual |G v - theta v| at which a pair counts as found, relative to theta (the
/// error of theta is its square) ...
const RESIDUAL: f64 = 1e-8;
/// ... and relative to the largest theta, below which there is only rounding.
const FLOOR: f64 = 1e-14;
/// A vector that loses this much of its length to projection was dependent on the others.
const DEPENDENT: f64 = 1e-10;

/// A symmetric positive semidefinite matrix G.
pub(super) trait Gram {
    /// Rows of G.
    fn size(&self) -> usize;
    /// G itself.
    fn matrix(&self) -> Array2<f64>;
    /// G B for B with one row per row of G.
    fn times(&self, block: ArrayView2<'_, f64>) -> Array2<f64>;
}

/// The `wanted` leading eigenvectors of G as columns, largest eigenvalue first.
pub(super) fn leading_vectors(
    gram: &impl Gram,
    wanted: usize,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Array2<f64>> {
    let size = gram.size();
    if size <= DIRECT {
        let (_, vectors) = eigen(gram.matrix().view())?;
        return Ok(vectors.slice_move(s![.., ..wanted]));
    }

    let limit = size.min((20 * (wanted + 10)).max(1000));
    monitor.stage("pca", limit);
    let mut basis = Basis::new(size);
    let mut draws = Draws {
        stream: Stream::new(seed, 0),
        next: 0,
    };
    let mut projected = Array2::<f64>::zeros((limit, limit));
    let mut check_at = wanted + BLOCK;
    let mut block = basis.orthonormal(draws.block(size, BLOCK), 0.0);
    loop {
        monitor.check()?;
        monitor.advance(block.ncols());
        let from = basis.len();
        basis.append(&block);
        let to = basis.len();

        // T = Q'GQ, and the part of G Q outside the span of Q.
        let mut image = gram.times(block.view());
        let coefficients = basis.coefficients(image.view());
        projected
            .slice_mut(s![..to, from..to])
            .assign(&coefficients);
        projected
            .slice_mut(s![from..to, ..to])
            .assign(&coefficients.t());
        let before = longest(&image);
        image -= &basis.combine(coefficients.view());

        let room = limit - to;
        if to >= wanted && (to >= check_at || room == 0) {
            let (values, vectors) = eigen(projected.slice(s![..to, ..to]))?;
            // G Q y - theta Q y = (I - Q Q') G Q y, which only the last block leaves.
            let residuals = image.dot(&vectors.slice(s![from..to, ..wanted]));
            let found = (0..wanted).all(|j| {
                let residual = length(residuals.column(j));
                residual <= RESIDUAL * values[j] + FLOOR * values[0]
            });
            if found || room == 0 {
                return Ok(basis.combine(vectors.slice(s![.., ..wanted])));
            }
            check_at = to + to / 8;
        }
        block = basis.orthonormal(image, before);
        while block.ncols() == 0 {
            // The space is invariant; eigenvectors may still lie outside it.
            block = basis.orthonormal(draws.block(size, BLOCK), 0.0);
        }
        if block.ncols() > room {
            block = block.slice_move(s![.., ..room]);
        }
    }
}

/// Eigenvalues, descending, and eigenvectors of a symmetric matrix.
fn eigen(matrix: ArrayView2<'_, f64>) -> Result<(Vec<f64>, Array2<f64>)> {
    let size = matrix.nrows();
    let symmetric = Mat::from_fn(size, size, |i, j| matrix[(i, j)]);
    let eigen = symmetric
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| Error::internal("The eigenvalues of a Gram matrix were not found.", ""))?;
    let values = (0..size).rev().map(|i| eigen.S()[i]).collect();
    let vectors = Array2::from_shape_fn((size, size), |(i, j)| eigen.U()[(i, size - 1 - j)]);
    Ok((values, vectors))
}

/// Random vectors, none drawn twice.
struct Draws {
    stream: Stream,
    next: u64,
}

impl Draws {
    fn block(&mut self, size: usize, width: usize) -> Array2<f64> {
        Array2::from_shape_simple_fn((size, width), || {
            self.next += 1;
            self.stream.normal(self.next - 1)
        })
    }
}

/// Orthonormal vectors, one after the other in memory.
struct Basis {
    size: usize,
    vectors: Vec<f64>,
}

impl Basis {
    fn new(size: usize) -> Self {
        Basis {
            size,
            vectors: Vec::new(),
        }
    }

    fn len(&self) -> usize {
        self.vectors.len() / self.size
    }

    fn columns(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.vectors, self.size, self.len())
    }

    /// Q'B
    fn coefficients(&self, block: ArrayView2<'_, f64>) -> Array2<f64> {
        product(self.columns().transpose(), block)
    }

    /// Q C
    fn combine(&self, coefficients: ArrayView2<'_, f64>) -> Array2<f64> {
        product(self.columns(), coefficients)
    }

    fn append(&mut self, block: &Array2<f64>) {
        for column in block.columns() {
            self.vectors.extend(column);
        }
    }

    /// An orthonormal basis of what the columns of `block` add to the span of Q. It leaves out
    /// columns that are rounding in comparison with the length `reference`.
    fn orthonormal(&self, block: Array2<f64>, reference: f64) -> Array2<f64> {
        let mut block = gram_schmidt(&block, DEPENDENT * reference);
        if self.len() > 0 {
            // Dividing by short lengths enlarged what was left along Q.
            block -= &self.combine(self.coefficients(block.view()).view());
        }
        gram_schmidt(&block, DEPENDENT)
    }
}

/// The columns made orthonormal one by one, without those shorter than `least`.
fn gram_schmidt(block: &Array2<f64>, least: f64) -> Array2<f64> {
    let mut kept: Vec<Array1<f64>> = Vec::new();
    for column in block.columns() {
        let mut column = column.to_owned();
        for other in &kept {
            let along = other.dot(&column);
            column.scaled_add(-along, other);
        }
        let rest = length(column.view());
        if rest > least {
            column /= rest;
            kept.push(column);
        }
    }
    let mut out = Array2::zeros((block.nrows(), kept.len()));
    for (mut to, column) in out.columns_mut().into_iter().zip(kept) {
        to.assign(&column);
    }
    out
}

fn longest(block: &Array2<f64>) -> f64 {
    let lengths = block.columns().into_iter().map(length);
    lengths.fold(0.0, f64::max)
}

fn length(vector: ArrayView1<'_, f64>) -> f64 {
    vector.iter().map(|v| v * v).sum::<f64>().sqrt()
}
