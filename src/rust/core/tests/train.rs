//! Training: the original's curves, runs that stop and go on, and what batches do.

mod common;

use std::sync::atomic::{AtomicI64, Ordering};

use common::matrix;
use ndarray::{Array2, ArrayView2, Axis};
use neuralee_core::affinity::{
    symmetrize, Options as AffinityOptions, RowAffinities, Sample, Weights,
};
use neuralee_core::monitor::Monitor;
use neuralee_core::neighbors::{exact, NeighborGraph, Search};
use neuralee_core::network::optimizer::{self, Rule};
use neuralee_core::network::{
    Activation, Architecture, Decay, Network, Points, Schedule, Standard,
};
use neuralee_core::objective::{Kernel, Method, Objective, Plan, RepulsionWeight, Resolution};
use neuralee_core::optimize::{self, Start};
use neuralee_core::random::Stream;
use neuralee_core::session::Stop;
use neuralee_core::threads::with_threads;
use neuralee_core::train::{independent, Batches, Options, Part, Problem, Run, State};
use neuralee_core::Result;

fn cells(n: usize) -> Array2<f64> {
    let stream = Stream::new(1, 0);
    Array2::from_shape_fn((n, 6), |(i, j)| {
        stream.normal((i * 6 + j) as u64) + if i % 3 == j { 5.0 } else { 0.0 }
    })
}

fn rows(graph: &NeighborGraph, perplexity: f64) -> RowAffinities {
    let params = AffinityOptions {
        perplexity,
        ..AffinityOptions::default()
    };
    let valid = params.check(graph.n, graph.k).unwrap();
    valid.rows(graph, &()).unwrap()
}

fn weights(y: ArrayView2<f64>, k: usize) -> Weights {
    let graph = exact(y, k, &()).unwrap();
    symmetrize(&graph, &rows(&graph, 10.0))
}

fn objective_of(y: ArrayView2<f64>, weights: Weights, lambda: f64) -> Result<Objective> {
    let weight = RepulsionWeight::Lambda(lambda);
    Objective::new(y, weights, Kernel::GAUSSIAN, weight, 2)
}

fn objective(y: &Array2<f64>, weights: Weights, lambda: f64) -> Objective {
    objective_of(y.view(), weights, lambda).unwrap()
}

fn architecture(y: &Array2<f64>, hidden: &[usize]) -> Architecture {
    Architecture {
        inputs: y.ncols(),
        hidden: hidden.to_vec(),
        outputs: 2,
        activation: Activation::Relu,
        batch_norm: true,
        dropout: 0.0,
        residual: false,
        program: None,
    }
}

fn problem(y: &Array2<f64>, weights: Weights, parts: Vec<Part>) -> Problem {
    Problem {
        objective: objective(y, weights, 10.0),
        points: Points::new(y.view(), &Standard::new(y.view()).unwrap()),
        parts,
        device: None,
    }
}

/// What a test changes of a short run on 120 cells.
#[derive(Clone)]
struct Setting {
    params: Options,
    lambdas: Vec<f64>,
    dropout: f64,
}

impl Setting {
    fn new(batches: Batches) -> Self {
        Setting {
            params: Options {
                maxit: 12,
                tol: 0.0,
                batches,
                ..Options::default()
            },
            lambdas: vec![10.0],
            dropout: 0.0,
        }
    }

    fn problem(&self) -> Problem {
        let y = cells(120);
        let parts = match self.params.batches {
            Batches::Independent { size } => {
                let options = AffinityOptions {
                    perplexity: 10.0,
                    ..AffinityOptions::default()
                };
                let e = |y: ArrayView2<f64>, weights| objective_of(y, weights, self.lambdas[0]);
                independent(y.view(), size, options, Search::Exact, 3, &e, &()).unwrap()
            }
            _ => Vec::new(),
        };
        problem(&y, weights(y.view(), 30), parts)
    }

    fn architecture(&self) -> Architecture {
        Architecture {
            dropout: self.dropout,
            ..architecture(&cells(120), &[8, 8])
        }
    }

    fn run(&self) -> Run {
        let network = Network::initial(self.architecture(), 0.1, 1).unwrap();
        let target = (self.params.pretraining > 0).then(|| {
            let y = cells(120);
            y.rows()
                .into_iter()
                .flat_map(|row| [row[0] + 7.0, row[1]])
                .collect()
        });
        Run::new(
            self.problem(),
            network,
            &self.lambdas,
            target,
            self.params,
            &(),
        )
        .unwrap()
    }

    fn resume(&self, bytes: &[u8]) -> Run {
        let state = State::from_bytes(bytes).unwrap();
        let (params, shape) = (self.params, self.architecture());
        Run::resume(self.problem(), &self.lambdas, params, &shape, state, &()).unwrap()
    }
}

/// One of every kind of run.
fn settings() -> Vec<Setting> {
    let shared = Batches::Shared { size: 50 };
    let mut all: Vec<Setting> = [
        Batches::All,
        Batches::Accumulated,
        shared,
        Batches::Independent { size: 40 },
    ]
    .map(Setting::new)
    .to_vec();
    let mut path = Setting::new(shared);
    path.lambdas = vec![1.0, 10.0, 100.0];
    path.params.optimizer.schedule = Schedule {
        decay: Decay::Cosine,
        warmup: 3,
        last: 0.1,
    };
    all.push(path);
    for batches in [Batches::All, Batches::Accumulated, shared] {
        let mut dropped = Setting::new(batches);
        dropped.dropout = 0.2;
        all.push(dropped);
    }
    let mut learned = Setting::new(Batches::All);
    learned.params.pretraining = 5;
    learned.params.optimizer.rule = Rule::Sgd {
        momentum: 0.9,
        nesterov: true,
    };
    all.push(learned);
    all
}

/// All that must be the same of two runs.
fn outcome(run: &Run) -> (Vec<u64>, Vec<f32>, Vec<f64>) {
    let history = run.trace().iter().flat_map(|row| {
        [
            row.iteration,
            row.lambda.to_bits(),
            row.loss.to_bits(),
            row.gradient_norm.to_bits(),
            row.learning_rate.map_or(0, f64::to_bits),
            row.batch_loss.map_or(0, f64::to_bits),
        ]
    });
    let x = run.embedding().unwrap().to_vec();
    (history.collect(), run.best_network().unwrap().values, x)
}

#[test]
fn golden_losses_at_the_start_and_at_the_end() {
    for data in ["gmm500", "pbmc700", "digits"] {
        let read = |name: &str| matrix(&format!("{data}_{name}.npy"));
        for lambda in [1.0, 10.0] {
            let (Some(y), Some(log_beta), Some(golden)) = (
                read("X"),
                read("ea_p30_kall_logbeta"),
                read(&format!("NEE_lam{lambda}_trainloss64")),
            ) else {
                continue;
            };
            // W+ by the original's own bandwidths, which it finds to 1e-3.
            let graph = exact(y.view(), y.nrows() - 1, &()).unwrap();
            let mut rows = rows(&graph, 30.0);
            for (i, p) in rows.p.chunks_exact_mut(graph.k).enumerate() {
                let distances = &graph.squared_distances[i * graph.k..][..graph.k];
                let beta = log_beta[(i, 0)].exp();
                for (p, distance) in p.iter_mut().zip(distances) {
                    *p = (-beta * (distance - distances[0])).exp();
                }
                let sum: f64 = p.iter().sum();
                p.iter_mut().for_each(|p| *p /= sum);
            }
            let longer = read(&format!("NEE_lam{lambda}_noerr_trainloss200"));
            let method = if data == "digits" {
                Method::Auto
            } else {
                Method::Exact
            };
            let params = Options {
                method,
                maxit: longer.as_ref().map_or(50, Array2::nrows) as u64,
                tol: 0.0,
                ..Options::default()
            };
            let problem = problem(&y, symmetrize(&graph, &rows), Vec::new());
            let network = original_network(data, &y);
            let mut run = Run::new(problem, network, &[lambda], None, params, &()).unwrap();
            run.advance(u64::MAX, &()).unwrap();
            // E of the same weights, and after one step. From then on rounding decides the path;
            // where it ends is comparable again. The grid's gradient is good to 4e-4; the longer
            // record is in single precision, where the sum over all pairs is off by 2e-4.
            let grid = matches!(run.plan(), Plan::Grid { .. });
            let within = if grid { 2e-4 } else { 2e-5 };
            for (row, golden) in run.trace().iter().zip(golden.iter()).take(2) {
                let error = (row.loss / golden - 1.0).abs();
                assert!(
                    error < within,
                    "{data} {lambda} epoch {}: {error:e}",
                    row.iteration
                );
            }
            let (end, last) = {
                let golden = longer.as_ref().unwrap_or(&golden);
                let at = golden.len() - 1;
                (run.trace()[at].loss, golden.iter().nth(at).unwrap())
            };
            assert!(
                (end / last - 1.0).abs() < 5e-3,
                "{data} {lambda}: {end} and {last}"
            );
        }
    }
}

/// The golden initial weights.
fn original_network(data: &str, y: &Array2<f64>) -> Network<f32> {
    let mut network = Network::initial(architecture(y, &[50, 50]), 0.1, 0).unwrap();
    for (layer, golden) in ["0", "3", "6"].iter().enumerate() {
        let weight = matrix(&format!("{data}_net0_net_{golden}_weight.npy")).unwrap();
        let range = network.layout().layers[layer].weight.clone();
        for (to, from) in network.values[range].iter_mut().zip(&weight) {
            *to = *from as f32;
        }
    }
    network
}

#[test]
fn golden_losses_of_independent_batches() {
    let data = "gmm500";
    let read = |name: &str| matrix(&format!("{data}_{name}.npy"));
    let (Some(y), Some(order), Some(golden)) = (
        read("X"),
        read("split_perm"),
        read("NEE_lam10_split_trainloss"),
    ) else {
        return;
    };
    let parts = order.iter().map(|&id| id as u32).collect::<Vec<_>>();
    let parts = parts.chunks_exact(125).map(|ids| {
        let rows_of_part: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
        let y = y.select(Axis(0), &rows_of_part);
        let graph = exact(y.view(), 124, &()).unwrap();
        let weights = symmetrize(&graph, &rows(&graph, 30.0));
        Part {
            ids: ids.to_vec(),
            objective: objective(&y, weights, 10.0),
        }
    });
    let params = Options {
        method: Method::Exact,
        maxit: 20,
        batches: Batches::Independent { size: 40 },
        ..Options::default()
    };
    let problem = problem(&y, weights(y.view(), 40), parts.collect());
    let network = original_network(data, &y);
    let mut run = Run::new(problem, network, &[10.0], None, params, &()).unwrap();
    run.advance(u64::MAX, &()).unwrap();
    // The mean of the four batches of an epoch; the original's bandwidths are good to 1e-3. The
    // first epoch, and where the training ends: between them rounding decides the path.
    let golden: Vec<f64> = golden
        .as_slice()
        .unwrap()
        .chunks(4)
        .map(|of_epoch| of_epoch.iter().sum::<f64>() / 4.0)
        .collect();
    let rows = &run.trace()[1..];
    for (epoch, within) in [(0, 3e-3), (rows.len().min(golden.len()) - 1, 1e-2)] {
        let error = (rows[epoch].batch_loss.unwrap() / golden[epoch] - 1.0).abs();
        assert!(error < within, "epoch {epoch}: {error:e}");
    }
}

#[test]
fn digits_end_as_low_as_the_original() {
    let Some(y) = matrix("digits_X.npy") else {
        return;
    };
    let graph = exact(y.view(), y.nrows() - 1, &()).unwrap();
    let weights = symmetrize(&graph, &rows(&graph, 30.0));
    for (lambda, original) in [(1.0, 0.2218), (10.0, 0.7423)] {
        let params = Options {
            maxit: 200,
            tol: 0.0,
            ..Options::default()
        };
        let problem = problem(&y, weights.clone(), Vec::new());
        let network = original_network("digits", &y);
        let mut run = Run::new(problem, network, &[lambda], None, params, &()).unwrap();
        run.advance(u64::MAX, &()).unwrap();
        let (loss, _) = run.best().unwrap();
        assert!(loss <= original, "lambda {lambda}: {loss}");
    }
}

#[test]
fn a_run_that_was_stopped_and_resumed_equals_a_straight_one() {
    for setting in settings() {
        let mut straight = setting.run();
        straight.advance(u64::MAX, &()).unwrap();
        assert_eq!(straight.iteration(), 12);
        assert_eq!(straight.stopped(), Some(Stop::Iterations));
        for stop in [0, 3, 7, 12] {
            let mut run = setting.run();
            run.advance(stop, &()).unwrap();
            let mut resumed = setting.resume(&run.state_bytes().unwrap());
            resumed.advance(u64::MAX, &()).unwrap();
            assert_eq!(
                outcome(&resumed),
                outcome(&straight),
                "{:?} stopped after {stop}",
                setting.params
            );
        }
    }
}

#[test]
fn threads_change_no_bit() {
    for setting in settings() {
        let run = |threads| {
            with_threads(threads, || {
                let mut run = setting.run();
                run.advance(6, &()).unwrap();
                outcome(&run)
            })
            .unwrap()
        };
        let one = run(1);
        assert!(run(2) == one && run(4) == one, "{:?}", setting.params);
    }
}

#[test]
fn accumulated_batches_take_the_step_of_all_cells() {
    let run = |batches| {
        let mut run = Setting::new(batches).run();
        run.advance(12, &()).unwrap();
        outcome(&run)
    };
    assert_eq!(run(Batches::Accumulated), run(Batches::All));
}

/// Cancels once it has been asked so many times.
struct Impatient(AtomicI64);

impl Monitor for Impatient {
    fn cancelled(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) <= 0
    }
    fn stage(&self, _: &'static str, _: usize) {}
    fn advance(&self, _: usize) {}
}

#[test]
fn an_interrupted_epoch_leaves_the_run_whole() {
    for setting in settings() {
        let mut straight = setting.run();
        straight.advance(u64::MAX, &()).unwrap();
        let mut run = setting.run();
        let mut interrupted = 0;
        // Cancelled later and later, in every phase of an epoch.
        for patience in 1..400 {
            let before = run.iteration();
            run.advance(1, &Impatient(AtomicI64::new(patience % 23)))
                .unwrap();
            interrupted += u64::from(run.iteration() == before);
            if run.stopped().is_some() {
                break;
            }
            // What is saved after an interrupt is whole, too.
            if patience % 7 == 0 {
                run = setting.resume(&run.state_bytes().unwrap());
            }
        }
        assert!(interrupted > 5, "{interrupted}");
        run.advance(u64::MAX, &()).unwrap();
        assert_eq!(outcome(&run), outcome(&straight), "{:?}", setting.params);
    }
}

#[test]
fn the_best_weights_are_those_of_least_loss_and_centred() {
    for setting in settings() {
        let mut run = setting.run();
        run.advance(u64::MAX, &()).unwrap();
        let last = run.trace().last().unwrap().lambda;
        let of_last = run.trace().iter().filter(|row| row.lambda == last);
        let least = of_last.map(|row| row.loss).fold(f64::INFINITY, f64::min);
        let (loss, epoch) = run.best().unwrap();
        assert_eq!(loss, least);
        assert_eq!(run.trace()[epoch as usize].loss, least);
        let x = run.map(&run.best_network().unwrap(), &()).unwrap();
        for a in 0..2 {
            let mean = x.iter().skip(a).step_by(2).sum::<f64>() / 120.0;
            assert!(mean.abs() < 1e-5, "{mean}");
        }
        let y = cells(120);
        let mut objective = objective(&y, weights(y.view(), 30), last);
        let energy = objective
            .evaluate(&x, run.plan(), Resolution::Fine, &mut [0.0; 240], &())
            .unwrap();
        assert!((energy.total() / loss - 1.0).abs() < 1e-5);
    }
}

#[test]
fn training_lowers_the_loss() {
    for setting in settings() {
        let mut run = setting.run();
        run.advance(u64::MAX, &()).unwrap();
        let (first, (loss, _)) = (run.trace()[0], run.best().unwrap());
        let last = run.trace().last().unwrap().lambda;
        if first.lambda == last {
            assert!(loss < 0.75 * first.loss, "{:?}: {loss}", setting.params);
        }
    }
}

#[test]
fn each_lambda_has_its_share_of_the_epochs() {
    let mut setting = Setting::new(Batches::All);
    setting.lambdas = vec![1.0, 10.0, 100.0];
    let mut run = setting.run();
    run.advance(5, &()).unwrap();
    assert_eq!(run.best(), None);
    run.advance(u64::MAX, &()).unwrap();
    let lambdas: Vec<f64> = run.trace().iter().map(|row| row.lambda).collect();
    let expected = [[1.0; 4], [10.0; 4], [100.0; 4]].concat();
    assert_eq!(lambdas[..12], expected);
    assert_eq!(lambdas[12], 100.0);
    assert!(run.best().unwrap().1 >= 8);
}

#[test]
fn a_run_ends_once_patience_epochs_bring_nothing() {
    let mut setting = Setting::new(Batches::All);
    setting.params.maxit = 2000;
    setting.params.patience = 10;
    setting.params.tol = 0.01;
    let mut run = setting.run();
    run.advance(u64::MAX, &()).unwrap();
    assert_eq!(run.stopped(), Some(Stop::Converged));
    let losses: Vec<f64> = run.trace().iter().map(|row| row.loss).collect();
    let least = |losses: &[f64]| losses.iter().copied().fold(f64::INFINITY, f64::min);
    let settled = |losses: &[f64]| {
        let (before, recent) = losses.split_at(losses.len() - 10);
        least(before) - least(recent) <= 0.01 * least(recent)
    };
    assert!(settled(&losses));
    assert!((11..losses.len()).all(|end| !settled(&losses[..end])));
    // Going on changes nothing.
    run.advance(10, &()).unwrap();
    assert_eq!(run.trace().len(), losses.len());
}

#[test]
fn a_run_that_diverges_says_so_and_keeps_the_best_weights() {
    let mut setting = Setting::new(Batches::All);
    setting.params.optimizer.rate = 1e38;
    setting.params.optimizer.rule = Rule::Sgd {
        momentum: 0.0,
        nesterov: false,
    };
    let mut run = setting.run();
    run.advance(u64::MAX, &()).unwrap();
    assert_eq!(run.stopped(), Some(Stop::Diverged));
    assert!(run.best().unwrap().0.is_finite());
    assert!(run
        .best_network()
        .unwrap()
        .values
        .iter()
        .all(|v| v.is_finite()));
}

#[test]
fn a_network_that_learns_a_map_comes_close_to_it() {
    let y = cells(120);
    let weights = weights(y.view(), 30);
    let free = objective(&y, weights.clone(), 10.0);
    let params = optimize::Options::default();
    let mut map = optimize::Run::new(free, y.view(), Start::Pca, 1, params, &()).unwrap();
    map.advance(u64::MAX, &()).unwrap();
    let network = Network::initial(architecture(&y, &[50, 50]), 0.1, 1).unwrap();
    let params = Options {
        maxit: 201,
        pretraining: 200,
        tol: 0.0,
        ..Options::default()
    };
    let target = Some(map.embedding().to_vec());
    let problem = problem(&y, weights, Vec::new());
    let mut run = Run::new(problem, network, &[10.0], target, params, &()).unwrap();
    run.advance(200, &()).unwrap();
    let loss = run.trace().last().unwrap().loss;
    assert!(loss < 1.03 * map.loss(), "{loss} {}", map.loss());
}

#[test]
fn sampled_changes_of_the_gradient_are_those_of_all_cells_on_average() {
    // Over all samples of 3 of 7 cells, each in turn.
    let n = 7;
    let y = cells(n);
    let graph = exact(y.view(), 4, &()).unwrap();
    let weights = symmetrize(&graph, &rows(&graph, 2.0));
    let mut objective = objective(&y, weights, 10.0);
    let places = |stream| -> Vec<f64> {
        let stream = Stream::new(2, stream);
        (0..2 * n).map(|i| stream.normal(i as u64)).collect()
    };
    let (before, now) = (places(0), places(1));
    let mut gradient = |x: &[f64]| {
        let mut gradient = vec![0.0; 2 * n];
        objective
            .evaluate(x, Plan::Exact, Resolution::Fine, &mut gradient, &())
            .unwrap();
        gradient
    };
    let (first, second) = (gradient(&before), gradient(&now));
    let mut mean = vec![0.0; 2 * n];
    let mut samples = 0.0;
    for chosen in (0u32..1 << n).filter(|chosen| chosen.count_ones() == 3) {
        let ids: Vec<u32> = (0..n as u32).filter(|id| chosen >> id & 1 == 1).collect();
        let mut assignments = vec![(0, 0); n];
        for (row, &id) in ids.iter().enumerate() {
            assignments[id as usize] = (1, row as u32);
        }
        let sample = Sample {
            ids: &ids,
            batch: 1,
            assignments: &assignments,
        };
        let rows = |x: &[f64]| -> Vec<f64> {
            ids.iter()
                .flat_map(|&id| &x[2 * id as usize..][..2])
                .copied()
                .collect()
        };
        let mut change = vec![f64::NAN; 6];
        objective
            .sampled_change(
                &sample,
                &rows(&before),
                &rows(&now),
                Method::Exact,
                &mut change,
                &(),
            )
            .unwrap();
        for (&id, change) in ids.iter().zip(change.chunks_exact(2)) {
            mean[2 * id as usize] += change[0];
            mean[2 * id as usize + 1] += change[1];
        }
        samples += 1.0;
    }
    for (i, mean) in mean.iter().enumerate() {
        assert!((mean / samples - (second[i] - first[i])).abs() < 1e-12);
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let good = Setting::new(Batches::All).params;
    let refused = |params: Options| assert_eq!(params.check().unwrap_err().kind(), "input");
    refused(Options { maxit: 0, ..good });
    refused(Options {
        patience: 0,
        ..good
    });
    refused(Options { tol: -1.0, ..good });
    refused(Options {
        tol: f64::NAN,
        ..good
    });
    refused(Options {
        pretraining: 12,
        ..good
    });
    for size in [0, 1] {
        refused(Options {
            batches: Batches::Shared { size },
            ..good
        });
    }
    refused(Options {
        optimizer: optimizer::Options {
            rate: 0.0,
            ..good.optimizer
        },
        ..good
    });
    let y = cells(60);
    let e = |y: ArrayView2<f64>, weights| objective_of(y, weights, 1.0);
    let options = AffinityOptions::default();
    let parts = independent(y.view(), 20, options, Search::Exact, 1, &e, &());
    assert_eq!(parts.unwrap_err().kind(), "perplexity");
}

#[test]
fn a_state_of_another_problem_or_a_damaged_one_is_refused() {
    let setting = Setting::new(Batches::All);
    let mut run = setting.run();
    run.advance(2, &()).unwrap();
    let bytes = run.state_bytes().unwrap();
    let shape = setting.architecture();
    let refused = |problem: Problem, lambdas: &[f64], params: Options, shape: &Architecture| {
        let state = State::from_bytes(&bytes).unwrap();
        match Run::resume(problem, lambdas, params, shape, state, &()) {
            Err(error) => {
                assert_eq!(error.kind(), "input", "{error}");
                error.to_string()
            }
            Ok(_) => panic!("resumed"),
        }
    };
    let params = setting.params;
    refused(setting.problem(), &[1.0], params, &shape);
    refused(
        Setting::new(Batches::Independent { size: 40 }).problem(),
        &[10.0],
        params,
        &shape,
    );
    let y = cells(130);
    refused(
        problem(&y, weights(y.view(), 30), Vec::new()),
        &[10.0],
        params,
        &shape,
    );
    // The same cells, centred and scaled by another network's training.
    let moved = Standard {
        centre: vec![1.0; shape.inputs],
        scale: 2.0,
    };
    let foreign = Problem {
        points: Points::new(cells(120).view(), &moved),
        ..setting.problem()
    };
    refused(foreign, &[10.0], params, &shape);
    let other = Options {
        maxit: 13,
        ..params
    };
    let said = refused(setting.problem(), &[10.0], other, &shape);
    assert!(said.contains("`maxit`"), "{said}");
    let other = Architecture {
        hidden: vec![9, 9],
        ..shape.clone()
    };
    let said = refused(setting.problem(), &[10.0], params, &other);
    assert!(said.contains("`hidden`"), "{said}");

    let kind = |bytes: &[u8]| State::from_bytes(bytes).unwrap_err().kind();
    assert_eq!(kind(&bytes[..20]), "file_format");
    let mut changed = bytes.clone();
    changed[40] ^= 1;
    assert_eq!(kind(&changed), "file_format");
    changed = bytes.clone();
    changed[8] = 200;
    assert_eq!(kind(&changed), "model_version");
    // A state of free elastic embedding is another kind.
    let free = objective(&cells(120), weights(cells(120).view(), 30), 1.0);
    let params = optimize::Options::default();
    let other = optimize::Run::new(free, cells(120).view(), Start::Pca, 1, params, &()).unwrap();
    assert_eq!(kind(&other.state().to_bytes().unwrap()), "file_format");
}

#[test]
fn a_run_converges_at_the_last_lambda_alone() {
    let setting = Setting {
        params: Options {
            tol: 1.0,
            patience: 1,
            ..Setting::new(Batches::All).params
        },
        lambdas: vec![1.0, 10.0],
        dropout: 0.0,
    };
    let mut run = setting.run();
    run.advance(u64::MAX, &()).unwrap();
    // Twelve epochs: half of them for each lambda, then the first that can be judged.
    let last = run.trace().last().unwrap();
    assert_eq!(last.lambda, 10.0);
    assert!(last.iteration > 6 && last.iteration < 12, "{last:?}");
}
