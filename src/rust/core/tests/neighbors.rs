//! Exact neighbours against brute force, and the checks on given lists.

use ndarray::{s, Array2, ArrayView2};
use neuralee_core::neighbors::{exact, from_lists, search, search_queries, Search};
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;
use proptest::prelude::*;

fn normal_points(n: usize, dim: usize, seed: u64) -> Array2<f64> {
    let stream = Stream::new(seed, 0);
    Array2::from_shape_fn((n, dim), |(i, j)| stream.normal((i * dim + j) as u64))
}

/// The k nearest by sorting all distances, ties by id.
fn brute_force(points: ArrayView2<f64>, k: usize) -> (Vec<u32>, Vec<f64>) {
    let n = points.nrows();
    let (mut ids, mut distances) = (Vec::new(), Vec::new());
    for a in 0..n {
        let mut others: Vec<(f64, u32)> = (0..n)
            .filter(|&b| b != a)
            .map(|b| {
                let square = |(x, y): (&f64, &f64)| (x - y) * (x - y);
                let distance = points.row(a).iter().zip(points.row(b)).map(square).sum();
                (distance, b as u32)
            })
            .collect();
        others.sort_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
        ids.extend(others[..k].iter().map(|o| o.1));
        distances.extend(others[..k].iter().map(|o| o.0));
    }
    (ids, distances)
}

#[track_caller]
fn agrees_with_brute_force(points: ArrayView2<f64>, k: usize) {
    let graph = exact(points, k, &()).unwrap();
    let (ids, distances) = brute_force(points, k);
    assert_eq!(graph.ids, ids);
    for (found, expected) in graph.squared_distances.iter().zip(&distances) {
        assert!((found - expected).abs() <= 1e-13 * expected);
    }
}

#[test]
fn random_points() {
    // More rows and columns than one block of the search.
    agrees_with_brute_force(normal_points(700, 7, 1).view(), 20);
}

#[test]
fn all_other_points() {
    agrees_with_brute_force(normal_points(300, 5, 2).view(), 299);
}

#[test]
fn column_major_points() {
    let points = normal_points(9, 200, 3);
    agrees_with_brute_force(points.t(), 15);
}

#[test]
fn a_common_offset_costs_no_digits() {
    // The offset is a power of two and the points are multiples of 2^-20, so that adding it is
    // exact. The neighbours must be the same, distances bit for bit.
    let grid = |v: f64| (v * 1048576.0).round() / 1048576.0;
    let near = normal_points(400, 6, 4).mapv(grid);
    let far = near.mapv(|v| v + 1048576.0);
    let expected = exact(near.view(), 12, &()).unwrap();
    assert_eq!(exact(far.view(), 12, &()).unwrap(), expected);
}

#[test]
fn clusters_far_apart_keep_their_inner_order() {
    for gap in [1e3, 1e6, 1e9] {
        let mut points = normal_points(300, 4, 5);
        for (cluster, mut part) in points
            .axis_chunks_iter_mut(ndarray::Axis(0), 100)
            .enumerate()
        {
            part += gap * cluster as f64;
        }
        agrees_with_brute_force(points.view(), 30);
    }
}

#[test]
fn one_distant_outlier() {
    let mut points = normal_points(300, 4, 6);
    points.slice_mut(s![17, ..]).fill(1e10);
    agrees_with_brute_force(points.view(), 10);
}

#[test]
fn many_duplicates_exclude_the_point_by_index() {
    let mut points = normal_points(600, 3, 7);
    points.slice_mut(s![100..500, ..]).fill(0.25);
    agrees_with_brute_force(points.view(), 25);
    let constant = Array2::from_elem((150, 3), 0.1);
    let graph = exact(constant.view(), 3, &()).unwrap();
    assert_eq!(&graph.ids[..6], &[1, 2, 3, 0, 2, 3]);
    assert!(graph.squared_distances.iter().all(|&d| d == 0.0));
}

#[test]
fn thread_counts_agree_bit_for_bit() {
    let points = normal_points(1000, 9, 8);
    let search =
        |threads| with_threads(threads, || exact(points.view(), 30, &()).unwrap()).unwrap();
    let one = search(1);
    assert_eq!(search(2), one);
    assert_eq!(search(4), one);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Small integers: nearly every distance is tied.
    #[test]
    fn tied_points(values in proptest::collection::vec(0i32..4, 3 * 40), k in 1usize..40) {
        let values = values.into_iter().map(f64::from).collect();
        let points = Array2::from_shape_vec((40, 3), values).unwrap();
        agrees_with_brute_force(points.view(), k);
    }
}

#[test]
fn sizes_out_of_range_are_refused() {
    let points = normal_points(5, 2, 9);
    for k in [0, 5, 6] {
        let error = exact(points.view(), k, &()).unwrap_err();
        assert_eq!(error.kind(), "input");
        assert!(error.to_string().contains("between 1 and 4"), "{error}");
    }
    assert_eq!(
        exact(points.slice(s![..1, ..]), 1, &()).unwrap_err().kind(),
        "input"
    );
    assert_eq!(
        exact(points.slice(s![.., ..0]), 1, &()).unwrap_err().kind(),
        "input"
    );
}

#[test]
fn values_that_are_not_finite_or_overflow_are_refused() {
    let mut points = normal_points(5, 2, 10);
    points[(3, 1)] = f64::NAN;
    let error = exact(points.view(), 1, &()).unwrap_err();
    assert_eq!(error.kind(), "not_finite");
    assert!(error.to_string().starts_with("Row 4, column 2"), "{error}");
    points[(3, 1)] = 1e200;
    assert_eq!(exact(points.view(), 1, &()).unwrap_err().kind(), "input");
}

#[test]
fn a_cancelled_search_stops() {
    struct Stopped;
    impl neuralee_core::monitor::Monitor for Stopped {
        fn cancelled(&self) -> bool {
            true
        }
        fn stage(&self, _: &'static str, _: usize) {}
        fn advance(&self, _: usize) {}
    }
    let points = normal_points(50, 2, 11);
    assert_eq!(
        exact(points.view(), 3, &Stopped).unwrap_err().kind(),
        "interrupted"
    );
}

#[test]
fn given_lists_are_sorted_and_squared() {
    let graph = from_lists(3, 2, &[1, 2, 0, 2, 0, 1], &[2.0, 1.0, 3.0, 3.0, 1.0, 4.0]).unwrap();
    assert_eq!(graph.ids, [2, 1, 0, 2, 0, 1]);
    assert_eq!(graph.squared_distances, [1.0, 4.0, 9.0, 9.0, 1.0, 16.0]);
}

#[test]
fn bad_given_lists_are_refused() {
    let good = [1.0; 6];
    let cases: [(&[u32], [f64; 6], &str); 5] = [
        (&[1, 3, 0, 2, 0, 1], good, "Neighbour 2 of point 1 is 4"),
        (
            &[1, 2, 1, 2, 0, 1],
            good,
            "Neighbour 1 of point 2 is the point itself",
        ),
        (
            &[1, 2, 0, 2, 0, 0],
            good,
            "Neighbour 2 of point 3 is listed twice",
        ),
        (
            &[1, 2, 0, 2, 0, 1],
            [1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0],
            "Neighbour 1 of point 2 has the distance NaN",
        ),
        (
            &[1, 2, 0, 2, 0, 1],
            [1.0, 1.0, 1.0, 1.0, -1.0, 1.0],
            "Neighbour 1 of point 3 has the distance -1",
        ),
    ];
    for (ids, distances, message) in cases {
        let error = from_lists(3, 2, ids, &distances).unwrap_err();
        assert_eq!(error.kind(), "input");
        assert!(error.to_string().starts_with(message), "{error}");
    }
    assert_eq!(
        from_lists(3, 2, &[1, 2], &[1.0, 1.0]).unwrap_err().kind(),
        "input"
    );
    assert_eq!(
        from_lists(3, 3, &[0; 9], &[1.0; 9]).unwrap_err().kind(),
        "input"
    );
}

#[test]
fn points_too_close_for_their_squares_are_refused() {
    let points = Array2::from_shape_fn((5, 2), |(i, j)| 1e-200 * (i + j) as f64);
    assert_eq!(exact(points.view(), 2, &()).unwrap_err().kind(), "input");
    assert!(exact(Array2::zeros((5, 2)).view(), 2, &()).is_ok());
}

#[test]
fn an_approximate_graph_numbers_points_as_they_came() {
    let points = normal_points(600, 4, 8);
    let k = 7;
    let found = search(points.view(), k, Search::Approximate, 1, &()).unwrap();
    assert!(found.order.0.is_some());
    let graph = found.into_graph();
    let (ids, _) = brute_force(points.view(), k);
    let mut kept = 0;
    for (i, (list, truth)) in graph.ids.chunks(k).zip(ids.chunks(k)).enumerate() {
        let distances = &graph.squared_distances[i * k..(i + 1) * k];
        assert!(distances.windows(2).all(|pair| pair[0] <= pair[1]));
        for (&other, &distance) in list.iter().zip(distances) {
            let difference = &points.row(i) - &points.row(other as usize);
            let by_hand = difference.mapv(|v| v * v).sum();
            assert!((distance - by_hand).abs() <= 1e-5 * by_hand);
            kept += usize::from(truth.contains(&other));
        }
    }
    assert!(kept as f64 > 0.95 * (600 * k) as f64);
}

#[test]
fn a_few_neighbours_are_found_approximately_too() {
    let points = normal_points(600, 4, 8);
    let given = points.slice(s![..5, ..]);
    for k in 1..8 {
        let found = search(points.view(), k, Search::Approximate, 1, &()).unwrap();
        let (ids, _) = brute_force(points.view(), k);
        let kept = std::iter::zip(found.into_graph().ids, ids).filter(|(a, b)| a == b);
        assert!(kept.count() as f64 > 0.95 * (600 * k) as f64);
        let queries = search_queries(points.view(), given, k, Search::Approximate, 1, &()).unwrap();
        assert_eq!(
            queries.ids.iter().copied().step_by(k).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4]
        );
    }
}
