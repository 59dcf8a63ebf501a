//! Times the repulsion over all pairs and on the grid at finished maps. The plan between them for
//! few cells and more rests on its measurements: `crossover FILE.npy gaussian|student threads N
//! ...`.

mod timing;

use ndarray::{s, Array2};
use ndarray_npy::read_npy;
use neuralee_core::ee::{self, Options};
use neuralee_core::input::{affinities, Input, WeightSource};
use neuralee_core::neighbors::Search;
use neuralee_core::objective::{Kernel, Method, Objective, Plan, Resolution};
use neuralee_core::optimize::RepulsionPath;
use neuralee_core::session::Session;
use neuralee_core::threads::with_threads;
use timing::median;

fn main() {
    const USAGE: &str = "usage: crossover FILE.npy gaussian|student threads N ...";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, kernel, threads, sizes @ ..] = arguments.as_slice() else {
        panic!("{USAGE}");
    };
    let (kernel, repulsion) = match kernel.as_str() {
        "gaussian" => (Kernel::GAUSSIAN, RepulsionPath::Lambda(vec![10.0])),
        "student" => (Kernel::STUDENT, RepulsionPath::Auto),
        _ => panic!("{USAGE}"),
    };
    let options = Options {
        kernel,
        repulsion,
        neighbors: Search::Exact,
        ..Options::default()
    };
    let whole = |text: &String| text.parse::<usize>().expect(USAGE);
    let all: Array2<f32> = read_npy(file).expect("a matrix of 32-bit numbers");
    let time = |n: usize| {
        let points: Array2<f64> = all.slice(s![..n, ..]).mapv(f64::from);
        let found = affinities(points.view(), WeightSource::Search, &options, 0, &());
        let weights = found.expect("affinities").0.weights;
        let input = Input {
            weights: WeightSource::Given(weights.clone()),
            ..Input::from(points.view())
        };
        let mut session = ee::open(input, &options, &()).expect("start");
        session.advance(200, &()).expect("run");
        let x: Vec<f64> = session.embedding().expect("a map").into_iter().collect();
        let weight = options.repulsion.weights(kernel)[0];
        let mut objective =
            Objective::new(points.view(), weights, kernel, weight, 2).expect("objective");
        let mut gradient = vec![0.0; x.len()];
        for at in [Resolution::Fine, Resolution::Coarse] {
            if at == Resolution::Coarse && !objective.has_coarse() {
                break;
            }
            let chosen = objective.plan(&x, Method::Auto, at).expect("plan");
            let grid = objective.plan(&x, Method::Grid, at).expect("plan");
            let mut milliseconds = |how: Plan| {
                1e3 * median(5, || {
                    objective
                        .repulsion(&x, how, at, 1.0, &mut gradient, &())
                        .expect("repulsion");
                })
            };
            println!(
                "N {n} {at:?}: all pairs {:.1} ms, {grid:?} {:.1} ms, chosen {chosen:?}",
                milliseconds(Plan::Exact),
                milliseconds(grid)
            );
        }
    };
    with_threads(whole(threads), || sizes.iter().map(whole).for_each(time)).expect("threads");
}
