//! Times E, its repulsion and the choice of a grid: `repulsion N D threads extent order`. N may be
//! too large for a search of neighbours. The map is twenty clusters on a disc of diameter `extent`.
//! `order` is how the cells lie in memory: `random`, or `local` (by squares of the map of side 1).

mod timing;

use ndarray::Array2;
use neuralee_core::affinity::Weights;
use neuralee_core::objective::{Kernel, Method, Objective, RepulsionWeight, Resolution};
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;
use timing::median;

/// Cells around twenty centres at random points of a disc, each cluster a Gaussian.
fn map(n: usize, extent: f64, local: bool) -> Vec<[f64; 2]> {
    let stream = Stream::new(2, 0);
    let mut points: Vec<[f64; 2]> = (0..n)
        .map(|i| {
            let cluster = (1u64 << 40) + 2 * (i % 20) as u64;
            let radius = (extent / 2.0 - extent / 8.0) * stream.uniform(cluster).sqrt();
            let angle = std::f64::consts::TAU * stream.uniform(cluster + 1);
            let centre = [radius * angle.cos(), radius * angle.sin()];
            std::array::from_fn(|a| centre[a] + extent / 24.0 * stream.normal((2 * i + a) as u64))
        })
        .collect();
    if local {
        points.sort_by_key(|point| point.map(|v| v.floor() as i64));
    }
    points
}

fn main() {
    const USAGE: &str = "usage: repulsion N D threads extent random|local";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [n, inputs, threads, extent, order] = arguments.as_slice() else {
        panic!("{USAGE}");
    };
    let whole = |text: &str| text.parse::<usize>().expect(USAGE);
    let (n, inputs, threads, extent) = (whole(n), whole(inputs), whole(threads), whole(extent));
    let x = map(n, extent as f64, order == "local").concat();
    let stream = Stream::new(1, 0);
    let y = Array2::from_shape_fn((n, inputs), |(i, j)| {
        x[2 * i + j % 2] / (1 + j) as f64 + stream.uniform((i * inputs + j) as u64)
    });
    // A ring: every cell is tied to the next.
    let ring = Weights::from_rows(
        (0..=n).map(|i| 2 * i).collect(),
        (0..n)
            .flat_map(|i| {
                let (before, after) = ((i + n - 1) % n, (i + 1) % n);
                [before.min(after) as u32, before.max(after) as u32]
            })
            .collect(),
        vec![0.5 / n as f64; 2 * n],
    )
    .expect("a ring");
    with_threads(threads, || {
        let (kernel, weight) = (Kernel::GAUSSIAN, RepulsionWeight::Lambda(10.0));
        let mut objective = Objective::new(y.view(), ring, kernel, weight, 2).expect("objective");
        let at = Resolution::Fine;
        let how = objective.plan(&x, Method::Grid, at).expect("plan");
        let plan = median(11, || {
            objective.replan(&x, Method::Grid, at, how).expect("plan");
        });
        let mut gradient = vec![0.0; x.len()];
        let mut energy = 0.0;
        let repulsion = median(11, || {
            energy = objective
                .repulsion(&x, how, at, 1.0, &mut gradient, &())
                .expect("repulsion");
        });
        let all = median(11, || {
            objective
                .evaluate(&x, how, at, &mut gradient, &())
                .expect("energy");
        });
        println!(
            "N {n} D {inputs} threads {threads} extent {extent} {order} {how:?} E- {energy:.6e}: \
             repulsion {:.1} ms, with attraction to two neighbours {:.1} ms, plan {:.1} ms",
            1e3 * repulsion,
            1e3 * all,
            1e3 * plan
        );
    })
    .expect("threads");
}
