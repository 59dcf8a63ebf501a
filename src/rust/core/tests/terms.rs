//! The terms of E beside attraction and repulsion: agreement, densities, uniform weights, tether.

mod common;

use common::normal;
use ndarray::{Array2, ArrayView2};
use neuralee_core::affinity::Weights;
use neuralee_core::ee::{self, Options};
use neuralee_core::objective::{
    dense, Kernel, Method, Objective, Plan, RepulsionWeight, Resolution, Terms,
};
use neuralee_core::optimize::{RepulsionPath, Start};
use neuralee_core::session::Session;
use neuralee_core::threads::with_threads;

const AT: Resolution = Resolution::Fine;

/// No attraction, and no repulsion that counts: what is left of E are its terms.
fn terms_alone(y: &Array2<f64>, agreement: f64, d: usize) -> Objective {
    let weights = Weights::from_rows(vec![0; y.nrows() + 1], vec![], vec![]).unwrap();
    let weight = RepulsionWeight::Lambda(0.0);
    let terms = Terms {
        agreement,
        ..Terms::NONE
    };
    let objective = Objective::new(y.view(), weights, Kernel::STUDENT, weight, d).unwrap();
    objective.with_terms(terms).unwrap()
}

fn evaluate(objective: &mut Objective, x: &[f64], plan: Plan) -> (f64, Vec<f64>) {
    let mut gradient = vec![f64::NAN; x.len()];
    let energy = objective.evaluate(x, plan, AT, &mut gradient, &()).unwrap();
    (energy.total(), gradient)
}

fn squared_distances(x: ArrayView2<'_, f64>) -> Vec<f64> {
    let n = x.nrows();
    let pairs = (0..n).flat_map(|i| (0..n).filter(move |&j| j != i).map(move |j| (i, j)));
    pairs
        .map(|(i, j)| (&x.row(i) - &x.row(j)).mapv(|v| v * v).sum())
        .collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f(a - mean_a, b - mean_b)).sum()
    };
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

/// Inputs in which one cell is far from all others, and as they count.
fn inputs(n: usize, dimensions: usize) -> (Array2<f64>, Array2<f64>) {
    let mut y = normal(n, dimensions, 3);
    y.row_mut(1).fill(50.0);
    let mean = y.mean_axis(ndarray::Axis(0)).unwrap();
    let mut bounded = &y - &mean;
    let norms: Vec<f64> = bounded
        .outer_iter()
        .map(|row| row.dot(&row).sqrt())
        .collect();
    let mut sorted = norms.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let most = 1.75 * sorted[n / 2];
    for (mut row, norm) in bounded.outer_iter_mut().zip(norms) {
        row *= (most / norm).min(1.0);
    }
    (y, bounded)
}

/// With more cells than inputs and with fewer, in one to four dimensions.
#[test]
fn agreement_is_the_correlation_of_all_squared_distances() {
    for (n, dimensions, d) in [(40, 3, 2), (40, 60, 3), (3, 5, 2), (1100, 2, 1), (30, 7, 4)] {
        let (y, bounded) = inputs(n, dimensions);
        let x = normal(n, d, 8) * 3.0 + 100.0;
        let apart = squared_distances(x.view());
        let v = apart.iter().sum::<f64>() / apart.len() as f64;
        let expected = correlation(&squared_distances(bounded.view()), &apart) * v / (v + 1.0);
        let at = x.as_slice().unwrap();
        let none = evaluate(&mut terms_alone(&y, 0.0, d), at, Plan::Exact).0;
        let found = evaluate(&mut terms_alone(&y, 2.0, d), at, Plan::Exact).0;
        assert!(
            (found - none + 2.0 * expected).abs() < 1e-9,
            "{n} {dimensions} {d}"
        );
    }
}

/// The gradient at `x` is that of finite differences.
fn assert_slopes(objective: &mut Objective, mut x: Array2<f64>) {
    let (_, gradient) = evaluate(objective, x.as_slice().unwrap(), Plan::Exact);
    for (i, expected) in gradient.iter().enumerate() {
        let step = 1e-5;
        let mut shifted = |by: f64| {
            x.as_slice_mut().unwrap()[i] += by;
            evaluate(objective, x.as_slice().unwrap(), Plan::Exact).0
        };
        let (above, below) = (shifted(step), shifted(-2.0 * step));
        shifted(step);
        let slope = (above - below) / (2.0 * step);
        assert!((slope - expected).abs() < 1e-8, "{i}: {slope} {expected}");
    }
}

#[test]
fn gradients_of_the_terms_are_slopes() {
    for d in 1..=4 {
        let (y, _) = inputs(25, 6);
        assert_slopes(&mut terms_alone(&y, 2.0, d), normal(25, d, 5) * 4.0);
    }
}

#[test]
fn agreement_ignores_position_the_size_of_the_data_and_threads() {
    let y = normal(2500, 5, 1);
    let x = normal(2500, 2, 2);
    let at = x.as_slice().unwrap();
    let agreement = |y: &Array2<f64>, x: &[f64]| {
        let with = evaluate(&mut terms_alone(y, 1.0, 2), x, Plan::Exact).0;
        with - evaluate(&mut terms_alone(y, 0.0, 2), x, Plan::Exact).0
    };
    let first = agreement(&y, at);
    let moved: Vec<f64> = at.iter().map(|x| x - 4.0).collect();
    assert!((agreement(&y, &moved) - first).abs() < 1e-9);
    for scale in [1e3, 1e120, 1e-120] {
        let scaled = (&y + 5.0) * scale;
        assert!((agreement(&scaled, at) - first).abs() < 1e-9, "{scale}");
    }
    let on = |threads| {
        let run = || evaluate(&mut terms_alone(&y, 1.0, 2), at, Plan::Exact);
        with_threads(threads, run).unwrap()
    };
    assert_eq!(on(1), on(3));
}

/// Cells that are all equally far apart, and a map that is one point.
#[test]
fn what_has_no_correlation_has_no_agreement() {
    let simplex = Array2::eye(4);
    let x = normal(4, 2, 1);
    let x = x.as_slice().unwrap();
    let plain = evaluate(&mut terms_alone(&simplex, 0.0, 2), x, Plan::Exact);
    let with = evaluate(&mut terms_alone(&simplex, 2.0, 2), x, Plan::Exact);
    assert_eq!(with, plain);
    let point = vec![3.0; 40];
    let (energy, gradient) = evaluate(
        &mut terms_alone(&normal(20, 3, 1), 2.0, 2),
        &point,
        Plan::Exact,
    );
    assert!(energy.abs() < 1e-12);
    assert!(gradient.iter().all(|g| g.abs() < 1e-12));
}

/// Each cell with the next `reach` on both sides as neighbours, by uneven weights.
fn ring(n: usize, reach: usize) -> Weights {
    let weight = |i: usize, j: usize| {
        let apart = i.abs_diff(j).min(n - i.abs_diff(j));
        let near = 1 <= apart && apart <= reach;
        near.then(|| (1 + (i * j + i + j) % 5) as f64 / (5 * n * reach) as f64)
    };
    let mut starts = vec![0];
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for i in 0..n {
        for (j, value) in (0..n).filter_map(|j| weight(i, j).map(|value| (j, value))) {
            columns.push(j as u32);
            values.push(value);
        }
        starts.push(columns.len());
    }
    Weights::from_rows(starts, columns, values).unwrap()
}

/// Attraction and densities, without repulsion.
fn with_densities(y: &Array2<f64>, kernel: Kernel, densities: f64, d: usize) -> Objective {
    let weights = ring(y.nrows(), 4.min((y.nrows() - 1) / 2));
    let weight = RepulsionWeight::Lambda(0.0);
    let terms = Terms {
        densities,
        ..Terms::NONE
    };
    let objective = Objective::new(y.view(), weights, kernel, weight, d).unwrap();
    objective.with_terms(terms).unwrap()
}

/// What the densities add to E, and the gradient with them.
fn densities_of(y: &Array2<f64>, x: &[f64], d: usize) -> (f64, Vec<f64>) {
    let (with, gradient) = evaluate(
        &mut with_densities(y, Kernel::STUDENT, 0.7, d),
        x,
        Plan::Exact,
    );
    let without = evaluate(
        &mut with_densities(y, Kernel::STUDENT, 0.0, d),
        x,
        Plan::Exact,
    );
    (with - without.0, gradient)
}

/// Cells about a middle, ever sparser.
fn fan(n: usize, dimensions: usize) -> Array2<f64> {
    let mut y = normal(n, dimensions, 3);
    for (i, mut row) in y.outer_iter_mut().enumerate() {
        row *= 0.2 + i as f64 / n as f64;
    }
    y
}

#[test]
fn densities_are_the_correlation_of_the_logarithms_of_local_radii() {
    for (n, dimensions, d) in [(40, 3, 2), (3, 5, 2), (1100, 2, 1), (30, 60, 4)] {
        let y = fan(n, dimensions);
        let x = normal(n, d, 8) * 3.0 + 100.0;
        let weights = ring(n, 4.min((n - 1) / 2));
        let mean_over_neighbors = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            let row = |i: usize| {
                let sums = weights.row(i).fold((0.0, 0.0), |(sum, total), (j, w)| {
                    (sum + w * f(i, j as usize), total + w)
                });
                sums.0 / sums.1
            };
            (0..n).map(row).collect()
        };
        let apart = |x: &Array2<f64>, i, j| (&x.row(i) - &x.row(j)).mapv(|v| v * v).sum();
        let radii = mean_over_neighbors(&|i, j| apart(&y, i, j));
        let mut sorted = radii.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let data: Vec<f64> = radii
            .iter()
            .map(|r| (r / sorted[n / 2] + 0.01).ln())
            .collect();
        let map = mean_over_neighbors(&|i, j| apart(&x, i, j).ln_1p());
        let mean = map.iter().sum::<f64>() / n as f64;
        let variance = map.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n as f64;
        let expected = correlation(&data, &map) * (variance / (variance + 0.1)).sqrt();
        let (found, _) = densities_of(&y, x.as_slice().unwrap(), d);
        assert!(
            (found + 0.7 * expected).abs() < 1e-9,
            "{n} {dimensions} {d}"
        );
    }
}

#[test]
fn gradients_of_the_densities_are_slopes() {
    for (d, kernel) in [
        (1, Kernel::STUDENT),
        (2, Kernel::GAUSSIAN),
        (3, Kernel::STUDENT),
        (4, Kernel::GAUSSIAN),
    ] {
        let mut objective = with_densities(&fan(25, 6), kernel, 0.7, d);
        let x = normal(25, d, 5) * 2.0;
        assert_slopes(&mut objective, x);
    }
}

#[test]
fn densities_ignore_position_and_size_of_the_data_and_threads() {
    let y = fan(2500, 5);
    let x = normal(2500, 2, 2) * 4.0;
    let at = x.as_slice().unwrap();
    let (first, _) = densities_of(&y, at, 2);
    let moved: Vec<f64> = at.iter().map(|x| x - 4.0).collect();
    assert!((densities_of(&y, &moved, 2).0 - first).abs() < 1e-9);
    let turned: Vec<f64> = at.chunks(2).flat_map(|x| [-x[1], x[0]]).collect();
    assert!((densities_of(&y, &turned, 2).0 - first).abs() < 1e-9);
    for scale in [1e3, 1e120, 1e-120] {
        let scaled = (&y.slice(ndarray::s![.., ..;-1]) + 5.0) * scale;
        assert!(
            (densities_of(&scaled, at, 2).0 - first).abs() < 1e-9,
            "{scale}"
        );
    }
    let on = |threads| with_threads(threads, || densities_of(&y, at, 2)).unwrap();
    assert_eq!(on(1), on(3));
}

/// Some cells equal, all neighbours equal, all radii equal, and a map that is one point.
#[test]
fn what_has_no_radii_has_no_densities() {
    let x = normal(40, 2, 1);
    let x = x.as_slice().unwrap();
    let mut some_equal = fan(40, 3);
    some_equal.slice_mut(ndarray::s![..10, ..]).fill(0.0);
    let (energy, gradient) = densities_of(&some_equal, x, 2);
    assert!(energy.is_finite() && gradient.iter().all(|g| g.is_finite()));

    let assert_left_out = |objective: Objective| {
        let x = &x[..2 * objective.n()];
        let terms = Terms {
            densities: 2.0,
            ..Terms::NONE
        };
        let mut with = objective.with_terms(terms).unwrap();
        let found = evaluate(&mut with, x, Plan::Exact);
        let mut without = with.with_terms(Terms::NONE).unwrap();
        assert_eq!(found, evaluate(&mut without, x, Plan::Exact));
    };
    let pairs = Array2::from_shape_fn((4, 1), |(i, _)| (i / 2) as f64);
    let weights = Weights::from_rows(vec![0, 1, 2, 3, 4], vec![1, 0, 3, 2], vec![0.25; 4]);
    let weight = RepulsionWeight::Lambda(0.0);
    let of_pairs = Objective::new(pairs.view(), weights.unwrap(), Kernel::STUDENT, weight, 2);
    assert_left_out(of_pairs.unwrap());
    let simplex = Array2::eye(9);
    assert_left_out(with_densities(&simplex, Kernel::STUDENT, 0.0, 2));
    assert_left_out(terms_alone(&normal(20, 3, 1), 0.0, 2));

    let (energy, gradient) = densities_of(&fan(20, 3), &[3.0; 40], 2);
    assert_eq!(energy, 0.0);
    assert!(gradient.iter().all(|g| *g == 0.0));
}

/// A checkpoint from before there were densities is one of the same problem.
#[test]
fn densities_count_in_the_fingerprint_where_there_are_any() {
    let y = fan(20, 3);
    let of = |densities| with_densities(&y, Kernel::STUDENT, densities, 2).fingerprint();
    let weight = RepulsionWeight::Lambda(0.0);
    let before = Objective::new(y.view(), ring(20, 4), Kernel::STUDENT, weight, 2).unwrap();
    assert_eq!(of(0.0), before.fingerprint());
    assert_ne!(of(0.3), of(0.0));
    assert_ne!(of(0.3), of(0.4));
}

#[test]
fn uniform_weights_are_mixed_with_those_of_the_data() {
    let (n, d) = (60, 2);
    let y = normal(n, 4, 1);
    let x = normal(n, d, 2);
    let at = x.as_slice().unwrap();
    let total: f64 = squared_distances(y.view()).iter().sum();
    for kernel in [Kernel::GAUSSIAN, Kernel::STUDENT] {
        for uniform in [0.0, 0.5, 0.9] {
            let w_minus = Array2::from_shape_fn((n, n), |(i, j)| {
                let apart = (&y.row(i) - &y.row(j)).mapv(|v| v * v).sum();
                let equal = if i == j {
                    0.0
                } else {
                    1.0 / (n * (n - 1)) as f64
                };
                (1.0 - uniform) * apart / total + uniform * equal
            });
            let none = Array2::zeros((n, n));
            let mut expected = vec![0.0; n * d];
            let (plus, minus) = (none.view(), w_minus.view());
            let repulsion = dense::evaluate(plus, minus, kernel, 3.0, at, d, &mut expected);
            let weights = Weights::from_rows(vec![0; n + 1], vec![], vec![]).unwrap();
            let weight = RepulsionWeight::Lambda(3.0);
            let mut objective = Objective::new(y.view(), weights, kernel, weight, d)
                .unwrap()
                .with_terms(Terms {
                    uniform,
                    ..Terms::NONE
                })
                .unwrap();
            let mut gradient = vec![0.0; n * d];
            let sum = objective
                .repulsion(at, Plan::Exact, AT, 3.0, &mut gradient, &())
                .unwrap();
            assert!((3.0 * sum / repulsion.unwrap().repulsion - 1.0).abs() < 1e-12);
            for (found, expected) in gradient.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn grids_take_uniform_weights() {
    let n = 3000;
    let y = normal(n, 6, 1);
    for (kernel, width, sum_error, gradient_error) in [
        (Kernel::GAUSSIAN, 3.0, 1e-5, 1e-3),
        (Kernel::STUDENT, 30.0, 5e-3, 5e-2),
    ] {
        let x = normal(n, 2, 2) * width;
        let at = x.as_slice().unwrap();
        let weights = Weights::from_rows(vec![0; n + 1], vec![], vec![]).unwrap();
        let weight = RepulsionWeight::Lambda(1.0);
        let terms = Terms {
            uniform: 0.5,
            ..Terms::NONE
        };
        let mut objective = Objective::new(y.view(), weights, kernel, weight, 2)
            .unwrap()
            .with_terms(terms)
            .unwrap();
        let grid = objective.plan(at, Method::Grid, AT).unwrap();
        let mut sum = |plan| {
            let mut gradient = vec![0.0; 2 * n];
            let sum = objective
                .repulsion(at, plan, AT, 1.0, &mut gradient, &())
                .unwrap();
            (sum, gradient)
        };
        let ((exact, expected), (found, gradient)) = (sum(Plan::Exact), sum(grid));
        assert!(
            (found / exact - 1.0).abs() < sum_error,
            "{kernel:?} {found} {exact}"
        );
        let size = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
        let apart: Vec<f64> = gradient.iter().zip(&expected).map(|(a, b)| a - b).collect();
        let error = size(&apart) / size(&expected);
        assert!(error < gradient_error, "{kernel:?} {error}");
    }
}

#[test]
fn terms_that_are_no_weights_are_refused() {
    let y = normal(20, 3, 1);
    for (name, agreement, uniform, densities) in [
        ("agreement", -1.0, 0.5, 0.0),
        ("agreement", f64::NAN, 0.5, 0.0),
        ("agreement", f64::INFINITY, 0.0, 0.0),
        ("uniform", 2.0, -0.1, 0.0),
        ("uniform", 2.0, 1.0, 0.0),
        ("uniform", 2.0, f64::NAN, 0.0),
        ("densities", 2.0, 0.5, -0.1),
        ("densities", 2.0, 0.5, f64::NAN),
        ("densities", 2.0, 0.5, f64::INFINITY),
    ] {
        let options = Options {
            kernel: Kernel::STUDENT,
            agreement: Some(agreement),
            uniform: Some(uniform),
            densities: Some(densities),
            ..Options::default()
        };
        let error = ee::open(y.view(), &options, &()).err().unwrap();
        let message = &error.report().message;
        assert!(message.contains(&format!("`{name}`")), "{message}");
    }
}

/// Groups of cells about centres `apart` from the middle, in standard deviations of a group.
fn groups(count: usize, cells: usize, apart: f64) -> Array2<f64> {
    let centres = normal(count, 8, 9);
    let noise = normal(count * cells, 8, 10);
    Array2::from_shape_fn(noise.dim(), |(i, j)| {
        let centre = centres.row(i / cells);
        apart * centre[j] / centre.dot(&centre).sqrt() + noise[(i, j)]
    })
}

/// The radius of the smallest group over the width of the map.
fn smallest_share(x: ArrayView2<'_, f64>, cells: usize) -> f64 {
    let width = (0..x.ncols())
        .map(|a| {
            let axis = x.column(a);
            let most = axis.fold(f64::NEG_INFINITY, |most, v| most.max(*v));
            most - axis.fold(f64::INFINITY, |least, v| least.min(*v))
        })
        .fold(0.0, f64::max);
    let radius = |group: ArrayView2<'_, f64>| {
        let apart = &group - &group.mean_axis(ndarray::Axis(0)).unwrap();
        (apart.mapv(|v| v * v).sum() / cells as f64).sqrt()
    };
    let groups = x.axis_chunks_iter(ndarray::Axis(0), cells);
    groups.map(radius).fold(f64::INFINITY, f64::min) / width
}

fn map_of(y: &Array2<f64>, options: Options) -> Array2<f64> {
    let mut options = Options {
        maxit: 500,
        ..options
    };
    options.affinity.perplexity = 20.0;
    let mut session = ee::open(y.view(), &options, &()).unwrap();
    session.advance(500, &()).unwrap();
    session.embedding().unwrap()
}

#[test]
fn groups_without_common_neighbours_stay_in_the_picture() {
    for (count, apart) in [(2, 13.0), (3, 66.0), (8, 13.0), (3, 1000.0)] {
        let y = groups(count, 100, apart);
        let options = Options {
            kernel: Kernel::STUDENT,
            ..Options::default()
        };
        let share = smallest_share(map_of(&y, options).view(), 100);
        assert!(share > 0.03, "{count} {apart}: {share}");
    }
}

/// On grids too, whose nodes are far apart beside a knot.
#[test]
fn knots_open_on_grids() {
    let y = groups(3, 300, 1000.0);
    let options = Options {
        kernel: Kernel::STUDENT,
        method: Method::Grid,
        ..Options::default()
    };
    let share = smallest_share(map_of(&y, options).view(), 300);
    assert!(share > 0.03, "{share}");
}

/// With the published weights distant groups leave no repulsion within a group; but they come to
/// rest where they no longer repel each other.
#[test]
fn a_published_map_has_a_minimum_where_groups_share_no_neighbours() {
    for (count, apart) in [(2, 13.0), (3, 66.0), (8, 13.0), (3, 1000.0)] {
        let y = groups(count, 100, apart);
        let options = Options {
            kernel: Kernel::GAUSSIAN,
            repulsion: RepulsionPath::Lambda(vec![10.0]),
            ..Options::default()
        };
        let x = map_of(&y, options);
        let widest = x.fold(0.0, |most: f64, v| most.max(v.abs()));
        assert!(widest < 10.0, "{count} {apart}: {widest}");
    }
}

#[test]
fn a_random_start_ends_as_low_as_others() {
    let y = groups(3, 100, 13.0);
    let loss = |init| {
        let mut options = Options {
            kernel: Kernel::STUDENT,
            init,
            maxit: 500,
            ..Options::default()
        };
        options.affinity.perplexity = 20.0;
        let mut session = ee::open(y.view(), &options, &()).unwrap();
        session.advance(500, &()).unwrap();
        session.loss()
    };
    let (pca, random) = (loss(Start::Pca), loss(Start::Random));
    assert!((random - pca).abs() < 0.05, "{random} {pca}");
}
