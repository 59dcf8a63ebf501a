//! Times one evaluation of E and its gradient, and its parts, at an embedding that the
//! optimiser has reached: `evaluation N D threads`.

mod timing;

use ndarray::Array2;
use neuralee_core::ee::{self, Options};
use neuralee_core::input::{affinities, Input, WeightSource};
use neuralee_core::neighbors::Search;
use neuralee_core::objective::{Kernel, Method, Objective, Plan, RepulsionWeight, Resolution};
use neuralee_core::optimize::RepulsionPath;
use neuralee_core::random::Stream;
use neuralee_core::session::Session;
use neuralee_core::threads::with_threads;
use timing::median;

fn main() {
    let arguments: Vec<usize> = std::env::args()
        .skip(1)
        .map(|a| a.parse().expect("usage: evaluation N D threads"))
        .collect();
    let &[n, inputs, threads] = arguments.as_slice() else {
        panic!("usage: evaluation N D threads");
    };
    // Twenty clusters with unit deviation around centres three deviations apart.
    let stream = Stream::new(1, 0);
    let y = Array2::from_shape_fn((n, inputs), |(i, j)| {
        let centre = stream.normal((1 << 40) + (i % 20 * inputs + j) as u64);
        3.0 * centre / (inputs as f64).sqrt() * 4.0 + stream.normal((i * inputs + j) as u64)
    });
    with_threads(threads, || {
        let options = Options {
            repulsion: RepulsionPath::Lambda(vec![10.0]),
            neighbors: Search::Exact,
            maxit: 60,
            ..Options::default()
        };
        let found = affinities(y.view(), WeightSource::Search, &options, 0, &());
        let weights = found.expect("affinities").0.weights;
        let entries = weights.entries();
        let input = Input {
            weights: WeightSource::Given(weights.clone()),
            ..Input::from(y.view())
        };
        let mut session = ee::open(input, &options, &()).expect("start");
        session.advance(60, &()).expect("run");
        let x: Vec<f64> = session.embedding().expect("a map").into_iter().collect();
        let (kernel, weight) = (Kernel::GAUSSIAN, RepulsionWeight::Lambda(10.0));
        let mut objective =
            Objective::new(y.view(), weights.clone(), kernel, weight, 2).expect("objective");
        let at = Resolution::Fine;
        let how = objective.plan(&x, Method::Grid, at).expect("plan");
        let mut gradient = vec![0.0; x.len()];
        let whole = median(21, || {
            objective
                .evaluate(&x, how, at, &mut gradient, &())
                .expect("energy");
        });
        let repulsion = median(21, || {
            objective
                .repulsion(&x, how, at, 1.0, &mut gradient, &())
                .expect("repulsion");
        });
        let attraction = median(21, || weights.laplacian_product(&x, 2, &mut gradient));
        let exact = median(1, || {
            objective
                .repulsion(&x, Plan::Exact, at, 1.0, &mut gradient, &())
                .expect("repulsion");
        });
        let extent = (0..2)
            .map(|a| {
                let column = x.iter().skip(a).step_by(2);
                let high = column.clone().fold(f64::MIN, |m, v| m.max(*v));
                high - column.fold(f64::MAX, |m, v| m.min(*v))
            })
            .collect::<Vec<_>>();
        println!(
            "N {n} D {inputs} threads {threads} entries {entries} extent {extent:.1?} {how:?}: \
             whole {:.2} ms, repulsion {:.2} ms, attraction {:.2} ms; \
             repulsion over all pairs {:.0} ms",
            1e3 * whole,
            1e3 * repulsion,
            1e3 * attraction,
            1e3 * exact
        );
    })
    .expect("threads");
}
