//! A few cells, to which saved states belong.

use ndarray::Array2;
use neuralee_core::affinity::{symmetrize, Params as AffinityParams, Weights};
use neuralee_core::neighbors::exact;
use neuralee_core::network::{Activation, Architecture, Points, Standard};
use neuralee_core::objective::{Kernel, Objective, RepulsionWeight};
use neuralee_core::random::Stream;
use neuralee_core::train::Problem;

pub const LAMBDA: f64 = 10.0;
/// Values of lambda that a path goes on to.
pub const FURTHER: [f64; 1] = [20.0];

pub fn cells() -> Array2<f64> {
    let stream = Stream::new(1, 0);
    Array2::from_shape_fn((12, 3), |(i, j)| stream.normal((3 * i + j) as u64))
}

fn weights(y: &Array2<f64>) -> Weights {
    let graph = exact(y.view(), 5, &()).expect("neighbours");
    let params = AffinityParams {
        perplexity: 3.0,
        ..AffinityParams::default()
    };
    let valid = params.check(graph.n, graph.k).expect("parameters");
    symmetrize(&graph, &valid.rows(&graph, &()).expect("affinities"))
}

pub fn objective() -> Objective {
    let y = cells();
    let weight = RepulsionWeight::Lambda(LAMBDA);
    Objective::new(y.view(), weights(&y), Kernel::GAUSSIAN, weight, 2).expect("an objective")
}

pub fn problem() -> Problem {
    let y = cells();
    Problem {
        objective: objective(),
        points: Points::new(y.view(), &Standard::of(y.view()).expect("a scale")),
        parts: Vec::new(),
        device: None,
    }
}

pub fn architecture() -> Architecture {
    Architecture {
        inputs: 3,
        hidden: vec![4],
        outputs: 2,
        activation: Activation::Relu,
        batch_norm: true,
        dropout: 0.0,
        residual: false,
        program: None,
    }
}

pub fn training() -> neuralee_core::train::Params {
    neuralee_core::train::Params {
        maxit: 6,
        tol: 0.0,
        ..Default::default()
    }
}
