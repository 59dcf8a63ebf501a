//! All stages of elastic embedding on the rows of a NumPy file, with the seconds of each:
//! `large FILE.npy N lambda iterations threads [tol]`. With `auto` for lambda the kernel is heavy-tailed and
//! lambda found by the map, as `ee(kernel = "student")` has it.

use std::time::Instant;

use ndarray::{s, Array2, ArrayView2, Axis};
use ndarray_npy::read_npy;
use neuralee_core::affinity::{symmetrize, Params as AffinityParams};
use neuralee_core::neighbors::{search, Search};
use neuralee_core::objective::{Kernel, Objective, RepulsionWeight};
use neuralee_core::optimize::{LambdaPath, Params, Run, Start, DEFAULT_SHARE};
use neuralee_core::quality::{distance_correlation, CoRanking};
use neuralee_core::threads::with_threads;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, n, lambda, iterations, threads, tol @ ..] = arguments.as_slice() else {
        panic!("usage: large FILE.npy N lambda iterations threads [tol]");
    };
    let number = |text: &String| text.parse::<f64>().expect("a number");
    let (n, heavy, iterations) = (number(n) as usize, lambda == "auto", number(iterations));
    let (kernel, weight) = if heavy {
        (Kernel::STUDENT, RepulsionWeight::Share(DEFAULT_SHARE))
    } else {
        (Kernel::GAUSSIAN, RepulsionWeight::Lambda(number(lambda)))
    };
    let path = LambdaPath::of(weight, &[]);
    let all: Array2<f32> = read_npy(file).expect("a matrix of 32-bit numbers");
    let points: Array2<f64> = all.slice(s![..n, ..]).mapv(f64::from);
    drop(all);
    with_threads(number(threads) as usize, || {
        let mut last = Instant::now();
        let mut stage = |name: &str| {
            eprintln!("{name} {:.2} s", last.elapsed().as_secs_f64());
            last = Instant::now();
        };
        let mut found = search(points.view(), 90, Search::Auto, 42, &()).expect("neighbours");
        stage("neighbours");
        let rows = AffinityParams::default()
            .check(n, 90)
            .and_then(|params| params.rows(&found.graph, &()))
            .expect("affinities");
        stage("affinities");
        found.graph.squared_distances = Vec::new();
        let weights = symmetrize(&found.graph, &rows);
        drop((found.graph, rows));
        stage("weights");
        let points = match &found.order {
            Some(order) => {
                let order: Vec<usize> = order.iter().map(|&id| id as usize).collect();
                points.select(Axis(0), &order)
            }
            None => points,
        };
        let (first, further) = path.parts();
        let objective =
            Objective::new(points.view(), weights, kernel, first, 2).expect("objective");
        let params = Params {
            maxit: iterations as u64,
            tol: tol.first().map_or(Params::default().tol, number),
            ..Params::default()
        };
        let mut run = Run::new(objective, points.view(), Start::Pca, 42, params, &())
            .and_then(|run| run.follow(further, path.each, &()))
            .expect("start");
        stage("start");
        while run.stopped().is_none() {
            run.advance(10, &()).expect("run");
            let row = run.trace().last().expect("a row");
            eprintln!(
                "  iteration {} E {:.6} |gradient| {:.3e} seconds {:.2} {:?}",
                row.iteration,
                row.loss,
                row.gradient_norm,
                row.seconds,
                run.repulsion()
            );
        }
        stage("optimisation");
        println!(
            "N {n} lambda {lambda}: E {:.6} after {} iterations",
            run.loss(),
            run.iteration()
        );
        let map = ArrayView2::from_shape((n, 2), run.embedding()).expect("a map");
        let ranks = CoRanking::of(points.view(), map, 10, 1000, 42, &()).expect("ranks");
        let distances = distance_correlation(points.view(), map, 100_000, 42, &());
        println!(
            "kept of 10 {:.3}, AUC R_NX {:.3}, distances {:.3}",
            ranks.neighborhood_preservation(),
            ranks.auc_rnx(),
            distances.expect("distances").unwrap_or(f64::NAN)
        );
    })
    .expect("threads");
}
