//! The network: golden outputs and gradients, gradients against finite differences, and
//! what must not change the result.

mod common;

use common::matrix;
use ndarray::{Array2, ArrayView2};
use neuralee_core::affinity::{symmetrize, Options as AffinityOptions};
use neuralee_core::neighbors::exact;
use neuralee_core::network::optimizer::{Optimizer, Options, Rule};
use neuralee_core::network::pass::{map, Batch, Dropout, Pass, Workspace};
use neuralee_core::network::{Activation, Architecture, Network, Points, Real, Standard};
use neuralee_core::objective::{Kernel, Objective, Plan, RepulsionWeight, Resolution};
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;
use proptest::prelude::*;

const ACTIVATIONS: [Activation; 4] = [
    Activation::Relu,
    Activation::LeakyRelu,
    Activation::Gelu,
    Activation::Tanh,
];

fn cells(n: usize, features: usize) -> Array2<f64> {
    let stream = Stream::new(5, 0);
    Array2::from_shape_fn((n, features), |(i, j)| {
        3.0 * stream.normal((i * features + j) as u64) + if i % 3 == j { 6.0 } else { 1.0 }
    })
}

fn points<T: Real>(y: ArrayView2<f64>) -> Points<T> {
    Points::new(y, &Standard::new(y).unwrap())
}

fn architecture(inputs: usize, hidden: &[usize]) -> Architecture {
    Architecture {
        inputs,
        hidden: hidden.to_vec(),
        outputs: 2,
        activation: Activation::Relu,
        batch_norm: true,
        dropout: 0.0,
        residual: false,
        program: None,
    }
}

fn objective(y: &Array2<f64>, lambda: f64) -> Objective {
    let k = y.nrows() - 1;
    let graph = exact(y.view(), k, &()).unwrap();
    let params = AffinityOptions {
        perplexity: 10.0,
        ..AffinityOptions::default()
    };
    let rows = params
        .check(y.nrows(), k)
        .unwrap()
        .rows(&graph, &())
        .unwrap();
    let weights = symmetrize(&graph, &rows);
    let weight = RepulsionWeight::Lambda(lambda);
    Objective::new(y.view(), weights, Kernel::GAUSSIAN, weight, 2).unwrap()
}

/// E of a batch, and its gradient with respect to all parameters.
fn evaluate<T: Real>(
    network: &Network<T>,
    batch: Batch<'_, T>,
    dropout: Option<Dropout>,
    workspace: Option<&mut Workspace<T>>,
    objective: &mut Objective,
) -> (f64, Vec<T>) {
    let mut pass = Pass::forward(network, batch, dropout, workspace, &()).unwrap();
    let x: Vec<f64> = pass
        .outputs(&())
        .unwrap()
        .iter()
        .map(|v| v.wide())
        .collect();
    let mut dx = vec![0.0; x.len()];
    let energy = objective
        .evaluate(&x, Plan::Exact, Resolution::Fine, &mut dx, &())
        .unwrap();
    let dx: Vec<T> = dx.iter().map(|&v| T::from_f64(v)).collect();
    (energy.total(), pass.backward(&dx, &()).unwrap())
}

/// Largest difference of the gradient from central differences, relative to its length.
fn worst_difference(architecture: Architecture, dropout: Option<Dropout>) -> f64 {
    let y = cells(40, architecture.inputs);
    let points = points::<f64>(y.view());
    let batch = Batch::all(&points);
    let mut objective = objective(&y, 10.0);
    let mut network = Network::<f64>::initial(architecture, 0.3, 3).unwrap();
    // Biases and beta off zero, so that they are not special.
    let stream = Stream::new(9, 9);
    for (i, v) in network.values.iter_mut().enumerate() {
        *v += 0.05 * stream.normal(i as u64);
    }
    let (_, gradient) = evaluate(&network, batch, dropout, None, &mut objective);
    let length = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let bias = network.layout().layers.last().unwrap().shift.clone();
    let mut worst = 0.0f64;
    for i in (0..gradient.len()).filter(|i| !bias.contains(i)) {
        let step = 1e-5;
        let value = network.values[i];
        let mut at = |value: f64| {
            let before = std::mem::replace(&mut network.values[i], value);
            let (energy, _) = evaluate(&network, batch, dropout, None, &mut objective);
            network.values[i] = before;
            energy
        };
        let slope = (at(value + step) - at(value - step)) / (2.0 * step);
        worst = worst.max((gradient[i] - slope).abs() / length);
    }
    worst
}

#[test]
fn gradients_agree_with_finite_differences() {
    let dropout = Some(Dropout {
        share: 0.3,
        seed: 1,
        step: 2,
    });
    for activation in ACTIVATIONS {
        for batch_norm in [true, false] {
            for residual in [false, true] {
                for dropout in [None, dropout] {
                    let architecture = Architecture {
                        activation,
                        batch_norm,
                        residual,
                        program: None,
                        dropout: dropout.map_or(0.0, |d| d.share),
                        ..architecture(4, &[6, 6, 5])
                    };
                    let worst = worst_difference(architecture.clone(), dropout);
                    assert!(worst < 2e-6, "{architecture:?}: {worst:e}");
                }
            }
        }
    }
    assert!(worst_difference(architecture(3, &[7]), None) < 2e-6);
}

#[test]
fn golden_outputs_and_gradients_of_the_original() {
    for data in ["gmm500", "pbmc700", "digits"] {
        let read = |name: &str| matrix(&format!("{data}_{name}.npy"));
        let (Some(y), Some(out)) = (read("X"), read("NEE_lam10_out0")) else {
            continue;
        };
        let points = points::<f32>(y.view());
        let mut network = Network::initial(architecture(y.ncols(), &[50, 50]), 0.1, 0).unwrap();
        for (layer, golden) in ["0", "3", "6"].iter().enumerate() {
            let weight = read(&format!("net0_net_{golden}_weight")).unwrap();
            let range = network.layout().layers[layer].weight.clone();
            for (to, from) in network.values[range].iter_mut().zip(&weight) {
                *to = *from as f32;
            }
        }
        let pass = Pass::forward(&network, Batch::all(&points), None, None, &()).unwrap();
        let x: Vec<f64> = pass
            .outputs(&())
            .unwrap()
            .iter()
            .map(|v| v.wide())
            .collect();
        let relative = |found: &[f64], expected: &Array2<f64>| {
            let pairs = || found.iter().zip(expected);
            let difference: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
            (difference / pairs().map(|(_, b)| b * b).sum::<f64>()).sqrt()
        };
        assert!(relative(&x, &out) < 2e-5, "{data}: outputs");

        // The original finds the bandwidths of its affinities to 1e-3.
        let graph = exact(y.view(), y.nrows() - 1, &()).unwrap();
        let options = AffinityOptions {
            perplexity: 30.0,
            ..AffinityOptions::default()
        };
        let rows = options
            .check(y.nrows(), graph.k)
            .unwrap()
            .rows(&graph, &())
            .unwrap();
        let weights = symmetrize(&graph, &rows);
        let weight = RepulsionWeight::Lambda(10.0);
        let mut objective = Objective::new(y.view(), weights, Kernel::GAUSSIAN, weight, 2).unwrap();
        let (_, gradient) = evaluate(&network, Batch::all(&points), None, None, &mut objective);
        let parts = [
            ("net_0_weight", network.layout().layers[0].weight.clone()),
            ("net_1_weight", network.layout().layers[0].gamma.clone()),
            ("net_1_bias", network.layout().layers[0].shift.clone()),
            ("net_3_weight", network.layout().layers[1].weight.clone()),
            ("net_4_weight", network.layout().layers[1].gamma.clone()),
            ("net_4_bias", network.layout().layers[1].shift.clone()),
            ("net_6_weight", network.layout().layers[2].weight.clone()),
        ];
        for (name, range) in parts {
            let golden = read(&format!("NEE_lam10_grad0_{name}")).unwrap();
            let found: Vec<f64> = gradient[range].iter().map(|g| g.wide()).collect();
            let error = relative(&found, &golden);
            assert!(error < 1e-3, "{data} {name}: {error:e}");
        }
    }
}

#[test]
fn what_is_kept_changes_no_bit() {
    let y = cells(700, 6);
    let points = points::<f32>(y.view());
    let mut objective = objective(&y, 10.0);
    for residual in [false, true] {
        let architecture = Architecture {
            residual,
            program: None,
            ..architecture(6, &[20, 20, 7])
        };
        let network = Network::initial(architecture, 0.1, 1).unwrap();
        let batch = Batch::all(&points);
        let mut workspace = Workspace::default();
        // A workspace that held other things before.
        let some: Vec<u32> = (0..300).collect();
        let part = Batch {
            points: &points,
            ids: Some(&some),
        };
        Pass::forward(&network, part, None, Some(&mut workspace), &()).unwrap();
        let kept = evaluate(&network, batch, None, Some(&mut workspace), &mut objective);
        let anew = evaluate(&network, batch, None, None, &mut objective);
        assert_eq!(kept, anew);
    }
}

#[test]
fn a_batch_of_all_cells_is_all_cells() {
    let y = cells(300, 5);
    let points = points::<f32>(y.view());
    let mut objective = objective(&y, 1.0);
    let network = Network::initial(architecture(5, &[9, 9]), 0.1, 1).unwrap();
    let ids: Vec<u32> = (0..300).collect();
    let batch = Batch {
        points: &points,
        ids: Some(&ids),
    };
    assert_eq!(
        evaluate(&network, batch, None, None, &mut objective),
        evaluate(&network, Batch::all(&points), None, None, &mut objective)
    );
}

#[test]
fn threads_change_no_bit() {
    let y = cells(3000, 5);
    let points = points::<f32>(y.view());
    let dx: Vec<f32> = (0..6000)
        .map(|i| ((i * 37 % 101) as f32 - 50.0) * 1e-5)
        .collect();
    let architecture = Architecture {
        dropout: 0.2,
        ..architecture(5, &[30, 30])
    };
    let network = Network::<f32>::initial(architecture, 0.1, 1).unwrap();
    let run = |threads| {
        with_threads(threads, || {
            let dropout = Some(Dropout {
                share: 0.2,
                seed: 4,
                step: 1,
            });
            let batch = Batch::all(&points);
            let mut pass = Pass::forward(&network, batch, dropout, None, &()).unwrap();
            (pass.outputs(&()).unwrap(), pass.backward(&dx, &()).unwrap())
        })
        .unwrap()
    };
    let one = run(1);
    assert!(run(2) == one && run(4) == one);
}

#[test]
fn mapping_by_the_moments_of_all_is_the_pass_of_all() {
    let y = cells(1000, 5);
    let points = points::<f32>(y.view());
    let mut network = Network::<f32>::initial(architecture(5, &[30, 30]), 0.1, 1).unwrap();
    let pass = Pass::forward(&network, Batch::all(&points), None, None, &()).unwrap();
    let (x, moments) = (pass.outputs(&()).unwrap(), pass.moments().to_vec());
    network.moments = moments;
    assert_eq!(map(&network, &points, &()).unwrap(), x);
    for moments in &network.moments {
        assert!(moments.variance.iter().all(|&v| v > 0.0));
    }
}

#[test]
fn dropped_units_are_the_asked_share_and_the_rest_is_scaled_up() {
    // Without hidden weights a hidden unit is its bias, 1; the output is their mean, which
    // dropout leaves as it is on average.
    let y = cells(2000, 3);
    let points = points::<f64>(y.view());
    let architecture = Architecture {
        batch_norm: false,
        outputs: 1,
        ..architecture(3, &[100])
    };
    let mut network = Network::<f64>::initial(architecture, 0.1, 1).unwrap();
    let layers = network.layout().layers.clone();
    network.values[layers[0].weight.clone()].fill(0.0);
    network.values[layers[0].shift.clone()].fill(1.0);
    network.values[layers[1].weight.clone()].fill(0.01);
    let outputs = |step| {
        let dropout = Some(Dropout {
            share: 0.25,
            seed: 7,
            step,
        });
        let pass = Pass::forward(&network, Batch::all(&points), dropout, None, &()).unwrap();
        pass.outputs(&()).unwrap()
    };
    let (first, second) = (outputs(1), outputs(2));
    assert_ne!(first, second);
    let mean = first.iter().sum::<f64>() / 2000.0;
    // 200,000 units, each 0 or 4 / 3: standard deviation of the mean sqrt(1 / 3 / 200,000).
    assert!(
        (mean - 1.0).abs() < 5.0 * (1.0f64 / 3.0 / 200_000.0).sqrt(),
        "{mean}"
    );
    let steps = first.iter().map(|x| x * 0.75 * 100.0);
    assert!(steps.clone().all(|kept| (kept - kept.round()).abs() < 1e-9));
}

#[test]
fn initial_weights_follow_the_law_and_the_seed() {
    let network = |seed| Network::<f32>::initial(architecture(50, &[200, 50]), 0.1, seed).unwrap();
    let first = network(1);
    assert_eq!(first, network(1));
    assert_ne!(first.weight(0), network(2).weight(0));
    let weights: Vec<f64> = (0..3)
        .flat_map(|l| first.weight(l))
        .map(|v| v.wide())
        .collect();
    let n = weights.len() as f64;
    let mean = weights.iter().sum::<f64>() / n;
    let deviation = (weights.iter().map(|v| v * v).sum::<f64>() / n).sqrt();
    assert!(mean.abs() < 5.0 * 0.1 / n.sqrt(), "{mean}");
    assert!(
        (deviation / 0.1 - 1.0).abs() < 5.0 / (2.0 * n).sqrt(),
        "{deviation}"
    );
    assert!(first.gamma(0).iter().all(|&v| v == 1.0));
    assert!(first
        .shift(1)
        .iter()
        .chain(first.shift(2))
        .all(|&v| v == 0.0));
}

#[test]
fn networks_that_cannot_be_trained_are_refused() {
    let refused = |architecture: Architecture, kind| {
        let error = Network::<f32>::initial(architecture, 0.1, 1).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    };
    let good = || architecture(5, &[4, 4]);
    refused(architecture(0, &[4]), "input");
    refused(architecture(5, &[]), "input");
    refused(architecture(5, &[4, 0]), "input");
    refused(architecture(5, &[1 << 20]), "input");
    refused(architecture(50_000, &[60_000, 60_000]), "memory");
    for outputs in [0, 51] {
        refused(Architecture { outputs, ..good() }, "dimension");
    }
    for dropout in [-0.1, 1.0, f64::NAN] {
        refused(Architecture { dropout, ..good() }, "input");
    }
    refused(
        Architecture {
            residual: true,
            program: None,
            ..architecture(5, &[4, 5])
        },
        "input",
    );
    for deviation in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Network::<f32>::initial(good(), deviation, 1).is_err());
    }
    let y = cells(5, 5);
    let points = points::<f32>(y.view());
    let network = Network::initial(good(), 0.1, 1).unwrap();
    let one = Batch {
        points: &points,
        ids: Some(&[3]),
    };
    let Err(error) = Pass::forward(&network, one, None, None, &()) else {
        panic!("one cell has no variance");
    };
    assert!(error.to_string().contains("one cell"), "{error}");
    assert!(Standard::new(Array2::from_elem((5, 2), 3.0).view()).is_err());
}

/// Ten steps along given gradients.
fn descend(rule: Rule, weight_decay: f64) -> Vec<f64> {
    let architecture = Architecture {
        outputs: 1,
        ..architecture(1, &[1])
    };
    let mut network = Network::<f64>::initial(architecture, 0.1, 1).unwrap();
    network.values.iter_mut().for_each(|v| *v = 1.0);
    let params = Options {
        rule,
        rate: 0.1,
        weight_decay,
        ..Options::default()
    };
    let mut optimizer = Optimizer::new(params, network.values.len()).unwrap();
    for step in 0..10 {
        let gradient = vec![0.5 - 0.1 * f64::from(step); network.values.len()];
        optimizer.step(&mut network, &gradient, 1.0);
    }
    network.values
}

#[test]
fn steps_are_those_of_the_definitions() {
    // Weight, gamma, beta, weight, bias: only weights decay.
    let gradients = || (0..10).map(|step| 0.5 - 0.1 * f64::from(step));
    for (decoupled, decay) in [(false, 0.0), (false, 0.2), (true, 0.2)] {
        let found = descend(
            Rule::Adam {
                beta1: 0.9,
                beta2: 0.99,
                epsilon: 1e-8,
                decoupled,
            },
            decay,
        );
        for (value, decay) in found.iter().zip([decay, 0.0, 0.0, decay, 0.0]) {
            let (mut w, mut m, mut v) = (1.0f64, 0.0, 0.0);
            for (t, g) in gradients().enumerate() {
                let g = if decoupled { g } else { g + decay * w };
                m = 0.9 * m + 0.1 * g;
                v = 0.99 * v + 0.01 * g * g;
                let bias = |beta: f64| 1.0 - beta.powi(t as i32 + 1);
                if decoupled {
                    w -= 0.1 * decay * w;
                }
                w -= 0.1 * (m / bias(0.9)) / ((v / bias(0.99)).sqrt() + 1e-8);
            }
            assert!((value - w).abs() < 1e-12, "{value} {w}");
        }
    }
    for nesterov in [false, true] {
        let found = descend(
            Rule::Sgd {
                momentum: 0.8,
                nesterov,
            },
            0.2,
        );
        for (value, decay) in found.iter().zip([0.2, 0.0, 0.0, 0.2, 0.0]) {
            let (mut w, mut b) = (1.0, 0.0);
            for g in gradients() {
                let g = g + decay * w;
                b = 0.8 * b + g;
                w -= 0.1 * if nesterov { g + 0.8 * b } else { b };
            }
            assert!((value - w).abs() < 1e-12, "{value} {w}");
        }
    }
}

#[test]
fn optimisers_that_make_no_steps_are_refused() {
    let adam = |beta1, beta2, epsilon| Rule::Adam {
        beta1,
        beta2,
        epsilon,
        decoupled: false,
    };
    let sgd = |momentum, nesterov| Rule::Sgd { momentum, nesterov };
    let rules = [
        adam(1.0, 0.9, 1e-8),
        adam(0.9, -0.1, 1e-8),
        adam(0.9, f64::NAN, 1e-8),
        adam(0.9, 0.9, 0.0),
        sgd(1.0, false),
        sgd(-0.5, false),
        sgd(0.0, true),
    ];
    for rule in rules {
        let params = Options {
            rule,
            ..Options::default()
        };
        assert_eq!(params.check().unwrap_err().kind(), "input", "{rule:?}");
    }
    for (rate, weight_decay) in [
        (0.0, 0.0),
        (-1.0, 0.0),
        (f64::NAN, 0.0),
        (0.1, -1.0),
        (f64::INFINITY, 0.0),
    ] {
        let params = Options {
            rate,
            weight_decay,
            ..Options::default()
        };
        assert!(params.check().is_err(), "{rate} {weight_decay}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Neither the unit nor the origin of the features matters.
    #[test]
    fn the_map_forgets_unit_and_origin(power in -12i32..12, offset in -1e3f64..1e3) {
        let y = cells(60, 3);
        let network = Network::<f64>::initial(architecture(3, &[8, 8]), 0.1, 1).unwrap();
        let x = |y: ArrayView2<f64>| {
            let points = points::<f64>(y);
            let pass = Pass::forward(&network, Batch::all(&points), None, None, &()).unwrap();
            pass.outputs(&()).unwrap()
        };
        let unit = 10f64.powi(power);
        let moved = y.mapv(|v| unit * (v + offset));
        for (a, b) in x(y.view()).iter().zip(x(moved.view())) {
            prop_assert!((a - b).abs() < 1e-7, "{a} {b}");
        }
    }
}
