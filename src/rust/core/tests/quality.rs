//! Measures of map quality: known values, invariances and bad input.

use ndarray::{array, s, Array2, Axis};
use neuralee_core::quality::{
    density_correlation, distance_correlation, label_accuracy, CoRanking, Reliability,
};
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;

fn normal_points(n: usize, dim: usize, seed: u64) -> Array2<f64> {
    let stream = Stream::new(seed, 0);
    Array2::from_shape_fn((n, dim), |(i, j)| stream.normal((i * dim + j) as u64))
}

fn ranks(data: &Array2<f64>, map: &Array2<f64>, k: usize) -> CoRanking {
    CoRanking::new(data.view(), map.view(), k, usize::MAX, 1, &()).unwrap()
}

#[test]
fn a_map_equal_to_the_data_is_perfect() {
    let mut data = normal_points(120, 5, 1);
    data.slice_mut(s![20..30, ..]).fill(0.5);
    for map in [data.clone(), data.mapv(|v| 4.0 * v)] {
        let found = ranks(&data, &map, 7);
        assert_eq!(found.neighborhood_preservation(), 1.0);
        assert_eq!(found.auc_rnx(), 1.0);
        assert_eq!(found.trustworthiness(), 1.0);
        let correlation = distance_correlation(data.view(), map.view(), 100_000, 1, &());
        assert!((correlation.unwrap().unwrap() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn a_map_of_chance_keeps_nothing() {
    let (data, map) = (normal_points(1500, 10, 2), normal_points(1500, 2, 3));
    let found = ranks(&data, &map, 15);
    assert!((found.neighborhood_preservation() - 15.0 / 1499.0).abs() < 2e-3);
    assert!(found.auc_rnx().abs() < 0.01);
    assert!((found.trustworthiness() - 0.5).abs() < 0.02);
    let correlation = distance_correlation(data.view(), map.view(), 50_000, 1, &());
    assert!(correlation.unwrap().unwrap().abs() < 0.03);
}

#[test]
fn five_cells_by_hand() {
    // On a line the ranks around each cell are plain to see; the map swaps the ends of
    // the last three cells.
    let data = array![[0.0], [1.0], [3.0], [7.0], [15.0]];
    let map = array![[0.0], [1.0], [15.0], [7.0], [3.0]];
    let found = ranks(&data, &map, 1);
    // Nearest in the data 2 1 2 3 4, in the map 2 1 4 5 2: cells 1 and 2 keep theirs.
    assert_eq!(found.neighborhood_preservation(), 0.4);
    assert!((found.r_nx(1) - (4.0 * 0.4 - 1.0) / 3.0).abs() < 1e-15);
    let curve: Vec<f64> = (1..4).map(|k| found.r_nx(k)).collect();
    assert_eq!(found.curve(), curve);
    // Ranks in the data of the intruders: 4 around 3 is third, 5 around 4 is fourth, 2 around 5 is
    // third. That is 2 + 3 + 2 = 7 of at most 5 * (2 * 5 - 3 - 1) / 2 = 15.
    assert!((found.trustworthiness() - (1.0 - 7.0 / 15.0)).abs() < 1e-15);
}

#[test]
fn trustworthiness_falls_to_zero_in_the_worst_map() {
    // Each cell's nearest in the map is its farthest in the data. For n = 4 and k = 1 the sum is 4
    // * 2 = n k (2n - 3k - 1) / 2.
    let data = array![[0.0], [1.0], [10.0], [11.5]];
    let map = array![[0.0], [2.5], [-2.0], [1.0]];
    assert_eq!(ranks(&data, &map, 1).trustworthiness(), 0.0);
}

#[test]
fn the_order_of_cells_does_not_matter() {
    let (data, map) = (normal_points(80, 4, 4), normal_points(80, 2, 5));
    let order: Vec<usize> = (0..80).map(|i| (i * 37 + 11) % 80).collect();
    let (other_data, other_map) = (data.select(Axis(0), &order), map.select(Axis(0), &order));
    assert_eq!(ranks(&data, &map, 9), ranks(&other_data, &other_map, 9));
    let labels: Vec<u32> = (0..80).map(|i| i % 3).collect();
    let other: Vec<u32> = order.iter().map(|&i| labels[i]).collect();
    assert_eq!(
        label_accuracy(map.view(), &labels, 9, &()).unwrap(),
        label_accuracy(other_map.view(), &other, 9, &()).unwrap()
    );
}

#[test]
fn a_sample_estimates_the_whole() {
    let data = normal_points(1200, 6, 6);
    let map = data.slice(s![.., ..2]).to_owned();
    let whole = ranks(&data, &map, 20);
    let part = CoRanking::new(data.view(), map.view(), 20, 300, 1, &()).unwrap();
    assert_eq!((whole.anchors(), part.anchors()), (1200, 300));
    assert!((whole.auc_rnx() - part.auc_rnx()).abs() < 0.01);
    assert!((whole.trustworthiness() - part.trustworthiness()).abs() < 0.01);
    let of = |pairs| {
        distance_correlation(data.view(), map.view(), pairs, 1, &())
            .unwrap()
            .unwrap()
    };
    assert!((of(usize::MAX) - of(20_000)).abs() < 0.02);
}

#[test]
fn correlation_of_distances_by_hand() {
    // Distances in the data are 1, 3, 2 and in the map 1, 1, 2. Their ranks 1 3 2 and 1.5 1.5 3
    // have the correlation 0.
    let (data, map) = (array![[0.0], [1.0], [3.0]], array![[1.0], [0.0], [2.0]]);
    let found = distance_correlation(data.view(), map.view(), 10, 1, &()).unwrap();
    assert_eq!(found, Some(0.0));
    let point = Array2::from_elem((3, 2), 1.0);
    let found = distance_correlation(data.view(), point.view(), 10, 1, &()).unwrap();
    assert_eq!(found, None);
}

#[test]
fn labels_are_foretold_by_their_neighbours() {
    let map = array![[0.0], [1.0], [2.2], [10.0], [11.0], [12.2]];
    assert_eq!(
        label_accuracy(map.view(), &[0, 0, 0, 1, 1, 1], 2, &()).unwrap(),
        1.0
    );
    assert_eq!(
        label_accuracy(map.view(), &[0, 1, 0, 1, 0, 1], 1, &()).unwrap(),
        0.0
    );
}

#[test]
fn tied_votes_go_to_the_nearer_cells() {
    // Around the first cell stand labels 1 0 0 1: votes tie, ranks tie, the nearest wins.
    let map = array![[0.0], [1.0], [2.0], [3.0], [4.0], [100.0]];
    let of = |labels: &[u32]| label_accuracy(map.slice(s![..5, ..]), labels, 4, &()).unwrap();
    // First cell: label 1 wins. Its own label 0 is missed, label 1 is hit.
    let (own_zero, own_one) = (of(&[0, 1, 0, 0, 1]), of(&[1, 1, 0, 0, 1]));
    assert!(own_one > own_zero);
    // Labels 0 1 1 0 around it: the same.
    let (own_zero, own_one) = (of(&[0, 0, 1, 1, 0]), of(&[1, 0, 1, 1, 0]));
    assert!(own_zero > own_one);
}

#[test]
fn thread_counts_agree_bit_for_bit() {
    let (data, map) = (normal_points(300, 6, 7), normal_points(300, 2, 8));
    let run = |threads| {
        with_threads(threads, || {
            let correlation = distance_correlation(data.view(), map.view(), 9000, 1, &());
            (ranks(&data, &map, 9), correlation.unwrap())
        })
        .unwrap()
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(4));
}

fn reliability(data: &Array2<f64>, map: &Array2<f64>, k: usize, references: usize) -> Reliability {
    Reliability::new(data.view(), map.view(), k, references, 1, &()).unwrap()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn mean_correlation(found: &Reliability) -> f64 {
    let known: Vec<f64> = found.distances.iter().flatten().copied().collect();
    assert_eq!(known.len(), found.distances.len());
    mean(&known)
}

#[test]
fn a_map_equal_to_the_data_is_reliable_everywhere() {
    let data = normal_points(90, 4, 11);
    let found = reliability(&data, &data.mapv(|v| 4.0 * v), 8, 40);
    assert!(found.neighbors.iter().all(|&r| r == 1.0));
    let exact = |r: &Option<f64>| (r.unwrap() - 1.0).abs() < 1e-12;
    assert!(found.distances.iter().all(exact));
}

#[test]
fn a_map_of_chance_is_reliable_nowhere() {
    let (data, map) = (normal_points(1500, 10, 12), normal_points(1500, 2, 13));
    let found = reliability(&data, &map, 15, 200);
    assert!(mean(&found.neighbors).abs() < 3e-3);
    assert!(mean_correlation(&found).abs() < 0.03);
}

#[test]
fn the_mean_over_cells_is_that_of_the_whole_map() {
    let (data, map) = (normal_points(200, 6, 14), normal_points(200, 2, 15));
    let found = reliability(&data, &map, 12, usize::MAX);
    assert!((mean(&found.neighbors) - ranks(&data, &map, 12).r_nx(12)).abs() < 1e-12);
}

fn densities(data: &Array2<f64>, map: &Array2<f64>, k: usize) -> Option<f64> {
    density_correlation(data.view(), map.view(), k, 1, &()).unwrap()
}

#[test]
fn correlation_of_densities_by_hand() {
    // Distances to the nearest are 1, 1, 2, 4 in the data and 2, 1, 1, 5 in the map. Their ranks
    // 1.5 1.5 3 4 and 3 1.5 1.5 4 have the covariance 2.25 and the variance 4.5.
    let (data, map) = (
        array![[0.0], [1.0], [3.0], [7.0]],
        array![[3.0], [1.0], [0.0], [8.0]],
    );
    assert!((densities(&data, &map, 1).unwrap() - 0.5).abs() < 1e-12);
    assert!((densities(&data, &data.mapv(|v| 3.0 - 5.0 * v), 3).unwrap() - 1.0).abs() < 1e-12);
    // All equal in the map, and all equal in the data.
    let even = array![[0.0], [1.0], [2.0], [3.0]];
    assert_eq!(densities(&data, &even, 1), None);
    assert_eq!(densities(&even, &map, 1), None);
}

#[test]
fn densities_of_chance_and_those_that_a_map_reverses() {
    let (data, map) = (normal_points(1500, 3, 22), normal_points(1500, 2, 23));
    assert!(densities(&data, &map, 10).unwrap().abs() < 0.1);
    // An inversion at the unit circle puts what is dense where it is sparse.
    let mut inverted = map.clone();
    for mut row in inverted.outer_iter_mut() {
        let squares = row.dot(&row);
        row /= squares;
    }
    assert!(densities(&map, &inverted, 10).unwrap() < -0.5);
}

#[test]
fn densities_of_many_cells_are_searched_approximately_and_agree_between_threads() {
    let data = normal_points(21_000, 3, 24);
    let map = data.slice(s![.., ..2]).to_owned();
    let run = |threads| with_threads(threads, || densities(&data, &map, 10)).unwrap();
    assert!(run(1).unwrap() > 0.3);
    assert_eq!(run(1), run(3));
}

#[test]
fn reliability_of_five_cells_by_hand() {
    let data = array![[0.0], [1.0], [3.0], [7.0], [15.0]];
    let map = array![[0.0], [1.0], [15.0], [7.0], [3.0]];
    let found = reliability(&data, &map, 1, 5);
    // As in five_cells_by_hand(), cells 1 and 2 keep their nearest; chance is 1 of 4.
    assert_eq!(found.neighbors[..2], [1.0, 1.0]);
    for lost in &found.neighbors[2..] {
        assert!((lost - (0.0 - 0.25) / 0.75).abs() < 1e-15);
    }
    // From the first cell, data rank the others 1 2 3 4, the map 1 4 3 2: covariance 1 of 5.
    assert!((found.distances[0].unwrap() - 0.2).abs() < 1e-15);
}

#[test]
fn a_cell_that_was_moved_stands_out() {
    let data = normal_points(300, 2, 16);
    let mut map = data.clone();
    map[(7, 0)] += 6.0;
    let found = reliability(&data, &map, 10, 100);
    let worst = |values: &[f64]| {
        (0..values.len())
            .min_by(|&a, &b| values[a].total_cmp(&values[b]))
            .unwrap()
    };
    assert_eq!(worst(&found.neighbors), 7);
    let distances: Vec<f64> = found.distances.iter().flatten().copied().collect();
    assert_eq!(worst(&distances), 7);
}

#[test]
fn distances_without_an_order_have_no_correlation() {
    let data = normal_points(20, 3, 17);
    let point = Array2::from_elem((20, 2), 1.0);
    let found = reliability(&data, &point, 4, 10);
    assert!(found.distances.iter().all(Option::is_none));
    assert!(found.neighbors.iter().all(|r| r.is_finite()));
}

#[test]
fn reference_cells_stand_for_all() {
    let data = normal_points(800, 6, 18);
    let map = data.slice(s![.., ..2]).to_owned();
    let (whole, part) = (
        reliability(&data, &map, 5, usize::MAX),
        reliability(&data, &map, 5, 300),
    );
    assert_eq!(whole.neighbors, part.neighbors);
    assert_ne!(whole.distances, part.distances);
    assert!((mean_correlation(&whole) - mean_correlation(&part)).abs() < 0.02);
    let other = Reliability::new(data.view(), map.view(), 5, 300, 2, &()).unwrap();
    assert_ne!(other.distances, part.distances);
}

#[test]
fn reliability_of_many_cells_is_searched_approximately_and_agrees_between_threads() {
    let data = normal_points(21_000, 3, 19);
    let run = |threads| with_threads(threads, || reliability(&data, &data, 10, 20)).unwrap();
    let found = run(1);
    assert!(mean(&found.neighbors) > 0.999);
    assert_eq!(found, run(2));
    assert_eq!(found, run(4));
}

#[test]
fn bad_input_of_reliability_is_refused() {
    let (data, map) = (normal_points(10, 3, 20), normal_points(10, 2, 21));
    let of = |k, references| {
        Reliability::new(data.view(), map.view(), k, references, 1, &())
            .unwrap_err()
            .to_string()
    };
    for k in [0, 9, 10] {
        assert!(of(k, 10).contains("between 1 and 8"));
    }
    assert!(of(2, 2).contains("at least 3 reference cells"));
    let two = data.slice(s![..2, ..]);
    let error = Reliability::new(two, two, 1, 3, 1, &()).unwrap_err();
    assert!(error.to_string().contains("at least 3 cells"), "{error}");
    let fewer = map.slice(s![..9, ..]);
    let error = Reliability::new(data.view(), fewer, 2, 5, 1, &()).unwrap_err();
    assert_eq!(error.kind(), "input");
}

#[test]
fn bad_input_is_refused() {
    let (data, map) = (normal_points(10, 3, 9), normal_points(10, 2, 10));
    let of = |k, anchors| CoRanking::new(data.view(), map.view(), k, anchors, 1, &()).map(|_| ());
    for k in [0, 5, 10] {
        let error = of(k, 10).unwrap_err();
        assert_eq!(error.kind(), "input");
        assert!(error.to_string().contains("between 1 and 4"), "{error}");
    }
    assert_eq!(of(2, 0).unwrap_err().kind(), "input");
    let fewer = map.slice(s![..9, ..]);
    let error = CoRanking::new(data.view(), fewer, 2, 10, 1, &()).unwrap_err();
    assert_eq!(error.kind(), "input");
    assert!(error.to_string().contains("10 cells"), "{error}");
    let mut holed = map.clone();
    holed[(3, 1)] = f64::NAN;
    let error = distance_correlation(data.view(), holed.view(), 10, 1, &()).unwrap_err();
    assert_eq!(error.kind(), "not_finite");
    assert_eq!(
        distance_correlation(data.view(), map.view(), 1, 1, &())
            .unwrap_err()
            .kind(),
        "input"
    );
    assert_eq!(
        label_accuracy(map.view(), &[0; 9], 2, &())
            .unwrap_err()
            .kind(),
        "input"
    );
    assert_eq!(
        label_accuracy(map.view(), &[0; 10], 10, &())
            .unwrap_err()
            .kind(),
        "input"
    );
}
