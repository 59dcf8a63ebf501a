//! Masses: a cell of mass m counts as m cells.

mod common;

use common::normal;
use ndarray::{Array2, Axis};
use neuralee_core::affinity::Weights;
use neuralee_core::ee::{self, Map, MapOptions, Options};
use neuralee_core::input::Input;
use neuralee_core::masses::Masses;
use neuralee_core::neighbors::Search;
use neuralee_core::objective::{
    Kernel, MapRepulsion, Method, Objective, Plan, RepulsionWeight, Resolution, Terms,
};
use neuralee_core::optimize::RepulsionPath;
use neuralee_core::session::Session;

const AT: Resolution = Resolution::Fine;
const WITH_ALL: Terms = Terms {
    agreement: 2.0,
    uniform: 0.5,
    densities: 1.0,
};

/// Whole masses from 1 to 3.
fn masses(n: usize) -> Vec<f64> {
    (0..n).map(|i| (1 + (7 * i + i / 5) % 3) as f64).collect()
}

/// Each cell as often as its mass says.
fn repeated(masses: &[f64]) -> Vec<usize> {
    let cells = masses.iter().enumerate();
    cells.flat_map(|(i, &m)| vec![i; m as usize]).collect()
}

fn weights_of(n: usize, weight: impl Fn(usize, usize) -> f64) -> Weights {
    let mut entries = (vec![0], Vec::new(), Vec::new());
    for row in 0..n {
        for column in 0..n {
            let value = weight(row, column);
            if value > 0.0 {
                entries.1.push(column as u32);
                entries.2.push(value);
            }
        }
        entries.0.push(entries.1.len());
    }
    Weights::from_rows(entries.0, entries.1, entries.2).unwrap()
}

/// Weights of a ring, each cell with its next four.
fn ring(n: usize) -> impl Fn(usize, usize) -> f64 {
    move |i: usize, j: usize| match i.abs_diff(j).min(n - i.abs_diff(j)) {
        steps @ 1..=4 => (1.0 + (i + j) as f64 / n as f64) / (steps * n) as f64,
        _ => 0.0,
    }
}

fn evaluate(objective: &mut Objective, x: &Array2<f64>, plan: Plan) -> (f64, Vec<f64>) {
    let mut gradient = vec![f64::NAN; x.len()];
    let x = x.as_slice().unwrap();
    let energy = objective.evaluate(x, plan, AT, &mut gradient, &()).unwrap();
    (energy.total(), gradient)
}

/// E and gradient of cells with masses, and of the same cells repeated, of which each has a part
/// of the attraction.
#[test]
fn a_cell_of_mass_m_is_m_cells_at_one_place() {
    let n = 70;
    let masses = masses(n);
    let cells = repeated(&masses);
    let w = ring(n);
    let shared = |i: usize, j: usize| {
        let (i, j) = (cells[i], cells[j]);
        0.5 * w(i, j) * (1.0 / masses[i] + 1.0 / masses[j])
    };
    let sum = |n: usize, w: &dyn Fn(usize, usize) -> f64| -> f64 {
        (0..n).flat_map(|i| (0..n).map(move |j| w(i, j))).sum()
    };
    let scale = sum(n, &w) / sum(cells.len(), &shared);
    let cases = [
        (Kernel::STUDENT, RepulsionWeight::Share(1.0), WITH_ALL),
        (Kernel::GAUSSIAN, RepulsionWeight::Lambda(3.0), WITH_ALL),
        (Kernel::GAUSSIAN, RepulsionWeight::Lambda(3.0), Terms::NONE),
    ];
    // More inputs than cells too.
    for (inputs, (kernel, weight, terms)) in [(5, cases[0]), (90, cases[1]), (5, cases[2])] {
        for d in 1..=3 {
            let (y, x) = (normal(n, inputs, 3), normal(n, d, 4) * 2.0);
            let of = |y: &Array2<f64>, masses: Masses, weights| {
                let made = Objective::of_masses(y.view(), masses, weights, kernel, weight, d);
                made.unwrap().with_terms(terms).unwrap()
            };
            let mut weighted = of(&y, Masses::new(&masses).unwrap(), weights_of(n, &w));
            let y_repeated = y.select(Axis(0), &cells);
            let ones = Masses::Ones(cells.len());
            let parts = weights_of(cells.len(), |i, j| scale * shared(i, j));
            let mut repeated = of(&y_repeated, ones, parts);
            for plan in [Plan::Exact, Plan::Grid { h: 0.25 }] {
                let (e, gradient) = evaluate(&mut weighted, &x, plan);
                let x_repeated = x.select(Axis(0), &cells);
                let (expected, parts) = evaluate(&mut repeated, &x_repeated, plan);
                let off = (e - expected).abs();
                assert!(off < 1e-9, "{kernel:?} {d} {plan:?}: {e} {expected}");
                let mut sums = vec![0.0; n * d];
                for (part, &cell) in parts.chunks_exact(d).zip(&cells) {
                    for a in 0..d {
                        sums[cell * d + a] += part[a];
                    }
                }
                for (found, expected) in gradient.iter().zip(&sums) {
                    let off = (found - expected).abs();
                    assert!(off < 1e-9, "{kernel:?} {d} {plan:?}: {found} {expected}");
                }
            }
        }
    }
}

#[test]
fn equal_masses_are_none() {
    let (n, d) = (40, 2);
    let (y, x) = (normal(n, 4, 1), normal(n, d, 2));
    let of = |masses| {
        let (weights, share) = (weights_of(n, ring(n)), RepulsionWeight::Share(1.0));
        let made = Objective::of_masses(y.view(), masses, weights, Kernel::STUDENT, share, d);
        evaluate(
            &mut made.unwrap().with_terms(WITH_ALL).unwrap(),
            &x,
            Plan::Exact,
        )
        .0
    };
    let none = of(Masses::Ones(n));
    for size in [1e-200, 0.01, 7.0, 1e305] {
        let equal = of(Masses::relative(&vec![size; n]).unwrap());
        assert!((equal - none).abs() < 1e-12, "{size}");
    }
}

/// A run that orders its cells finds each cell's own mass, and a new cell the sum over a map that
/// counts them so.
#[test]
fn runs_and_maps_take_the_masses_of_their_cells() {
    let n = 600;
    let masses = masses(n);
    let weighted = Masses::relative(&masses).unwrap();
    let y = normal(n, 4, 9);
    let options = Options {
        maxit: 30,
        neighbors: Search::Approximate,
        repulsion: RepulsionPath::Lambda(vec![2.0]),
        ..Options::default()
    };
    let input = Input {
        masses: Some(weighted.clone()),
        ..y.view().into()
    };
    let mut session = ee::open(input, &options, &()).unwrap();
    session.advance(30, &()).unwrap();
    let x = session.embedding().unwrap();
    let mut without = ee::open(y.view(), &options, &()).unwrap();
    without.advance(30, &()).unwrap();
    assert!(without.embedding().unwrap() != x);

    let graph = neuralee_core::neighbors::search(
        y.view(),
        options.affinity.neighbors_of(n),
        options.neighbors,
        options.seed,
        &(),
    );
    let affinities =
        neuralee_core::affinity::Affinities::from_graph(graph.unwrap(), options.affinity, &())
            .unwrap()
            .undo_order();
    let lambda = RepulsionWeight::Lambda(2.0);
    let (kernel, w) = (options.kernel, affinities.weights);
    let mut objective = Objective::of_masses(y.view(), weighted.clone(), w, kernel, lambda, 2)
        .unwrap()
        .with_terms(options.terms())
        .unwrap();
    let (e, _) = evaluate(
        &mut objective,
        &x.as_standard_layout().to_owned(),
        Plan::Exact,
    );
    assert!(
        (session.loss() / e - 1.0).abs() < 2e-3,
        "{} {e}",
        session.loss()
    );

    let cells = repeated(&masses);
    let (y_repeated, x_repeated) = (y.select(Axis(0), &cells), x.select(Axis(0), &cells));
    let new = normal(3, 4, 11);
    let at = [0.3, -0.2];
    let psi = |y: &Array2<f64>, x: &Array2<f64>, masses, method| {
        let map = MapRepulsion::of_masses(y.view(), x.view(), masses, kernel, 0.0, method).unwrap();
        map.evaluate(new.view(), &[1], &at, &()).unwrap()[0].psi * map.masses().total()
    };
    for method in [Method::Exact, Method::Grid] {
        let found = psi(&y, &x, Masses::new(&masses).unwrap(), method);
        let expected = psi(&y_repeated, &x_repeated, Masses::Ones(cells.len()), method);
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
    }

    // Placed where the nearest cell of the map lies, together as well as alone.
    let map = Map {
        points: y.view(),
        masses: Some(&weighted),
        embedding: x.view(),
        options: MapOptions {
            kernel,
            lambda: 2.0,
            terms: options.terms(),
            affinity: options.affinity,
            seed: None,
        },
    };
    let alone = map.place(new.view(), &()).unwrap();
    let together = map.place_together(new.view(), alone.view(), &()).unwrap();
    assert!(together.iter().chain(&alone).all(|v| v.is_finite()));
}

#[test]
fn what_is_no_mass_is_refused() {
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = Masses::relative(&[1.0, wrong, 1.0]).unwrap_err();
        assert!(error.to_string().contains("cell 2"), "{wrong}: {error}");
    }
    assert_eq!(Masses::new(&[0.1; 5]).unwrap_err().kind(), "input");
    let wide = Masses::relative(&[1e-300, 1.0, 1e300]).unwrap_err();
    assert!(wide.to_string().contains("1e-300 to 1e300"), "{wide}");
    let y = normal(9, 2, 1);
    let few = Masses::relative(&[1.0; 8]).unwrap();
    let input = Input {
        masses: Some(few),
        ..y.view().into()
    };
    let mut options = Options::default();
    options.affinity.perplexity = 2.0;
    assert!(ee::open(input, &options, &()).is_err());
}
