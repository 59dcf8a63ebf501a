//! New cells on a finished map.

use ndarray::{s, Array2, ArrayView2};
use neuralee_core::affinity::{symmetrize, Options as AffinityOptions};
use neuralee_core::neighbors::{exact, search_queries, Search};
use neuralee_core::objective::{
    Kernel, MapRepulsion, Method, Objective, Plan, RepulsionWeight, Resolution,
};
use neuralee_core::optimize::{join, place, Options, Run, Start};
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;

const K: usize = 30;
const LAMBDA: f64 = 10.0;

fn clustered(n: usize, dim: usize) -> Array2<f64> {
    let stream = Stream::new(3, 0);
    Array2::from_shape_fn((n, dim), |(i, j)| {
        let centre = stream.normal((1 << 40) + (i % 5 * dim + j) as u64);
        5.0 * centre + stream.normal((i * dim + j) as u64)
    })
}

fn affinities() -> AffinityOptions {
    AffinityOptions {
        perplexity: 10.0,
        ..AffinityOptions::default()
    }
}

fn map_of(y: ArrayView2<f64>, d: usize) -> Array2<f64> {
    map_with(y, d, Kernel::GAUSSIAN)
}

fn objective_of(y: ArrayView2<f64>, d: usize, kernel: Kernel) -> Objective {
    let graph = exact(y, K, &()).unwrap();
    let rows = affinities()
        .check(y.nrows(), K)
        .unwrap()
        .rows(&graph, &())
        .unwrap();
    let weight = RepulsionWeight::Lambda(LAMBDA);
    Objective::new(y, symmetrize(&graph, &rows), kernel, weight, d).unwrap()
}

fn map_with(y: ArrayView2<f64>, d: usize, kernel: Kernel) -> Array2<f64> {
    let objective = objective_of(y, d, kernel);
    let params = Options {
        method: Method::Auto,
        ..Options::default()
    };
    let mut run = Run::new(objective, y, Start::Pca, 1, params, &()).unwrap();
    run.advance(200, &()).unwrap();
    Array2::from_shape_vec((y.nrows(), d), run.embedding().to_vec()).unwrap()
}

fn placed(
    y: ArrayView2<f64>,
    x: ArrayView2<f64>,
    new: ArrayView2<f64>,
    kernel: Kernel,
) -> Array2<f64> {
    placed_by(Method::Auto, y, x, new, kernel)
}

fn placed_by(
    method: Method,
    y: ArrayView2<f64>,
    x: ArrayView2<f64>,
    new: ArrayView2<f64>,
    kernel: Kernel,
) -> Array2<f64> {
    let graph = search_queries(y, new, K, Search::Auto, 1, &()).unwrap();
    let rows = affinities()
        .check(y.nrows(), K)
        .unwrap()
        .rows(&graph, &())
        .unwrap();
    let repulsion = MapRepulsion::new(y, x, kernel, 0.0, method).unwrap();
    let found = place(&repulsion, new, &graph, &rows, LAMBDA, &()).unwrap();
    Array2::from_shape_vec((new.nrows(), x.ncols()), found).unwrap()
}

fn spread(x: &Array2<f64>) -> f64 {
    x.std(0.0)
}

#[test]
fn cells_left_out_of_a_map_return_to_their_group() {
    for (d, kernel) in [
        (2, Kernel::GAUSSIAN),
        (4, Kernel::GAUSSIAN),
        (2, Kernel::STUDENT),
    ] {
        let all = clustered(600, 10);
        let (y, new) = (all.slice(s![..500, ..]), all.slice(s![500.., ..]));
        let x = map_with(y, d, kernel);
        let found = placed(y, x.view(), new, kernel);
        let mut same = 0;
        for (i, place) in found.outer_iter().enumerate() {
            let distance = |row: usize| {
                let difference = &x.row(row) - &place;
                difference.dot(&difference)
            };
            let nearest = (0..500).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
            same += usize::from(nearest.unwrap() % 5 == (500 + i) % 5);
        }
        assert!(same >= 98, "{same} of 100 in {d} dimensions");
    }
}

/// Left out of its own list, a cell of the map is asked to stay. Its place is close to a minimum of
/// its own part of E, but for the affinities that others have to it.
#[test]
fn cells_of_the_map_stay_near_their_places() {
    let y = clustered(400, 6);
    let x = map_of(y.view(), 2);
    let graph = exact(y.view(), K, &()).unwrap();
    let rows = affinities()
        .check(400, K)
        .unwrap()
        .rows(&graph, &())
        .unwrap();
    let repulsion =
        MapRepulsion::new(y.view(), x.view(), Kernel::GAUSSIAN, 0.0, Method::Auto).unwrap();
    let found = place(&repulsion, y.view(), &graph, &rows, LAMBDA, &()).unwrap();
    let found = Array2::from_shape_vec((400, 2), found).unwrap();
    let moved = (&found - &x).mapv(|v| v * v).mean().unwrap().sqrt();
    assert!(moved < 0.15 * spread(&x), "moved {moved} of {}", spread(&x));
}

#[test]
fn grid_and_sum_give_the_same_potential() {
    let stream = Stream::new(8, 1);
    let kernels = [
        (Kernel::GAUSSIAN, 1e-4, 2e-3),
        (Kernel::STUDENT, 5e-3, 1e-2),
    ];
    for (d, (kernel, near, near_slope)) in (1..=3).flat_map(|d| kernels.map(|kernel| (d, kernel))) {
        let y = clustered(800, 12);
        let x = Array2::from_shape_fn((800, d), |(i, a)| 2.0 * stream.normal((i * 3 + a) as u64));
        let exact = MapRepulsion::new(y.view(), x.view(), kernel, 0.0, Method::Exact).unwrap();
        let grid = MapRepulsion::new(y.view(), x.view(), kernel, 0.0, Method::Grid).unwrap();
        let new = clustered(850, 12);
        let new = new.slice(s![800.., ..]);
        // Some of them well outside the map.
        let at: Vec<f64> = (0..50 * d)
            .map(|i| 4.0 * stream.normal((5000 + i) as u64))
            .collect();
        let cells: Vec<u32> = (0..50).collect();
        let expected = exact.evaluate(new, &cells, &at, &()).unwrap();
        let found = grid.evaluate(new, &cells, &at, &()).unwrap();
        let highest = expected.iter().map(|p| p.psi).fold(0.0, f64::max);
        for (found, expected) in found.iter().zip(&expected) {
            let off = (found.psi - expected.psi).abs() / highest;
            assert!(off < near, "{kernel:?} in {d} dimensions: {off}");
            for (found, expected) in found.gradient.iter().zip(&expected.gradient) {
                let off = (found - expected).abs() / highest;
                assert!(
                    off < near_slope,
                    "slope of {kernel:?} in {d} dimensions: {off}"
                );
            }
        }
    }
}

#[test]
fn without_repulsion_cells_go_to_the_mean_of_their_neighbours() {
    let y = clustered(200, 4);
    let x = map_of(y.view(), 2);
    let new = clustered(210, 4);
    let new = new.slice(s![200.., ..]);
    let graph = search_queries(y.view(), new, K, Search::Auto, 1, &()).unwrap();
    let rows = affinities()
        .check(200, K)
        .unwrap()
        .rows(&graph, &())
        .unwrap();
    let repulsion =
        MapRepulsion::new(y.view(), x.view(), Kernel::GAUSSIAN, 0.0, Method::Auto).unwrap();
    let found = place(&repulsion, new, &graph, &rows, 0.0, &()).unwrap();
    for cell in 0..10 {
        for a in 0..2 {
            let entries = (cell * K..(cell + 1) * K).map(|at| (graph.ids[at], rows.p[at]));
            let mean: f64 = entries.map(|(id, p)| p * x[(id as usize, a)]).sum();
            assert!((found[2 * cell + a] - mean).abs() < 1e-12);
        }
    }
}

#[test]
fn a_cell_far_from_all_others_still_gets_a_place() {
    let y = clustered(300, 5);
    let x = map_of(y.view(), 2);
    let found = placed(
        y.view(),
        x.view(),
        Array2::from_elem((1, 5), 1e6).view(),
        Kernel::GAUSSIAN,
    );
    assert!(found.iter().all(|v| v.is_finite()));
}

#[test]
fn threads_and_company_do_not_change_a_bit() {
    let all = clustered(450, 5);
    let (y, new) = (all.slice(s![..300, ..]), all.slice(s![300.., ..]));
    for (kernel, method) in [
        (Kernel::GAUSSIAN, Method::Exact),
        (Kernel::GAUSSIAN, Method::Grid),
        (Kernel::STUDENT, Method::Grid),
    ] {
        let x = map_with(y, 2, kernel);
        let found = |new| placed_by(method, y, x.view(), new, kernel);
        let together = with_threads(1, || found(new)).unwrap();
        assert_eq!(with_threads(3, || found(new)).unwrap(), together);
        let alone = found(new.slice(s![7..8, ..]));
        assert_eq!(alone.row(0), together.row(7));
    }
}

/// A grid that takes longer to make than some hundred cells to place is not made, nor a blunter one
/// in its stead.
#[test]
fn dear_grids_are_not_made_for_small_maps() {
    let y = clustered(1200, 8);
    let at = [1.0, 2.0, 3.0];
    let mut summed = 0;
    for scale in [20.0, 8.0, 4.0, 2.0, 1.0, 0.3] {
        let x = scale * &y.slice(s![.., ..3]);
        let value = |method| {
            let repulsion =
                MapRepulsion::new(y.view(), x.view(), Kernel::STUDENT, 0.0, method).unwrap();
            repulsion.evaluate(y.view(), &[0], &at, &()).unwrap()
        };
        let (auto, exact) = (value(Method::Auto), value(Method::Exact));
        summed += usize::from(auto == exact);
        assert!(auto == exact || auto == value(Method::Grid), "{scale}");
    }
    assert!(summed > 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let y = clustered(50, 5);
    let x = Array2::zeros((49, 2));
    assert_eq!(
        MapRepulsion::new(y.view(), x.view(), Kernel::GAUSSIAN, 0.0, Method::Auto)
            .err()
            .unwrap()
            .kind(),
        "input"
    );
    let error = |new: &Array2<f64>, k| {
        search_queries(y.view(), new.view(), k, Search::Auto, 1, &())
            .unwrap_err()
            .kind()
    };
    assert_eq!(error(&Array2::zeros((3, 4)), 5), "input");
    assert_eq!(error(&Array2::zeros((3, 5)), 51), "input");
    assert_eq!(error(&Array2::from_elem((3, 5), f64::NAN), 5), "not_finite");
    assert_eq!(error(&Array2::from_elem((3, 5), 1e300), 5), "input");
}

/// New cells that are all of a group which the map does not have.
fn strangers() -> (Array2<f64>, Array2<f64>) {
    let stream = Stream::new(12, 0);
    let new = Array2::from_shape_fn((60, 10), |(i, j)| 20.0 + stream.normal((i * 10 + j) as u64));
    (clustered(300, 10), new)
}

/// E falls to where its slope along the new cells is small, and the map does not move: on the grid
/// and off it.
#[test]
fn together_new_cells_come_to_a_minimum_on_a_map_that_stays() {
    for (kernel, repeat, method) in [
        (Kernel::GAUSSIAN, 1, Method::Exact),
        (Kernel::GAUSSIAN, 8, Method::Grid),
        (Kernel::STUDENT, 1, Method::Exact),
    ] {
        let (y, new) = strangers();
        let many = vec![y.view(); repeat];
        let y = ndarray::concatenate(ndarray::Axis(0), &many).unwrap()
            + Array2::from_shape_fn((300 * repeat, 10), |(i, j)| {
                0.1 * Stream::new(5, 2).normal((10 * i + j) as u64)
            });
        let fixed = y.nrows();
        let x = map_with(y.view(), 2, kernel);
        let starts = placed(y.view(), x.view(), new.view(), kernel);
        let all = ndarray::concatenate![ndarray::Axis(0), y, new];
        let params = Options {
            tol: 1e-6,
            maxit: 1000,
            method,
        };
        let found = join(
            objective_of(all.view(), 2, kernel),
            x.view(),
            starts.view(),
            params,
            &(),
        );
        let found = Array2::from_shape_vec((60, 2), found.unwrap()).unwrap();
        let mut objective = objective_of(all.view(), 2, kernel).fix_first(fixed);
        let mut at = |new: &Array2<f64>| {
            let x = ndarray::concatenate![ndarray::Axis(0), x, *new];
            let x: Vec<f64> = x.iter().copied().collect();
            let mut gradient = vec![f64::NAN; x.len()];
            let energy = objective
                .evaluate(&x, Plan::Exact, Resolution::Fine, &mut gradient, &())
                .unwrap();
            (energy.total(), gradient)
        };
        let (before, steep) = at(&starts);
        let (after, flat) = at(&found);
        let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
        assert!(steep[..2 * fixed].iter().all(|&g| g == 0.0));
        assert!(
            after < before,
            "{kernel:?}, {method:?}: {after} after {before}"
        );
        assert!(
            norm(&flat) < 0.05 * norm(&steep),
            "{kernel:?}, {method:?}: {} of {}",
            norm(&flat),
            norm(&steep)
        );
    }
}
