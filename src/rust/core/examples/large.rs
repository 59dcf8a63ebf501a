//! Elastic embedding of the rows of a NumPy file, with the seconds of each stage:
//! `large FILE.npy N lambda iterations threads [tol]`. With `auto` for lambda the kernel is
//! heavy-tailed and lambda found by the map, as `ee(kernel = "student")` has it.

use std::time::Instant;

use ndarray::{s, Array2};
use ndarray_npy::read_npy;
use neuralee_core::ee::{self, Options};
use neuralee_core::objective::Kernel;
use neuralee_core::optimize::RepulsionPath;
use neuralee_core::quality::{distance_correlation, CoRanking};
use neuralee_core::session::Session;
use neuralee_core::threads::with_threads;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, n, lambda, iterations, threads, tol @ ..] = arguments.as_slice() else {
        panic!("usage: large FILE.npy N lambda iterations threads [tol]");
    };
    let number = |text: &String| text.parse::<f64>().expect("a number");
    let n = number(n) as usize;
    let (kernel, repulsion) = match lambda.as_str() {
        "auto" => (Kernel::STUDENT, RepulsionPath::Auto),
        _ => (
            Kernel::GAUSSIAN,
            RepulsionPath::Lambda(vec![number(lambda)]),
        ),
    };
    let options = Options {
        kernel,
        repulsion,
        maxit: number(iterations) as u64,
        tol: tol.first().map(number),
        ..Options::default()
    };
    let all: Array2<f32> = read_npy(file).expect("a matrix of 32-bit numbers");
    let points: Array2<f64> = all.slice(s![..n, ..]).mapv(f64::from);
    drop(all);
    with_threads(number(threads) as usize, || {
        let mut last = Instant::now();
        let mut session = ee::open(points.view(), &options, &()).expect("start");
        let mut stage = |name: &str| {
            eprintln!("{name} {:.2} s", last.elapsed().as_secs_f64());
            last = Instant::now();
        };
        let timing = session.timing();
        eprintln!(
            "neighbours {:.2} s, affinities {:.2} s",
            timing.neighbors, timing.affinity
        );
        stage("these and the start");
        while session.stop().is_none() {
            session.advance(10, &()).expect("run");
            let row = session.trace().last().expect("a row");
            eprintln!(
                "  iteration {} E {:.6} |gradient| {:.3e} seconds {:.2} {:?}",
                row.iteration,
                row.loss,
                row.gradient_norm,
                row.seconds,
                session.plan()
            );
        }
        stage("optimisation");
        println!(
            "N {n} lambda {lambda}: E {:.6} after {} iterations",
            session.loss(),
            session.iteration()
        );
        let map = session.embedding().expect("a map");
        let ranks = CoRanking::new(points.view(), map.view(), 10, 1000, 42, &()).expect("ranks");
        let distances = distance_correlation(points.view(), map.view(), 100_000, 42, &());
        println!(
            "kept of 10 {:.3}, AUC R_NX {:.3}, distances {:.3}",
            ranks.neighborhood_preservation(),
            ranks.auc_rnx(),
            distances.expect("distances").unwrap_or(f64::NAN)
        );
    })
    .expect("threads");
}
