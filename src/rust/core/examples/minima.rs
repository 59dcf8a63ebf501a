//! E reached from the PCA start and three random starts, for lambda 1, 10 and 100, all
//! neighbours: `minima points.npy` (N x D, single precision). A Markdown table.

use ndarray::Array2;
use neuralee_core::ee::{self, Options};
use neuralee_core::optimize::{RepulsionPath, Start};
use neuralee_core::session::Session;

fn main() {
    let path = std::env::args().nth(1).expect("usage: minima points.npy");
    let y: Array2<f32> = ndarray_npy::read_npy(path).expect("points");
    let y = y.mapv(f64::from);
    println!("| lambda | PCA | random 1 | random 2 | random 3 |");
    println!("| --- | --- | --- | --- | --- |");
    for lambda in [1.0, 10.0, 100.0] {
        let loss = |init, seed| {
            let mut options = Options {
                repulsion: RepulsionPath::Lambda(vec![lambda]),
                init,
                seed,
                maxit: 400,
                ..Options::default()
            };
            options.affinity.k = Some(y.nrows() - 1);
            let mut session = ee::open(y.view(), &options, &()).expect("start");
            session.advance(400, &()).expect("run");
            session.loss()
        };
        let pca = loss(Start::Pca, 1);
        let random: Vec<f64> = (1..=3).map(|seed| loss(Start::Random, seed)).collect();
        println!(
            "| {lambda} | {pca:.5} | {:.5} | {:.5} | {:.5} |",
            random[0], random[1], random[2]
        );
    }
}
