//! E reached from the PCA start and three random starts, for lambda 1, 10 and 100, all
//! neighbours: `minima points.npy` (N x D, single precision). A Markdown table.

use ndarray::Array2;
use neuralee_core::affinity::{symmetrize, Params as AffinityParams};
use neuralee_core::neighbors::exact;
use neuralee_core::objective::{Kernel, Objective, RepulsionWeight};
use neuralee_core::optimize::{Params, Run, Start};

fn main() {
    let path = std::env::args().nth(1).expect("usage: minima points.npy");
    let y: Array2<f32> = ndarray_npy::read_npy(path).expect("points");
    let y = y.mapv(f64::from);
    let all = y.nrows() - 1;
    let graph = exact(y.view(), all, &()).expect("neighbours");
    let rows = AffinityParams::default()
        .check(y.nrows(), all)
        .and_then(|params| params.rows(&graph, &()))
        .expect("affinities");
    let weights = symmetrize(&graph, &rows);
    println!("| lambda | PCA | random 1 | random 2 | random 3 |");
    println!("| --- | --- | --- | --- | --- |");
    for lambda in [1.0, 10.0, 100.0] {
        let loss = |start, seed| {
            let (kernel, weight) = (Kernel::GAUSSIAN, RepulsionWeight::Lambda(lambda));
            let objective =
                Objective::new(y.view(), weights.clone(), kernel, weight, 2).expect("E");
            let params = Params {
                maxit: 400,
                ..Params::default()
            };
            let mut run = Run::new(objective, y.view(), start, seed, params, &()).expect("start");
            run.advance(400, &()).expect("run");
            run.loss()
        };
        let pca = loss(Start::Pca, 1);
        let random: Vec<f64> = (1..=3).map(|seed| loss(Start::Random, seed)).collect();
        println!(
            "| {lambda} | {pca:.5} | {:.5} | {:.5} | {:.5} |",
            random[0], random[1], random[2]
        );
    }
}
