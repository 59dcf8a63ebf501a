//! E and its gradient at a given map.

use extendr_api::prelude::*;
use neuralee_core::masses::Masses;
use neuralee_core::objective::{
    dense, Energy, Kernel, Method, Objective, RepulsionWeight, Resolution, Terms,
};
use neuralee_core::optimize::RepulsionPath;
use neuralee_core::Error as CoreError;
use serde::Deserialize;

use crate::affinity::weights_of;
use crate::convert::{masses_of, matrix_view, to_r_matrix, Outcome};
use crate::job;
use crate::options;

/// Which E.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    kernel: Kernel,
    repulsion: RepulsionPath,
    agreement: f64,
    uniform: f64,
    densities: f64,
    method: Method,
}

fn energy_list(energy: Energy, gradient: &[f64], d: usize, want: bool) -> Outcome<List> {
    if !energy.total().is_finite() || (want && gradient.iter().any(|v| !v.is_finite())) {
        return Err(CoreError::input(
            "The loss of this embedding overflows, or its gradient does.",
            "Scale the embedding or `lambda` down.",
        )
        .into());
    }
    let gradient = ndarray::ArrayView2::from_shape((gradient.len() / d, d), gradient)
        .map_err(|e| CoreError::internal(e.to_string(), ""))?;
    Ok(list!(
        loss = energy.total(),
        attraction = energy.attraction,
        repulsion = energy.repulsion,
        gradient = want.then(|| to_r_matrix(gradient))
    ))
}

/// What the weights of the repulsion are that R asks for, and the usual other terms:
/// `list(share, lambda, agreement, uniform, densities)`.
#[extendr]
fn rs_repulsion(kernel: Robj, repulsion: Robj) -> Outcome<List> {
    let repulsion: RepulsionPath = options::read(&repulsion)?;
    let kernel: Kernel = options::read(&kernel)?;
    let weights = repulsion.weights(kernel);
    let Terms {
        agreement,
        uniform,
        densities,
    } = kernel.usual_terms();
    let share = matches!(weights.first(), Some(RepulsionWeight::Share(_)));
    let numbers: Vec<f64> = weights.iter().map(|weight| weight.number()).collect();
    Ok(list!(
        share = share,
        lambda = numbers,
        agreement = agreement,
        uniform = uniform,
        densities = densities
    ))
}

/// E and its gradient at an embedding, W- from the cells in the rows of `x`. `affinity` has the
/// slots of W+, `weights` one number for each cell. `options` are
/// `list(kernel, repulsion, agreement, uniform, densities, method)`.
#[extendr]
fn rs_ee_loss_gradient(
    x: RMatrix<f64>,
    embedding: RMatrix<f64>,
    affinity: Robj,
    weights: Nullable<Doubles>,
    options: Robj,
    want_gradient: bool,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let Options {
        kernel,
        repulsion,
        agreement,
        uniform,
        densities,
        method,
    } = options::read(&options)?;
    let d = embedding.ncols();
    let (inputs, at) = (matrix_view(&x)?, matrix_view(&embedding)?);
    let affinity = weights_of(&affinity, threads)?;
    let masses = masses_of(&weights)?.unwrap_or(Masses::Ones(inputs.nrows()));
    let (energy, gradient) = job::run(threads, &progress, |monitor| {
        let Some(&weight) = repulsion.weights(kernel).first() else {
            return Err(CoreError::internal(
                "There is no weight of the repulsion.",
                "",
            ));
        };
        let terms = Terms {
            agreement,
            uniform,
            densities,
        };
        let mut objective =
            Objective::of_masses(inputs, masses, affinity, kernel, weight, d)?.with_terms(terms)?;
        let at: Vec<f64> = at.iter().copied().collect();
        let fine = Resolution::Fine;
        let plan = objective.plan(&at, method, fine)?;
        let mut gradient = vec![0.0; at.len()];
        let energy = objective.evaluate(&at, plan, fine, &mut gradient, monitor)?;
        Ok((energy, gradient))
    })?;
    energy_list(energy, &gradient, d, want_gradient)
}

/// E and its gradient at an embedding for full matrices W+ and W-.
#[extendr]
fn rs_ee_loss_gradient_dense(
    embedding: RMatrix<f64>,
    w_plus: RMatrix<f64>,
    w_minus: RMatrix<f64>,
    kernel: Robj,
    lambda: f64,
    want_gradient: bool,
    threads: i32,
) -> Outcome<List> {
    let d = embedding.ncols();
    let at: Vec<f64> = matrix_view(&embedding)?.iter().copied().collect();
    let kernel: Kernel = options::read(&kernel)?;
    let (attractive, repulsive) = (matrix_view(&w_plus)?, matrix_view(&w_minus)?);
    let (energy, gradient) = job::run(threads, &().into(), |_| {
        let mut gradient = vec![0.0; at.len()];
        let energy = dense::evaluate(attractive, repulsive, kernel, lambda, &at, d, &mut gradient)?;
        Ok((energy, gradient))
    })?;
    energy_list(energy, &gradient, d, want_gradient)
}

extendr_module! {
    mod objective;
    fn rs_repulsion;
    fn rs_ee_loss_gradient;
    fn rs_ee_loss_gradient_dense;
}
