//! The objective: golden values, the grid against all pairs, and its symmetries.

mod common;

use common::{matrix, normal};
use ndarray::Array2;
use neuralee_core::affinity::{symmetrize, Options, Weights};
use neuralee_core::neighbors::exact;
use neuralee_core::objective::{
    dense, Energy, Kernel, Method, Objective, Plan, RepulsionWeight, Resolution,
};
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;

/// The form of E that is tested.
const AT: Resolution = Resolution::Fine;

fn weights(points: &Array2<f64>, perplexity: f64, k: usize) -> Weights {
    let graph = exact(points.view(), k, &()).unwrap();
    let params = Options {
        perplexity,
        ..Options::default()
    };
    let rows = params.check(graph.n, k).unwrap().rows(&graph, &()).unwrap();
    symmetrize(&graph, &rows)
}

fn no_weights(n: usize) -> Weights {
    Weights::from_rows(vec![0; n + 1], vec![], vec![]).unwrap()
}

/// With the kernel and the weight of the published objective.
fn gaussian(y: &Array2<f64>, weights: Weights, lambda: f64, d: usize) -> Objective {
    let weight = RepulsionWeight::Lambda(lambda);
    Objective::new(y.view(), weights, Kernel::GAUSSIAN, weight, d).unwrap()
}

/// Repulsion by the heavy tail alone.
fn repelled(y: &Array2<f64>, d: usize) -> Objective {
    let weight = RepulsionWeight::Lambda(1.0);
    Objective::new(y.view(), no_weights(y.nrows()), Kernel::STUDENT, weight, d).unwrap()
}

fn evaluate(objective: &mut Objective, x: &[f64], plan: Plan) -> (Energy, Vec<f64>) {
    let mut gradient = vec![f64::NAN; x.len()];
    let energy = objective.evaluate(x, plan, AT, &mut gradient, &()).unwrap();
    (energy, gradient)
}

fn relative(found: &[f64], expected: &[f64]) -> f64 {
    let difference: f64 = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    (difference / expected.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

#[test]
fn golden_energy_and_gradient_with_own_weights() {
    // The manifest's `error64`, for lambda 1, 10 and 100.
    let golden = [
        (
            "gmm500",
            [3.925295569207299, 5.810606672607924, 24.663717706614175],
        ),
        (
            "pbmc700",
            [3.9815785284922556, 5.835438232533556, 24.374035272946557],
        ),
        (
            "digits",
            [4.180794944921115, 5.9910417202613, 24.09350947366315],
        ),
    ];
    let mut compared = 0;
    for (data, energies) in golden {
        let Some(points) = matrix(&format!("{data}_X.npy")) else {
            continue;
        };
        let x = matrix(&format!("{data}_Xfix.npy")).unwrap();
        let x = x.as_slice().unwrap();
        let weights = weights(&points, 30.0, points.nrows() - 1);
        for (lambda, expected) in [1.0, 10.0, 100.0].into_iter().zip(energies) {
            let mut objective = gaussian(&points, weights.clone(), lambda, 2);
            let grid = objective.plan(x, Method::Grid, AT).unwrap();
            for how in [Plan::Exact, grid] {
                let (energy, gradient) = evaluate(&mut objective, x, how);
                assert!(
                    (energy.total() / expected - 1.0).abs() < 1e-5,
                    "{data} {lambda} {how:?}"
                );
                let expected = matrix(&format!("{data}_grad64_lam{lambda}.npy")).unwrap();
                let error = relative(&gradient, expected.as_slice().unwrap());
                assert!(error < 2e-4, "{data} {lambda} {how:?}: gradient {error:e}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 6, "only {compared} golden cases were found");
}

/// Error of the grid's E- and of its gradient, relative to the sum over all pairs.
fn grid_errors(y: &Array2<f64>, x: &[f64], d: usize) -> Option<(f64, f64)> {
    let mut objective = gaussian(y, no_weights(y.nrows()), 1.0, d);
    let grid = objective.plan(x, Method::Grid, AT).ok()?;
    let (truth, gradient) = evaluate(&mut objective, x, Plan::Exact);
    let (found, found_gradient) = evaluate(&mut objective, x, grid);
    Some((
        (found.repulsion / truth.repulsion - 1.0).abs(),
        relative(&found_gradient, &gradient),
    ))
}

/// Cells in four clusters that are `apart` standard deviations from each other.
fn clustered(n: usize, inputs: usize, apart: f64) -> Array2<f64> {
    let mut y = normal(n, inputs, 3);
    for i in 0..n {
        y[(i, i % 4 % inputs)] += apart * (1 + i % 4 / inputs) as f64;
    }
    y
}

#[test]
fn grid_agrees_with_all_pairs() {
    for (d, inputs) in [(1, 2), (1, 50), (2, 2), (2, 50), (2, 500), (3, 2), (3, 50)] {
        for n in [500, 2000] {
            for apart in [0.0, 1000.0] {
                let y = clustered(n, inputs, apart);
                for spread in [0.01, 0.1, 0.5, 1.0, 3.0, 10.0] {
                    let x: Vec<f64> = normal(n, d, 5).iter().map(|v| v * spread).collect();
                    let case = format!("d {d} D {inputs} N {n} apart {apart} spread {spread}");
                    let Some((energy, gradient)) = grid_errors(&y, &x, d) else {
                        assert!(d == 3 && spread >= 3.0, "no grid for {case}");
                        continue;
                    };
                    assert!(energy < 1e-5, "{case}: energy {energy:e}");
                    assert!(gradient < 1e-3, "{case}: gradient {gradient:e}");
                }
            }
        }
    }
}

#[test]
fn grid_holds_where_clusters_lie_apart_in_the_map_as_well() {
    let y = clustered(1000, 20, 1000.0);
    for gap in [2.0, 4.0, 8.0, 20.0] {
        let mut x = normal(1000, 2, 6);
        for i in 0..1000 {
            x[(i, 0)] += gap * (i % 4) as f64;
        }
        let (energy, gradient) = grid_errors(&y, x.as_slice().unwrap(), 2).unwrap();
        assert!(energy < 1e-5, "gap {gap}: energy {energy:e}");
        assert!(gradient < 1e-3, "gap {gap}: gradient {gradient:e}");
    }
}

#[test]
fn grid_holds_where_most_of_the_map_is_empty() {
    for d in 1..=3 {
        let n = 600;
        let y = clustered(n, 20, 3.0);
        let mut x = normal(n, d, 6);
        for i in 0..n {
            // Islands within reach of each other, just beyond it, and far away.
            x[(i, 0)] += [0.0, 7.0, 20.0, 700.0][i % 4];
            x[(i, d - 1)] += [0.0, 7.0, -5.0, 300.0][i % 4];
        }
        let (energy, gradient) = grid_errors(&y, x.as_slice().unwrap(), d).expect("a grid");
        assert!(energy < 1e-5, "d {d}: energy {energy:e}");
        assert!(gradient < 1e-3, "d {d}: gradient {gradient:e}");
    }
}

#[test]
fn inputs_that_are_stored_in_single_precision_keep_the_objective() {
    let (n, inputs) = (300, 28_000);
    let y = clustered(n, inputs, 1000.0);
    let mut repulsive = Array2::zeros((n, n));
    for i in 0..n {
        for j in 0..i {
            let pairs = y.row(i).into_iter().zip(y.row(j));
            let squared: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
            repulsive[(i, j)] = squared;
            repulsive[(j, i)] = squared;
        }
    }
    repulsive /= repulsive.sum();
    let none = Array2::zeros((n, n));
    let x: Vec<f64> = normal(n, 1, 5).iter().copied().collect();
    let mut expected = vec![0.0; n];
    let energy = dense::evaluate(
        none.view(),
        repulsive.view(),
        Kernel::GAUSSIAN,
        1.0,
        &x,
        1,
        &mut expected,
    )
    .unwrap();
    let mut objective = gaussian(&y, no_weights(n), 1.0, 1);
    let grid = objective.plan(&x, Method::Grid, AT).unwrap();
    for (how, most) in [(Plan::Exact, 1e-6_f64), (grid, 1e-3)] {
        let (found, gradient) = evaluate(&mut objective, &x, how);
        let error = (found.repulsion / energy.repulsion - 1.0).abs();
        assert!(error < most.min(1e-5), "{how:?}: energy {error:e}");
        let error = relative(&gradient, &expected);
        assert!(error < most, "{how:?}: gradient {error:e}");
    }
}

#[test]
fn auto_takes_the_cheaper_sum() {
    let plan = |n: usize, d: usize, spread: f64| {
        let x: Vec<f64> = normal(n, d, 5).iter().map(|v| v * spread).collect();
        let objective = gaussian(&normal(n, 50, 1), no_weights(n), 1.0, d);
        objective.plan(&x, Method::Auto, AT).unwrap()
    };
    assert!(matches!(plan(5000, 2, 2.0), Plan::Grid { .. }));
    assert_eq!(plan(200, 3, 10.0), Plan::Exact);
    assert_eq!(plan(500, 2, 100.0), Plan::Exact);
    assert_eq!(plan(100, 5, 1.0), Plan::Exact);
}

#[test]
fn plan_is_kept_while_it_is_accurate_and_not_dear() {
    let y = normal(2000, 20, 1);
    let objective = gaussian(&y, no_weights(2000), 1.0, 2);
    let at = |spread: f64| -> Vec<f64> { normal(2000, 2, 5).iter().map(|v| v * spread).collect() };
    let fine = objective.plan(&at(0.15), Method::Grid, AT).unwrap();
    let coarse = objective.plan(&at(1.0), Method::Grid, AT).unwrap();
    assert_ne!(fine, coarse);
    let again = |spread, current| {
        objective
            .replan(&at(spread), Method::Grid, AT, current)
            .unwrap()
    };
    assert_eq!(again(0.151, fine), fine);
    assert_eq!(again(0.15, coarse), fine, "too coarse to be accurate");
    assert_eq!(again(1.0, fine), coarse, "too fine to be cheap");
}

#[test]
fn gradient_is_the_slope_of_the_energy() {
    for (d, n) in [(1, 60), (2, 60), (3, 60), (5, 60)] {
        let y = normal(n, 6, 1);
        let mut objective = gaussian(&y, weights(&y, 5.0, 20), 7.0, d);
        let x: Vec<f64> = normal(n, d, 2).iter().copied().collect();
        let direction: Vec<f64> = normal(n, d, 4).iter().copied().collect();
        let mut ways = vec![Plan::Exact];
        if d <= 3 {
            ways.push(Plan::Grid { h: 0.2 });
        }
        for how in ways {
            let (_, gradient) = evaluate(&mut objective, &x, how);
            let slope: f64 = gradient.iter().zip(&direction).map(|(g, p)| g * p).sum();
            let mut along = |step: f64| {
                let moved: Vec<f64> = x
                    .iter()
                    .zip(&direction)
                    .map(|(x, p)| x + step * p)
                    .collect();
                evaluate(&mut objective, &moved, how).0.total()
            };
            let finite = (along(1e-5) - along(-1e-5)) / 2e-5;
            assert!(
                (finite / slope - 1.0).abs() < 1e-6,
                "d {d} {how:?}: {finite} {slope}"
            );
        }
    }
}

#[test]
fn sparse_and_dense_forms_agree() {
    let y = normal(80, 6, 1);
    let sparse = weights(&y, 8.0, 79);
    let mut attractive = Array2::zeros((80, 80));
    for row in 0..80 {
        for (column, value) in sparse.row(row) {
            attractive[(row, column as usize)] = value;
        }
    }
    let squared = |i: usize, j: usize| (&y.row(i) - &y.row(j)).mapv(|v| v * v).sum();
    let mut repulsive = Array2::from_shape_fn((80, 80), |(i, j)| squared(i, j));
    repulsive /= repulsive.sum();
    let x: Vec<f64> = normal(80, 2, 2).iter().copied().collect();
    let mut expected = vec![0.0; x.len()];
    for kernel in [Kernel::GAUSSIAN, Kernel::STUDENT] {
        let energy = dense::evaluate(
            attractive.view(),
            repulsive.view(),
            kernel,
            3.0,
            &x,
            2,
            &mut expected,
        )
        .unwrap();
        let weight = RepulsionWeight::Lambda(3.0);
        let mut objective = Objective::new(y.view(), sparse.clone(), kernel, weight, 2).unwrap();
        let (found, gradient) = evaluate(&mut objective, &x, Plan::Exact);
        assert!((found.attraction / energy.attraction - 1.0).abs() < 1e-12);
        assert!((found.repulsion / energy.repulsion - 1.0).abs() < 1e-12);
        assert!(relative(&gradient, &expected) < 1e-12);
        // With rho = lambda times the sum the gradient is the same.
        let rho = energy.repulsion;
        objective.set_weight(RepulsionWeight::Share(rho)).unwrap();
        let (found, gradient) = evaluate(&mut objective, &x, Plan::Exact);
        assert!((found.lambda / 3.0 - 1.0).abs() < 1e-12);
        assert_eq!(objective.reached(), found.lambda);
        assert!((found.repulsion / (rho * (rho / 3.0).ln()) - 1.0).abs() < 1e-9);
        assert!(relative(&gradient, &expected) < 1e-12);
    }
    let narrow = repulsive.slice(ndarray::s![..79, ..]);
    let refused = dense::evaluate(
        attractive.view(),
        narrow,
        Kernel::GAUSSIAN,
        1.0,
        &x,
        2,
        &mut expected,
    );
    assert_eq!(refused.unwrap_err().kind(), "input");
}

/// Slopes by central differences, for both kernels and meanings of lambda, in every number
/// of dimensions for which there is a form of its own.
#[test]
fn heavy_tailed_gradients_are_those_of_the_energy() {
    let y = normal(60, 5, 1);
    let weights = weights(&y, 8.0, 30);
    for d in [1, 2, 3, 4] {
        for weight in [RepulsionWeight::Lambda(0.8), RepulsionWeight::Share(0.8)] {
            let (weights, kernel) = (weights.clone(), Kernel::STUDENT);
            let mut objective = Objective::new(y.view(), weights, kernel, weight, d).unwrap();
            let x: Vec<f64> = normal(60, d, 2).iter().map(|v| 3.0 * v).collect();
            let mut plans = vec![Plan::Exact];
            if d <= 3 {
                plans.push(objective.plan(&x, Method::Grid, AT).unwrap());
            }
            for how in plans {
                let (_, gradient) = evaluate(&mut objective, &x, how);
                for at in [0, d, 7 * d + d - 1] {
                    let mut moved = |by: f64| {
                        let mut x = x.clone();
                        x[at] += by;
                        evaluate(&mut objective, &x, how).0.total()
                    };
                    let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    let error = (slope - gradient[at]).abs();
                    assert!(
                        error < 1e-6 * relative_size(&gradient),
                        "{d} {how:?} {error:e}"
                    );
                }
            }
        }
    }
}

fn relative_size(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0f64, |most, g| most.max(g.abs()))
}

/// The pyramid against all pairs: dense maps, far clusters, single cells far out, maps
/// on both sides of the origin and on one.
#[test]
fn a_pyramid_sums_a_heavy_tail_over_all_distances() {
    for d in [1, 2, 3] {
        let n = 2000;
        let y = clustered(n, 10, 8.0);
        let stream = Stream::new(5, 0);
        for (wide, offset, error) in [
            (1.0, 0.0, 2e-2),
            (30.0, 0.0, 2e-2),
            (30.0, 5000.0, 2e-2),
            (200.0, -300.0, 2e-2),
        ] {
            // So wide a map has no index of its tiles in space.
            if d == 3 && wide > 100.0 {
                continue;
            }
            let x: Vec<f64> = (0..n * d)
                .map(|i| {
                    let (cell, axis) = (i / d, i % d);
                    let group = wide * stream.normal((1 << 40) + (cell % 4 * d + axis) as u64);
                    let out = if cell < 3 { 20.0 * wide } else { 0.0 };
                    offset + out + group + 2.0 * stream.normal(i as u64)
                })
                .collect();
            let mut objective = repelled(&y, d);
            let grid = objective.plan(&x, Method::Grid, AT).unwrap();
            let (truth, gradient) = evaluate(&mut objective, &x, Plan::Exact);
            let (found, found_gradient) = evaluate(&mut objective, &x, grid);
            let off = (found.repulsion / truth.repulsion - 1.0).abs();
            let slopes = relative(&found_gradient, &gradient);
            assert!(off < 5e-3, "{d} {wide} {grid:?}: E off by {off:e}");
            assert!(
                slopes < error,
                "{d} {wide} {grid:?}: gradient off by {slopes:e}"
            );
        }
    }
}

/// Finer nodes are truer: the error falls to what the mixture of Gaussians leaves.
#[test]
fn a_finer_pyramid_is_truer() {
    let y = clustered(1500, 10, 8.0);
    let x: Vec<f64> = normal(1500, 2, 4).iter().map(|v| 8.0 * v).collect();
    let mut objective = repelled(&y, 2);
    let (_, truth) = evaluate(&mut objective, &x, Plan::Exact);
    let mut error = |h| relative(&evaluate(&mut objective, &x, Plan::Grid { h }).1, &truth);
    assert!(error(0.5) < 2e-2);
    assert!(error(0.25) < 2e-3);
}

#[test]
fn energy_depends_on_differences_alone() {
    let y = normal(300, 10, 1);
    let weights = weights(&y, 10.0, 40);
    let x: Vec<f64> = normal(300, 2, 2).iter().copied().collect();
    let energy = |y: &Array2<f64>, x: &[f64], how| {
        let mut objective = gaussian(y, weights.clone(), 5.0, 2);
        evaluate(&mut objective, x, how).0.total()
    };
    let reference = energy(&y, &x, Plan::Exact);
    let turned: Vec<f64> = x
        .chunks(2)
        .flat_map(|p| [0.6 * p[0] - 0.8 * p[1], 0.8 * p[0] + 0.6 * p[1]])
        .collect();
    let shifted: Vec<f64> = x.iter().map(|v| v + 3.21).collect();
    for moved in [&turned, &shifted] {
        let exact = energy(&y, moved, Plan::Exact);
        assert!(
            (exact / reference - 1.0).abs() < 1e-9,
            "{exact} {reference}"
        );
        let grid = energy(&y, moved, Plan::Grid { h: 0.2 });
        assert!((grid / reference - 1.0).abs() < 1e-6);
    }
    let far = energy(&(&y * 2.0 + 100.0), &x, Plan::Exact);
    assert!((far / reference - 1.0).abs() < 1e-9);
}

#[test]
fn threads_do_not_change_a_bit() {
    let y = normal(3000, 20, 1);
    let weights = weights(&y, 10.0, 30);
    for d in 1..=4 {
        let x: Vec<f64> = normal(3000, d, 2).iter().map(|v| 2.0 * v).collect();
        let run = |threads, how| {
            let mut objective = gaussian(&y, weights.clone(), 5.0, d);
            with_threads(threads, || evaluate(&mut objective, &x, how)).unwrap()
        };
        let mut ways = vec![Plan::Exact];
        if d <= 3 {
            ways.push(Plan::Grid { h: 0.2 });
        }
        for how in ways {
            let one = run(1, how);
            assert_eq!(one, run(2, how), "d {d} {how:?}");
            assert_eq!(one, run(4, how), "d {d} {how:?}");
        }
    }
}

#[test]
fn impossible_problems_are_refused() {
    let y = normal(10, 3, 1);
    let refused = |y: &Array2<f64>, n: usize, lambda: f64, d: usize| {
        let weight = RepulsionWeight::Lambda(lambda);
        Objective::new(y.view(), no_weights(n), Kernel::GAUSSIAN, weight, d)
            .unwrap_err()
            .kind()
    };
    assert_eq!(refused(&y, 9, 1.0, 2), "input");
    assert_eq!(refused(&y, 10, -1.0, 2), "input");
    assert_eq!(refused(&y, 10, f64::NAN, 2), "input");
    assert_eq!(refused(&y, 10, 1.0, 0), "dimension");
    assert_eq!(refused(&y, 10, 1.0, 51), "dimension");
    assert_eq!(refused(&Array2::ones((10, 3)), 10, 1.0, 2), "input");
    assert_eq!(
        refused(&Array2::from_elem((10, 3), 0.1), 10, 1.0, 2),
        "input"
    );
    assert_eq!(refused(&Array2::zeros((1, 3)), 1, 1.0, 2), "input");
    assert_eq!(refused(&(&y * 1e200), 10, 1.0, 2), "not_finite");
    let objective = gaussian(&y, no_weights(10), 1.0, 2);
    let wide: Vec<f64> = (0..20).map(|i| 1e6 * i as f64).collect();
    assert_eq!(
        objective.plan(&wide, Method::Grid, AT).unwrap_err().kind(),
        "memory"
    );
    let objective = gaussian(&y, no_weights(10), 1.0, 5);
    let x = vec![0.5; 50];
    assert_eq!(
        objective.plan(&x, Method::Grid, AT).unwrap_err().kind(),
        "dimension"
    );
}

#[test]
fn grid_serves_points_that_all_but_coincide() {
    let y = normal(50, 4, 1);
    let mut objective = gaussian(&y, no_weights(50), 1.0, 2);
    for spread in [0.0, 1e-200, 1e-12] {
        let x: Vec<f64> = normal(50, 2, 2).iter().map(|v| v * spread).collect();
        let how = objective.plan(&x, Method::Grid, AT).unwrap();
        let (energy, gradient) = evaluate(&mut objective, &x, how);
        assert!((energy.repulsion - 1.0).abs() < 1e-9);
        assert!(gradient.iter().all(|g| g.abs() < 1e-6));
    }
}

/// A member of the family that no file of the crate knows.
mod another_kernel {
    use neuralee_core::objective::kernel::{Grids, Member};
    use neuralee_core::objective::MapRepulsion;
    use neuralee_core::optimize::{Options, Run, Start};

    use super::*;

    /// a = r^2, k = 1 / (1 + r^2)^2 = int_0^inf t exp(-t) exp(-t r^2) dt.
    struct Squared;

    impl Member for Squared {
        const NAME: &'static str = "squared";
        const ID: u8 = 255;
        const QUADRATIC_ATTRACTION: bool = true;
        const NEGLIGIBLE_SQUARED_DISTANCE: f64 = f64::INFINITY;
        const GRIDS: Grids = Grids::Pyramid {
            density: |t| t * (-t).exp(),
            widest: 0.25,
            coarsest: 0.5,
        };

        fn attraction(squared_distance: f64) -> f64 {
            squared_distance
        }

        fn pull(_: f64) -> f64 {
            1.0
        }

        fn repulsion(squared_distances: &mut [f64], slopes: &mut [f64]) {
            for (value, slope) in squared_distances.iter_mut().zip(slopes) {
                let inverse = 1.0 / (1.0 + *value);
                *value = inverse * inverse;
                *slope = 2.0 * inverse * *value;
            }
        }
    }

    const KERNEL: Kernel = Kernel::new(&Squared);

    const WEIGHTS: [RepulsionWeight; 2] =
        [RepulsionWeight::Lambda(3.0), RepulsionWeight::Share(0.8)];

    fn objective(y: &Array2<f64>, weight: RepulsionWeight, d: usize) -> Objective {
        Objective::new(y.view(), weights(y, 8.0, 30), KERNEL, weight, d).unwrap()
    }

    #[test]
    fn energy_is_that_of_a_plain_double_loop() {
        let (n, y) = (60, normal(60, 5, 1));
        let attractive = weights(&y, 8.0, 30);
        let squared =
            |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum() };
        let row = |m: usize| y.row(m).to_vec();
        for (weight, d) in WEIGHTS
            .into_iter()
            .flat_map(|w| (1..=4).map(move |d| (w, d)))
        {
            let x: Vec<f64> = normal(n, d, 2).iter().map(|v| 2.0 * v).collect();
            let at = |m: usize| &x[m * d..][..d];
            let (mut attraction, mut psi, mut total) = (0.0, 0.0, 0.0);
            for n in 0..n {
                for (m, w) in attractive.row(n) {
                    attraction += w * squared(at(n), at(m as usize));
                }
                for m in 0..60 {
                    let between = squared(&row(n), &row(m));
                    total += between;
                    psi += between / (1.0 + squared(at(n), at(m))).powi(2);
                }
            }
            let (repulsion, lambda) = weight.weigh(psi / total);
            let (found, _) = evaluate(&mut objective(&y, weight, d), &x, Plan::Exact);
            assert!((found.attraction / attraction - 1.0).abs() < 1e-12);
            assert!((found.repulsion / repulsion - 1.0).abs() < 1e-12);
            assert!((found.lambda / lambda - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn gradients_are_those_of_the_energy() {
        let y = normal(60, 30, 1);
        for (weight, d) in WEIGHTS
            .into_iter()
            .flat_map(|w| (1..=4).map(move |d| (w, d)))
        {
            let mut objective = objective(&y, weight, d);
            let x: Vec<f64> = normal(60, d, 2).iter().map(|v| 3.0 * v).collect();
            let mut ways = vec![(Plan::Exact, AT), (Plan::Exact, Resolution::Coarse)];
            if d <= 3 {
                for at in [AT, Resolution::Coarse] {
                    ways.push((objective.plan(&x, Method::Grid, at).unwrap(), at));
                }
            }
            for (plan, at) in ways {
                let mut energy = |x: &[f64]| {
                    let mut gradient = vec![f64::NAN; x.len()];
                    let energy = objective.evaluate(x, plan, at, &mut gradient, &());
                    (energy.unwrap().total(), gradient)
                };
                let (_, gradient) = energy(&x);
                for at in [0, d, 7 * d + d - 1] {
                    let mut moved = |by: f64| {
                        let mut x = x.clone();
                        x[at] += by;
                        energy(&x).0
                    };
                    let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    let error = (slope - gradient[at]).abs() / relative_size(&gradient);
                    assert!(error < 1e-6, "{weight:?} {d} {plan:?} {at:?}: {error:e}");
                }
            }
        }
    }

    #[test]
    fn its_pyramid_agrees_with_all_pairs() {
        let y = clustered(1500, 10, 8.0);
        let weight = RepulsionWeight::Lambda(1.0);
        for d in 1..=3 {
            let x: Vec<f64> = normal(1500, d, 4).iter().map(|v| 6.0 * v).collect();
            let none = no_weights(1500);
            let mut objective = Objective::new(y.view(), none, KERNEL, weight, d).unwrap();
            let grid = objective.plan(&x, Method::Grid, AT).unwrap();
            assert_eq!(grid, Plan::Grid { h: 0.25 });
            let coarse = objective.plan(&x, Method::Grid, Resolution::Coarse);
            assert_eq!(coarse.unwrap(), Plan::Grid { h: 0.5 });
            let (truth, gradient) = evaluate(&mut objective, &x, Plan::Exact);
            let (found, slopes) = evaluate(&mut objective, &x, grid);
            let off = (found.repulsion / truth.repulsion - 1.0).abs();
            assert!(off < 5e-3, "{d}: E off by {off:e}");
            let off = relative(&slopes, &gradient);
            assert!(off < 2e-2, "{d}: gradient off by {off:e}");
        }
    }

    #[test]
    fn the_rest_of_the_crate_takes_it() {
        let y = clustered(300, 6, 4.0);
        let params = Options::default();
        let (own, gaussian) = (
            objective(&y, WEIGHTS[0], 2),
            gaussian(&y, weights(&y, 8.0, 30), 3.0, 2),
        );
        assert_ne!(own.fingerprint(), gaussian.fingerprint());
        assert!(own.has_coarse() && !gaussian.has_coarse());
        let mut run = Run::new(own, y.view(), Start::Pca, 1, params, &()).unwrap();
        run.advance(50, &()).unwrap();
        assert!(run
            .trace()
            .windows(2)
            .all(|pair| pair[1].loss <= pair[0].loss));
        let map = Array2::from_shape_vec((300, 2), run.embedding().to_vec()).unwrap();
        let potential = |method| {
            let map = MapRepulsion::new(y.view(), map.view(), KERNEL, 0.0, method).unwrap();
            map.evaluate(y.view(), &[5], &[0.3, 0.2], &()).unwrap()[0].psi
        };
        assert!((potential(Method::Grid) / potential(Method::Exact) - 1.0).abs() < 5e-3);
    }
}

#[test]
fn a_kernel_is_known_by_its_name() {
    for kernel in [Kernel::GAUSSIAN, Kernel::STUDENT] {
        assert_eq!(Kernel::named(kernel.name()).unwrap(), kernel);
        let saved = postcard::to_stdvec(&kernel).unwrap();
        assert_eq!(postcard::from_bytes::<Kernel>(&saved).unwrap(), kernel);
    }
    assert_eq!(Kernel::named("cauchy").unwrap_err().kind(), "input");
    let saved = postcard::to_stdvec("cauchy").unwrap();
    assert!(postcard::from_bytes::<Kernel>(&saved).is_err());
}
