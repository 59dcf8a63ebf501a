//! Preprocessing and quality measures.

use extendr_api::prelude::*;
use neuralee_core::preprocess::{self, Cells, Matrix, Moments, Standardization};
use neuralee_core::quality::{
    density_correlation, distance_correlation, label_accuracy, CoRanking, Reliability,
};
use neuralee_core::Error as CoreError;

use crate::convert::{count, matrix_view, Outcome, SparseSlots};
use crate::job;

/// A double matrix or a dgCMatrix, borrowed while it is borrowed.
pub(crate) enum Borrowed {
    Dense(RMatrix<f64>),
    Sparse(SparseSlots),
}

impl Borrowed {
    pub(crate) fn new(x: &Robj) -> Outcome<Self> {
        if x.is_matrix() {
            let matrix = RMatrix::try_from(x)?;
            return Ok(Borrowed::Dense(matrix));
        }
        Ok(Borrowed::Sparse(SparseSlots::new(x)?))
    }

    pub(crate) fn matrix(&self) -> Outcome<Matrix<'_>> {
        Ok(match self {
            Borrowed::Dense(matrix) => Matrix::Dense(matrix_view(matrix)?),
            Borrowed::Sparse(slots) => Matrix::sparse_columns(
                slots.nrow,
                slots.ncol,
                slots.indptr()?,
                slots.indices()?,
                slots.values()?,
            )?,
        })
    }
}

pub(crate) fn cells(in_rows: bool) -> Cells {
    if in_rows {
        Cells::Rows
    } else {
        Cells::Columns
    }
}

/// log(1 + x) of each value, and as `refused` the index, counted from 1, of the first
/// value that has none; 0 if all have.
#[extendr]
fn rs_log1p(values: &[f64], threads: i32) -> Outcome<List> {
    let mut logs = Doubles::new(values.len());
    let out = logs
        .as_robj_mut()
        .as_real_slice_mut()
        .ok_or_else(|| CoreError::internal("A new vector has no values.", ""))?;
    let refused = job::run(threads, &().into(), |_| preprocess::log1p(values, out))?;
    Ok(list!(
        values = logs,
        refused = refused.map_or(0.0, |at| (at + 1) as f64)
    ))
}

/// Mean, population variance and divisor (as `rs_standard_scale`) of each gene.
#[extendr]
fn rs_gene_moments(x: Robj, cells_in_rows: bool, threads: i32) -> Outcome<List> {
    let borrowed = Borrowed::new(&x)?;
    let matrix = borrowed.matrix()?;
    let moments = job::run(threads, &().into(), |_| {
        Ok(match cells(cells_in_rows) {
            Cells::Rows => preprocess::column_moments(&matrix),
            Cells::Columns => preprocess::row_moments(&matrix),
        })
    })?;
    let (rows, columns) = matrix.dim();
    let n = if cells_in_rows { rows } else { columns };
    Ok(moments_to_r(n, moments))
}

/// The moments of `n` cells together with those of `m` others.
#[extendr]
fn rs_merge_moments(
    n: f64,
    mean: Vec<f64>,
    variance: Vec<f64>,
    m: f64,
    other_mean: Vec<f64>,
    other_variance: Vec<f64>,
) -> List {
    let mut moments = Moments { mean, variance };
    let other = Moments {
        mean: other_mean,
        variance: other_variance,
    };
    moments.merge(n as usize, &other, m as usize);
    moments_to_r(n as usize + m as usize, moments)
}

fn moments_to_r(n: usize, moments: Moments) -> List {
    let by = Standardization::from_moments(moments.clone(), n);
    list!(
        mean = moments.mean,
        variance = moments.variance,
        scale = by.scale
    )
}

/// The genes, counted from 1, of the `n` largest variances, descending.
#[extendr]
fn rs_top_variable(variances: &[f64], n: i32) -> Vec<i32> {
    let top = preprocess::top_variable(variances, count(n));
    top.into_iter().map(|gene| gene as i32 + 1).collect()
}

/// Every gene less its mean, divided by its standard deviation, with both.
#[extendr]
fn rs_standard_scale(x: Robj, cells_in_rows: bool, threads: i32) -> Outcome<List> {
    let borrowed = Borrowed::new(&x)?;
    let matrix = borrowed.matrix()?;
    let (rows, columns) = matrix.dim();
    let mut scaled = RMatrix::<f64>::new(rows, columns);
    let out = scaled.data_mut();
    let by = job::run(threads, &().into(), |_| {
        preprocess::standard_scale(&matrix, cells(cells_in_rows), out)
    })?;
    Ok(list!(values = scaled, centre = by.centre, scale = by.scale))
}

/// The measures of `embedding_quality()` that need the data.
#[extendr]
fn rs_embedding_quality(
    embedding: RMatrix<f64>,
    data: RMatrix<f64>,
    k: i32,
    cells: i32,
    pairs: i32,
    seed: f64,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let (map, points) = (matrix_view(&embedding)?, matrix_view(&data)?);
    let (k, cells, pairs, seed) = (count(k), count(cells), count(pairs), seed as u64);
    let (ranks, distances, densities) = job::run(threads, &progress, |monitor| {
        let ranks = CoRanking::new(points, map, k, cells, seed, monitor)?;
        let distances = distance_correlation(points, map, pairs, seed, monitor)?;
        let densities = density_correlation(points, map, k, seed, monitor)?;
        Ok((ranks, distances, densities))
    })?;
    Ok(list!(
        compared = ranks.anchors() as i32,
        neighborhood_preservation = ranks.neighborhood_preservation(),
        trustworthiness = ranks.trustworthiness(),
        r_nx = ranks.curve(),
        auc_rnx = ranks.auc_rnx(),
        distance_correlation = distances,
        density_correlation = densities
    ))
}

/// Leave-one-out accuracy of the labels (whole numbers) of the k nearest cells.
#[extendr]
fn rs_label_accuracy(
    embedding: RMatrix<f64>,
    labels: &[i32],
    k: i32,
    threads: i32,
    progress: Robj,
) -> Outcome<f64> {
    let map = matrix_view(&embedding)?;
    let labels: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
    job::run(threads, &progress, |monitor| {
        label_accuracy(map, &labels, count(k), monitor)
    })
}

/// What the map keeps around each cell: of its k nearest cells, and of the distances to some
/// reference cells.
#[extendr]
fn rs_cell_reliability(
    embedding: RMatrix<f64>,
    data: RMatrix<f64>,
    k: i32,
    references: i32,
    seed: f64,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let (map, points) = (matrix_view(&embedding)?, matrix_view(&data)?);
    let (k, references, seed) = (count(k), count(references), seed as u64);
    let found = job::run(threads, &progress, |monitor| {
        Reliability::new(points, map, k, references, seed, monitor)
    })?;
    let distances = found.distances.into_iter().map(Rfloat::from);
    Ok(list!(
        neighbors = found.neighbors,
        distances = Doubles::from_values(distances)
    ))
}

extendr_module! {
    mod preprocess;
    fn rs_log1p;
    fn rs_gene_moments;
    fn rs_merge_moments;
    fn rs_top_variable;
    fn rs_standard_scale;
    fn rs_embedding_quality;
    fn rs_label_accuracy;
    fn rs_cell_reliability;
}
