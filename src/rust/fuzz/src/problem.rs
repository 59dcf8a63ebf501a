//! A few cells, and the runs to which saved states belong.

use ndarray::Array2;
use neuralee_core::affinity;
use neuralee_core::network;
use neuralee_core::optimize::{RepulsionPath, Start};
use neuralee_core::random::Stream;
use neuralee_core::{ee, neuralee};

pub fn cells() -> Array2<f64> {
    let stream = Stream::new(1, 0);
    Array2::from_shape_fn((12, 3), |(i, j)| stream.normal((3 * i + j) as u64))
}

/// A map that goes through two weights of the repulsion.
pub fn map() -> ee::Options {
    ee::Options {
        repulsion: RepulsionPath::Lambda(vec![10.0, 20.0]),
        init: Start::Random,
        affinity: affinity::Options {
            perplexity: 3.0,
            k: Some(5),
            ..affinity::Options::default()
        },
        ..ee::Options::default()
    }
}

pub fn training() -> neuralee::Options {
    neuralee::Options {
        map: map(),
        network: network::Options {
            hidden: vec![4],
            ..network::Options::default()
        },
        maxit: Some(6),
        pretrain: Some(0),
        tol: 0.0,
        ..neuralee::Options::default()
    }
}
