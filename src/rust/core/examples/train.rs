//! NeuralEE on the rows of a NumPy file, with the seconds of each stage:
//! `train FILE.npy N k lambda epochs batch threads [seed [pretraining [hidden ...]]]`.
//! `k` 0 takes all neighbours, `batch` 0 all cells; `pretraining` epochs learn the map of
//! free elastic embedding first.

use std::time::Instant;

use ndarray::{s, Array2, ArrayD, Ix2};
use ndarray_npy::read_npy;
use neuralee_core::neuralee::{self, Options};
use neuralee_core::optimize::RepulsionPath;
use neuralee_core::session::Session;
use neuralee_core::threads::with_threads;
use neuralee_core::train::Batches;

const USAGE: &str =
    "usage: train FILE.npy N k lambda epochs batch threads [seed [pretraining [hidden ...]]]";

fn read(file: &str) -> Array2<f64> {
    let wide = |a: ArrayD<f32>| a.mapv(f64::from);
    let any = read_npy::<_, ArrayD<f64>>(file)
        .or_else(|_| read_npy(file).map(wide))
        .or_else(|_| read_npy::<_, ArrayD<i16>>(file).map(|a| a.mapv(f64::from)));
    let matrix = any
        .expect("a matrix of numbers")
        .into_dimensionality::<Ix2>();
    matrix.expect("a matrix")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, numbers @ ..] = arguments.as_slice() else {
        panic!("{USAGE}");
    };
    let numbers: Vec<f64> = numbers.iter().map(|v| v.parse().expect(USAGE)).collect();
    let [n, k, lambda, epochs, batch, threads, more @ ..] = numbers.as_slice() else {
        panic!("{USAGE}");
    };
    let all = read(file);
    let n = (*n as usize).min(all.nrows());
    let points = all.slice(s![..n, ..]).to_owned();
    drop(all);
    let mut options = Options {
        maxit: Some(*epochs as u64),
        landmarks: Some(0),
        pretrain: Some(more.get(1).map_or(0, |&v| v as u64)),
        tol: 0.0,
        batches: match *batch {
            0.0 => Batches::All,
            size => Batches::Shared { size: size as u64 },
        },
        ..Options::default()
    };
    options.map.repulsion = RepulsionPath::Lambda(vec![*lambda]);
    options.map.affinity.k = Some(if *k == 0.0 { n - 1 } else { *k as usize });
    options.map.seed = more.first().map_or(42, |&v| v as u64);
    if more.len() > 2 {
        options.network.hidden = more.iter().skip(2).map(|&v| v as usize).collect();
    }
    with_threads(*threads as usize, || {
        let began = Instant::now();
        let mut session = neuralee::open(points.view(), &options, &()).expect("start");
        let timing = session.timing();
        eprintln!(
            "neighbours {:.2} s, affinities {:.2} s, free map {:.2} s, in all {:.2} s",
            timing.neighbors,
            timing.affinity,
            timing.init,
            began.elapsed().as_secs_f64()
        );
        let every = (*epochs as u64 / 10).max(1);
        while session.stop().is_none() {
            session.advance(every, &()).expect("run");
            let row = session.trace().last().expect("a row");
            eprintln!(
                "  epoch {} E {:.6} seconds {:.2} {:?}",
                row.iteration,
                row.loss,
                row.seconds,
                session.plan()
            );
        }
        let (loss, epoch) = session.best();
        println!("N {n} lambda {lambda}: E {loss:.6} after {epoch} epochs");
    })
    .expect("threads");
}
