//! Times the repulsion over all pairs and on the grid at finished maps, for few cells and more, so that the plan
//! between them rests on measurements: `crossover FILE.npy gaussian|student threads N ...`.

mod timing;

use ndarray::{s, Array2};
use ndarray_npy::read_npy;
use neuralee_core::affinity::{symmetrize, Params as AffinityParams};
use neuralee_core::neighbors::{search, Search};
use neuralee_core::objective::{Kernel, Method, Objective, Plan, RepulsionWeight, Resolution};
use neuralee_core::optimize::{
    LambdaPath, Params, Run, Start, DEFAULT_SHARE, DEFAULT_SHARE_TOLERANCE,
};
use neuralee_core::threads::with_threads;
use timing::median;

fn main() {
    const USAGE: &str = "usage: crossover FILE.npy gaussian|student threads N ...";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, kernel, threads, sizes @ ..] = arguments.as_slice() else {
        panic!("{USAGE}");
    };
    let (kernel, weight) = match kernel.as_str() {
        "gaussian" => (Kernel::GAUSSIAN, RepulsionWeight::Lambda(10.0)),
        "student" => (Kernel::STUDENT, RepulsionWeight::Share(DEFAULT_SHARE)),
        _ => panic!("{USAGE}"),
    };
    let whole = |text: &String| text.parse::<usize>().expect(USAGE);
    let all: Array2<f32> = read_npy(file).expect("a matrix of 32-bit numbers");
    let path = LambdaPath::of(weight, &[]);
    let time = |n: usize| {
        let points: Array2<f64> = all.slice(s![..n, ..]).mapv(f64::from);
        let found = search(points.view(), 90, Search::Exact, 42, &()).expect("neighbours");
        let rows = AffinityParams::default()
            .check(n, 90)
            .and_then(|params| params.rows(&found.graph, &()))
            .expect("affinities");
        let weights = symmetrize(&found.graph, &rows);
        let (first, further) = path.parts();
        let new = |weight| {
            Objective::new(points.view(), weights.clone(), kernel, weight, 2).expect("objective")
        };
        let params = Params {
            tol: DEFAULT_SHARE_TOLERANCE,
            ..Params::default()
        };
        let mut run = Run::new(new(first), points.view(), Start::Pca, 42, params, &())
            .and_then(|run| run.follow(further, path.each, &()))
            .expect("start");
        run.advance(200, &()).expect("run");
        let x = run.embedding().to_vec();
        let mut gradient = vec![0.0; x.len()];
        let mut objective = new(weight);
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
