//! Milliseconds of a network's passes over all cells, and how fast its products run:
//! `passes N D threads [hidden ...]`.

use std::time::Instant;

use ndarray::Array2;
use neuralee_core::network::pass::{Batch, Pass, Workspace};
use neuralee_core::network::{Activation, Architecture, Network, Points, Standard};
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .map(|v| v.parse().expect("a number"))
        .collect();
    let [n, inputs, threads, hidden @ ..] = numbers.as_slice() else {
        panic!("usage: passes N D threads [hidden ...]");
    };
    let hidden = if hidden.is_empty() { &[50, 50] } else { hidden };
    let stream = Stream::new(1, 1);
    let y = Array2::from_shape_fn((*n, *inputs), |(i, j)| {
        stream.normal((i * inputs + j) as u64)
    });
    let architecture = Architecture {
        inputs: *inputs,
        hidden: hidden.to_vec(),
        outputs: 2,
        activation: Activation::Relu,
        batch_norm: true,
        dropout: 0.0,
        residual: false,
        program: None,
    };
    // Each layer is multiplied forwards, for the gradient of its weights and, but for the
    // first, backwards.
    let layers = hidden.len() + 1;
    let width = |l: usize| if l < hidden.len() { hidden[l] } else { 2 };
    let product = |l: usize| 2.0 * (architecture.fan_in(l) * width(l)) as f64;
    let flops: f64 = (0..layers)
        .map(|l| product(l) * if l > 0 { 3.0 } else { 2.0 })
        .sum();
    let flops = flops * *n as f64;
    with_threads(*threads, || {
        let standard = Standard::new(y.view()).expect("points");
        let points = Points::<f32>::new(y.view(), &standard);
        let network = Network::<f32>::initial(architecture, 0.1, 1).expect("network");
        let dx = vec![1e-6f32; 2 * n];
        for keep in [true, false] {
            let mut workspace = Workspace::default();
            let mut times = [const { Vec::new() }; 3];
            for _ in 0..7 {
                let mut last = Instant::now();
                let mut lap = |times: &mut Vec<f64>| {
                    times.push(last.elapsed().as_secs_f64() * 1e3);
                    last = Instant::now();
                };
                let kept = keep.then_some(&mut workspace);
                let batch = Batch::all(&points);
                let mut pass = Pass::forward(&network, batch, None, kept, &()).expect("pass");
                lap(&mut times[0]);
                std::hint::black_box(pass.outputs(&()).expect("outputs"));
                lap(&mut times[1]);
                std::hint::black_box(pass.backward(&dx, &()).expect("gradient"));
                lap(&mut times[2]);
            }
            let [moments, outputs, backward] = times.map(median);
            println!(
                "{n} x {inputs}, {hidden:?}, {threads} threads, {}: moments {moments:.1} ms, \
                    outputs {outputs:.1} ms, backward {backward:.1} ms; {:.0} useful GFLOP/s",
                if keep { "kept" } else { "computed anew" },
                flops / (moments + outputs + backward) / 1e6
            );
        }
    })
    .expect("threads");
}
