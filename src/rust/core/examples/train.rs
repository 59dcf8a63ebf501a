//! NeuralEE on the rows of a NumPy file, with the seconds of each stage:
//! `train FILE.npy N k lambda epochs batch threads [seed [pretraining [hidden ...]]]`.
//! `k` 0 takes all neighbours, `batch` 0 all cells; `pretraining` epochs learn the map of
//! free elastic embedding first.

use std::time::Instant;

use ndarray::{s, Array2, ArrayD, Axis, Ix2};
use ndarray_npy::read_npy;
use neuralee_core::affinity::{Affinities, Params as AffinityParams};
use neuralee_core::neighbors::{search, Search};
use neuralee_core::network::{Activation, Architecture, Network, Points, Standard};
use neuralee_core::objective::{Kernel, Objective, RepulsionWeight};
use neuralee_core::optimize::{self, Start};
use neuralee_core::threads::with_threads;
use neuralee_core::train::{Batches, Params, Problem, Run};

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
        panic!("usage: train FILE.npy N k lambda epochs batch threads [seed [pretraining [hidden ...]]]");
    };
    let numbers: Vec<f64> = numbers
        .iter()
        .map(|v| v.parse().expect("a number"))
        .collect();
    let [n, k, lambda, epochs, batch, threads, more @ ..] = numbers.as_slice() else {
        panic!("numbers of N, k, lambda, epochs, batch and threads");
    };
    let seed = more.first().map_or(42, |&v| v as u64);
    let pretraining = more.get(1).map_or(0, |&v| v as u64);
    let hidden: Vec<usize> = more.iter().skip(2).map(|&v| v as usize).collect();
    let all = read(file);
    let n = (*n as usize).min(all.nrows());
    let points = all.slice(s![..n, ..]).to_owned();
    drop(all);
    with_threads(*threads as usize, || {
        let mut last = Instant::now();
        let mut stage = |name: &str| {
            eprintln!("{name} {:.2} s", last.elapsed().as_secs_f64());
            last = Instant::now();
        };
        let k = if *k == 0.0 { n - 1 } else { *k as usize };
        let found = search(points.view(), k, Search::Auto, 42, &()).expect("neighbours");
        stage("neighbours");
        let affinities =
            Affinities::of_graph(found, AffinityParams::default(), &()).expect("weights");
        stage("affinities");
        let points = match &affinities.order {
            Some(order) => {
                let order: Vec<usize> = order.iter().map(|&id| id as usize).collect();
                points.select(Axis(0), &order)
            }
            None => points,
        };
        let (kernel, weight) = (Kernel::GAUSSIAN, RepulsionWeight::Lambda(*lambda));
        let objective = Objective::new(points.view(), affinities.weights, kernel, weight, 2)
            .expect("objective");
        let target = (pretraining > 0).then(|| {
            let weights = objective.weights().clone();
            let free =
                Objective::new(points.view(), weights, kernel, weight, 2).expect("objective");
            let params = optimize::Params::default();
            let mut run = optimize::Run::new(free, points.view(), Start::Pca, seed, params, &())
                .expect("start");
            run.advance(u64::MAX, &()).expect("run");
            eprintln!(
                "free E {:.6} after {} iterations",
                run.loss(),
                run.iteration()
            );
            stage("elastic embedding");
            run.embedding().to_vec()
        });
        let standard = Standard::of(points.view()).expect("standard");
        let architecture = Architecture {
            inputs: points.ncols(),
            hidden: if hidden.is_empty() {
                vec![50, 50]
            } else {
                hidden
            },
            outputs: 2,
            activation: Activation::Relu,
            batch_norm: true,
            dropout: 0.0,
            residual: false,
            program: None,
        };
        let network = Network::initial(architecture, 0.1, seed).expect("network");
        let problem = Problem {
            points: Points::new(points.view(), &standard),
            objective,
            parts: Vec::new(),
            device: None,
        };
        let params = Params {
            maxit: *epochs as u64,
            tol: 0.0,
            batches: match *batch {
                0.0 => Batches::All,
                size => Batches::Shared { size: size as u64 },
            },
            pretraining,
            seed,
            ..Params::default()
        };
        let mut run = Run::new(problem, network, &[*lambda], target, params, &()).expect("start");
        stage("start");
        let every = (params.maxit / 10).max(1);
        while run.stopped().is_none() {
            run.advance(every, &()).expect("run");
            let row = run.trace().last().expect("a row");
            eprintln!(
                "  epoch {} E {:.6} seconds {:.2} {:?}",
                row.iteration,
                row.loss,
                row.seconds,
                run.repulsion()
            );
        }
        stage("training");
        let (loss, epoch) = run.best().expect("weights");
        println!("N {n} lambda {lambda}: E {loss:.6} after {epoch} epochs");
    })
    .expect("threads");
}
