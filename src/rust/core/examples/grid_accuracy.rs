//! Worst error of the grid's E- and of its gradient against the sum over all pairs: `grid_accuracy
//! N`. Maps spread over 0.01 to 10; inputs come without clusters, and with clusters a thousand
//! standard deviations apart. A Markdown table.

use ndarray::Array2;
use neuralee_core::affinity::Weights;
use neuralee_core::objective::{Kernel, Method, Objective, Plan, RepulsionWeight, Resolution};
use neuralee_core::random::Stream;

const SPREADS: [f64; 6] = [0.01, 0.1, 0.3, 1.0, 3.0, 10.0];

fn main() {
    let n: usize = std::env::args()
        .nth(1)
        .and_then(|a| a.parse().ok())
        .expect("usage: grid_accuracy N");
    println!("| N | d | D | E-, worst relative error | gradient, worst | spreads without a grid |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (d, inputs) in [
        (1, 2),
        (1, 50),
        (1, 500),
        (2, 2),
        (2, 50),
        (2, 500),
        (3, 2),
        (3, 50),
    ] {
        let (mut energy, mut slope) = (0f64, 0f64);
        let mut refused = Vec::new();
        for apart in [0.0, 1000.0] {
            for spread in SPREADS {
                match errors(n, d, inputs, apart, spread) {
                    Some((e, g)) => (energy, slope) = (energy.max(e), slope.max(g)),
                    None if refused.contains(&spread) => {}
                    None => refused.push(spread),
                }
            }
        }
        println!("| {n} | {d} | {inputs} | {energy:.1e} | {slope:.1e} | {refused:?} |");
    }
}

fn errors(n: usize, d: usize, inputs: usize, apart: f64, spread: f64) -> Option<(f64, f64)> {
    let (cells, map) = (Stream::new(3, 0), Stream::new(5, 0));
    let y = Array2::from_shape_fn((n, inputs), |(i, j)| {
        let cluster = i % 4;
        let shift = if j == cluster % inputs {
            apart * (1 + cluster / inputs) as f64
        } else {
            0.0
        };
        shift + cells.normal((i * inputs + j) as u64)
    });
    let x: Vec<f64> = (0..n * d).map(|i| spread * map.normal(i as u64)).collect();
    let none = Weights::from_rows(vec![0; n + 1], vec![], vec![]).expect("no weights");
    let (kernel, weight) = (Kernel::GAUSSIAN, RepulsionWeight::Lambda(1.0));
    let mut objective = Objective::new(y.view(), none, kernel, weight, d).expect("objective");
    let at = Resolution::Fine;
    let grid = objective.plan(&x, Method::Grid, at).ok()?;
    let mut evaluate = |how| {
        let mut gradient = vec![0.0; x.len()];
        let energy = objective.repulsion(&x, how, at, 1.0, &mut gradient, &());
        (energy.expect("repulsion"), gradient)
    };
    let (truth, gradient) = evaluate(Plan::Exact);
    let (found, found_gradient) = evaluate(grid);
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let error = square(&mut found_gradient.iter().zip(&gradient).map(|(a, b)| a - b));
    let length = square(&mut gradient.iter().copied());
    Some(((found / truth - 1.0).abs(), (error / length).sqrt()))
}
