//! Principal components of cells.

use ndarray::{Array2, ArrayView1};

use super::krylov::leading_vectors;
use super::matrix::{Cells, Matrix};
use super::operator::Operator;
use super::scale::is_constant;
use super::variance::{column_moments, row_moments, Moments};
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Standard deviations below this fraction of the first are rounding: eigenvalues of a
/// Gram matrix are squares.
pub(super) const RANK: f64 = 1e-7;

/// Principal components, largest standard deviation first.
///
/// The loading of largest absolute value of each component is positive. Components
/// beyond the numerical rank have scores, loadings and standard deviation 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    /// Cells x components: the centred and scaled cells times `rotation`.
    pub scores: Array2<f64>,
    /// Genes x components: the loadings, columns of length 1.
    pub rotation: Array2<f64>,
    /// Standard deviation (divisor n - 1) of each component.
    pub sdev: Vec<f64>,
    /// Mean of each gene.
    pub centre: Vec<f64>,
    /// What the centred genes were divided by: 1, or with `scale` their standard
    /// deviations (divisor n - 1; 1 for constant genes).
    pub scale: Vec<f64>,
    /// Sum of the variances (divisor n - 1) of all centred and scaled genes.
    pub total_variance: f64,
}

/// The first `components` principal components of the cells of `matrix`.
///
/// A sparse matrix is centred and scaled implicitly. Accurate to rounding on the leading components
/// (see the residual in `krylov`). Where the smaller side has more than 600 entries, `seed` chooses
/// the random start, whose influence ends with that residual.
pub fn pca(
    matrix: &Matrix<'_>,
    cells: Cells,
    components: usize,
    scale: bool,
    seed: u64,
    monitor: &dyn Monitor,
) -> Result<Pca> {
    matrix.check()?;
    let (n, genes) = matrix.cells_and_genes(cells);
    check_components(n, genes, components)?;
    let moments = match cells {
        Cells::Rows => column_moments(matrix),
        Cells::Columns => row_moments(matrix),
    };
    let scale = divisors(&moments, n, scale);
    let operator = Operator::new(*matrix, cells, &moments.mean, &scale);
    let vectors = leading_vectors(&operator, components, seed, monitor)?;
    let mut rotation = if genes <= n {
        vectors
    } else {
        // Z'u = sigma v
        let mut loadings = operator.adjoint(vectors.view());
        let singular = lengths(&loadings);
        divide_or_clear(&mut loadings, &singular, &singular);
        loadings
    };
    let mut scores = operator.forward(rotation.view());
    let singular = lengths(&scores);
    let ones = vec![1.0; components];
    divide_or_clear(&mut scores, &singular, &ones);
    divide_or_clear(&mut rotation, &singular, &ones);
    fix_signs(&mut rotation, Some(&mut scores));
    let degrees = (n as f64 - 1.0).sqrt();
    let sdev = lengths(&scores).iter().map(|s| s / degrees).collect();
    Ok(Pca {
        scores,
        rotation,
        sdev,
        total_variance: total_variance(&moments, n, &scale),
        centre: moments.mean,
        scale,
    })
}

/// Refuses what has no principal components, and more of them than there are.
pub(super) fn check_components(n: usize, genes: usize, components: usize) -> Result<()> {
    if n < 2 || genes == 0 {
        return Err(Error::input(
            format!("{n} cells with {genes} genes have no principal components."),
            "Give at least 2 cells and 1 gene.",
        ));
    }
    if components == 0 || components > n.min(genes) {
        return Err(Error::input(
            format!("{components} principal components were asked of {n} cells x {genes} genes."),
            format!("Give a number between 1 and {}.", n.min(genes)),
        ));
    }
    Ok(())
}

/// What the centred genes are divided by: see [`Pca::scale`].
pub(super) fn divisors(moments: &Moments, n: usize, scale: bool) -> Vec<f64> {
    let unbiased = n as f64 / (n as f64 - 1.0);
    let genes = moments.mean.iter().zip(&moments.variance);
    genes
        .map(|(&mean, &variance)| {
            if !scale || is_constant(n, mean, variance) {
                1.0
            } else {
                (variance * unbiased).sqrt()
            }
        })
        .collect()
}

/// Sum of the variances (divisor n - 1) of the genes divided by `scale`.
pub(super) fn total_variance(moments: &Moments, n: usize, scale: &[f64]) -> f64 {
    let unbiased = n as f64 / (n as f64 - 1.0);
    let genes = moments.variance.iter().zip(scale);
    genes
        .map(|(variance, s)| variance * unbiased / (s * s))
        .sum()
}

fn lengths(vectors: &Array2<f64>) -> Vec<f64> {
    let length = |column: ArrayView1<'_, f64>| column.iter().map(|v| v * v).sum::<f64>().sqrt();
    vectors.columns().into_iter().map(length).collect()
}

/// Divides each column, or clears it where its singular value is rounding.
pub(super) fn divide_or_clear(vectors: &mut Array2<f64>, singular: &[f64], divisors: &[f64]) {
    let largest = singular.iter().fold(0.0, |a: f64, &b| a.max(b));
    for (j, mut column) in vectors.columns_mut().into_iter().enumerate() {
        if singular[j] <= RANK * largest {
            column.fill(0.0);
        } else {
            column /= divisors[j];
        }
    }
}

/// Makes the loading of largest absolute value (the first of equals) positive.
pub(super) fn fix_signs(rotation: &mut Array2<f64>, mut scores: Option<&mut Array2<f64>>) {
    for (j, mut loadings) in rotation.columns_mut().into_iter().enumerate() {
        let larger = |peak: f64, &v: &f64| if v.abs() > peak.abs() { v } else { peak };
        if loadings.iter().fold(0.0, larger) < 0.0 {
            loadings *= -1.0;
            if let Some(scores) = &mut scores {
                scores.column_mut(j).mapv_inplace(|v| -v);
            }
        }
    }
}
