//! Landmarks: which cells a model keeps, and where it places others by them.

mod common;

use common::normal;
use ndarray::{s, Array2};
use neuralee_core::affinity;
use neuralee_core::ee;
use neuralee_core::model::{Landmarks, Model, Preprocessing};
use neuralee_core::network::{Points, Standard};
use neuralee_core::neuralee::{self, Options};
use neuralee_core::objective::Kernel;
use neuralee_core::preprocess::{Cells, Matrix};
use neuralee_core::session::Session;
use neuralee_core::threads::with_threads;

/// Cells of three groups, every fourth of which is new.
struct Halves {
    old: Array2<f64>,
    new: Array2<f64>,
}

fn halves(n: usize) -> Halves {
    let mut y = normal(n, 6, 3);
    for (i, mut row) in y.outer_iter_mut().enumerate() {
        row[i % 3] += 8.0;
    }
    let rows = |new: bool| {
        (0..n)
            .filter(move |i| (i / 3 % 4 == 0) == new)
            .collect::<Vec<_>>()
    };
    Halves {
        old: y.select(ndarray::Axis(0), &rows(false)),
        new: y.select(ndarray::Axis(0), &rows(true)),
    }
}

fn standard(y: &Array2<f64>) -> (Standard, Points<f32>) {
    let standard = Standard::new(y.view()).unwrap();
    let points = Points::new(y.view(), &standard);
    (standard, points)
}

fn options(landmarks: usize) -> Options {
    let mut options = Options {
        maxit: Some(30),
        landmarks: Some(landmarks),
        ..Options::default()
    };
    options.map.affinity = affinity::Options {
        perplexity: 10.0,
        ..affinity::Options::default()
    };
    options
}

/// A model, the map of its network, and the map of its landmarks with its E.
type Trained = (Model, Array2<f64>, Option<(Array2<f64>, f64)>);

fn trained(y: &Array2<f64>, options: &Options) -> Trained {
    let mut session = neuralee::open(y.view(), options, &()).unwrap();
    session.advance(u64::MAX, &()).unwrap();
    let (mut model, x) = session.finish(&()).unwrap();
    model.preprocessing = Preprocessing::none(y.ncols());
    (model, x, session.landmarks_map())
}

fn places(model: &Model, y: &Array2<f64>) -> Array2<f64> {
    let x = model
        .map(&Matrix::Dense(y.view()), Cells::Rows, 0, &())
        .unwrap();
    Array2::from_shape_vec((y.nrows(), 2), x).unwrap()
}

/// The share of the five nearest cells in the data that are so on the map.
fn kept(y: &Array2<f64>, x: &Array2<f64>) -> f64 {
    let ranking = |points: &Array2<f64>, i: usize| {
        let mut order: Vec<usize> = (0..points.nrows()).filter(|&j| j != i).collect();
        let apart = |j: &usize| (&points.row(*j) - &points.row(i)).mapv(|v| v * v).sum();
        order.sort_by(|a, b| apart(a).total_cmp(&apart(b)));
        order.truncate(5);
        order
    };
    let shares = (0..y.nrows()).map(|i| {
        let on_map = ranking(x, i);
        ranking(y, i).iter().filter(|j| on_map.contains(j)).count() as f64 / 5.0
    });
    shares.sum::<f64>() / y.nrows() as f64
}

#[test]
fn landmarks_put_new_cells_among_their_neighbours() {
    let Halves { old, new } = halves(900);
    let (model, network_map, map) = trained(&old, &options(500));
    let (map, loss) = map.unwrap();
    let alone = Model {
        landmarks: Landmarks::default(),
        ..model.clone()
    };
    let (by_landmarks, by_network) = (
        kept(&new, &places(&model, &new)),
        kept(&new, &places(&alone, &new)),
    );
    assert!(
        by_landmarks > 1.3 * by_network,
        "{by_landmarks} {by_network}"
    );
    // Cells of the training come back to their places on the map, and the network's map is not it.
    let off = |x: &Array2<f64>| {
        let apart = (x - &map).mapv(|v| v * v).sum_axis(ndarray::Axis(1));
        let mut apart: Vec<f64> = apart.iter().map(|v| v.sqrt()).collect();
        apart.sort_by(f64::total_cmp);
        apart[apart.len() / 2]
    };
    assert!(off(&places(&model, &old)) < 0.5 * off(&network_map));

    // The map is that of ee().
    let mut session = ee::open(old.view(), &options(0).map, &()).unwrap();
    session.advance(u64::MAX, &()).unwrap();
    assert!(
        (session.loss() - loss).abs() < 1e-3,
        "{} {loss}",
        session.loss()
    );
}

#[test]
fn a_place_depends_on_nothing_but_the_cell() {
    let Halves { old, new } = halves(600);
    let (standard, points) = standard(&old);
    let map = normal(old.nrows(), 2, 8) * 20.0;
    let landmarks = Landmarks::choose(&points, map.as_slice().unwrap(), 200, 4);
    for kernel in [Kernel::STUDENT, Kernel::GAUSSIAN] {
        let place = |y: &Array2<f64>| {
            let mut x = vec![0.5; 2 * y.nrows()];
            let points = Points::new(y.view(), &standard);
            landmarks.place(&points, kernel, &mut x, &()).unwrap();
            x
        };
        let all = place(&new);
        assert_eq!(with_threads(1, || place(&new)).unwrap(), all);
        assert_eq!(with_threads(3, || place(&new)).unwrap(), all);
        for i in [0, 7, new.nrows() - 1] {
            let one = new.slice(s![i..i + 1, ..]).to_owned();
            assert_eq!(place(&one), all[2 * i..2 * i + 2], "{i}");
        }
    }
}

/// Of few landmarks, one of which is where the cell is.
#[test]
fn a_cell_goes_to_the_mean_of_its_landmarks_or_to_one_of_them() {
    let y = Array2::from_shape_fn((4, 1), |(i, _)| [0.0, 1.0, 2.0, 9.0][i]);
    let (standard, points) = standard(&y);
    let map = [0.0, 0.0, 4.0, 0.0, 8.0, 0.0, 100.0, 5.0];
    let at = |kernel, count, value: f64| {
        let landmarks = Landmarks::choose(&points, &map, count, 1);
        assert_eq!(landmarks.count(2), count.min(4));
        let cell = Points::new(ndarray::arr2(&[[value]]).view(), &standard);
        let mut x = vec![-3.0, 2.0];
        landmarks.place(&cell, kernel, &mut x, &()).unwrap();
        x
    };
    // A landmark itself.
    let x = at(Kernel::GAUSSIAN, 4, 9.0);
    assert!((x[0] - 100.0).abs() < 1e-9, "{x:?}");
    // Attraction that is quadratic: between those around it.
    let x = at(Kernel::GAUSSIAN, 9, 0.5);
    assert!(x[0] > 0.0 && x[0] < 8.0 && x[1].abs() < 0.5, "{x:?}");
    for kernel in [Kernel::STUDENT, Kernel::GAUSSIAN] {
        assert!(at(kernel, 1, 5.0)
            .iter()
            .all(|x| map.contains(&(x.round()))));
        assert_eq!(at(kernel, 0, 5.0), [-3.0, 2.0]);
    }
}

#[test]
fn landmarks_leave_no_rare_type_out_and_are_the_same_every_time() {
    let mut y = normal(3000, 5, 2);
    for i in 0..4 {
        y[(700 * i, 0)] += 200.0;
    }
    let (_, points) = standard(&y);
    // The cells lie on a line, in the order of their numbers.
    let map: Vec<f64> = (0..6000).map(|i| f64::from(i / 2) / 50.0).collect();
    let chosen = |count, seed| Landmarks::choose(&points, &map, count, seed);
    let landmarks = chosen(50, 1);
    assert_eq!(landmarks, with_threads(1, || chosen(50, 1)).unwrap());
    assert!(landmarks != chosen(50, 2));
    let cell = Points::new(y.slice(s![..1, ..]), &Standard::new(y.view()).unwrap());
    let mut x = vec![1e9; 2];
    landmarks
        .place(&cell, Kernel::STUDENT, &mut x, &())
        .unwrap();
    let of_rare = (0..4).map(|i| 14.0 * f64::from(i));
    assert!(
        of_rare.into_iter().any(|at| (x[0] - at).abs() < 1.0),
        "{x:?}"
    );

    // Cells that are all alike leave no more to choose.
    let equal = Array2::from_shape_fn((40, 2), |(i, _)| f64::from(i < 1));
    let (_, points) = standard(&equal);
    assert_eq!(Landmarks::choose(&points, &map[..80], 10, 1).count(2), 2);
}

#[test]
fn models_keep_their_landmarks_and_refuse_others() {
    let Halves { old, new } = halves(300);
    let (model, _, map) = trained(&old, &options(60));
    assert_eq!(model.landmarks.count(2), 60);
    let bytes = model.to_bytes().unwrap();
    let again = Model::from_bytes(&bytes).unwrap();
    assert_eq!(again, model);
    assert_eq!(places(&again, &new), places(&model, &new));

    let (_, points) = standard(&old);
    let (map, _) = map.unwrap();
    let foreign = Landmarks::choose(
        &points,
        &map.iter().copied().collect::<Vec<_>>()[..225],
        20,
        1,
    );
    let wrong = Model {
        landmarks: foreign,
        ..model.clone()
    };
    let error = Model::from_bytes(&wrong.to_bytes().unwrap()).unwrap_err();
    assert_eq!(error.kind(), "file_format");
    let mut nameless = model;
    nameless.origin.kernel = "cauchy".into();
    assert!(Model::from_bytes(&nameless.to_bytes().unwrap()).is_err());
}

#[test]
fn a_resumed_run_has_the_same_landmarks_and_none_are_without_a_map() {
    let Halves { old, .. } = halves(300);
    let options = options(60);
    let (model, _, _) = trained(&old, &options);
    let mut session = neuralee::open(old.view(), &options, &()).unwrap();
    session.advance(20, &()).unwrap();
    let state = session.state().unwrap();
    let mut resumed = neuralee::resume(old.view(), &options, &state, &()).unwrap();
    resumed.advance(u64::MAX, &()).unwrap();
    assert_eq!(resumed.finish(&()).unwrap().0.landmarks, model.landmarks);

    let none = Options {
        pretrain: Some(0),
        ..options
    };
    assert_eq!(
        neuralee::open(old.view(), &none, &()).err().unwrap().kind(),
        "input"
    );
}
