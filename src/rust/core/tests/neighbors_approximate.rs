//! Approximate neighbours against the exact ones.

use std::collections::BTreeSet;

use ndarray::{concatenate, Array2, ArrayView2, Axis};
use neuralee_core::neighbors::{exact, Index, NeighborGraph};
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;
use neuralee_core::Error;

/// Clusters of unit deviation around centres some deviations apart.
fn clustered_points(n: usize, dim: usize) -> Array2<f64> {
    let stream = Stream::new(5, 0);
    Array2::from_shape_fn((n, dim), |(i, j)| {
        let centre = stream.normal((1 << 40) + (i % 12 * dim + j) as u64);
        2.0 * centre + stream.normal((i * dim + j) as u64)
    })
}

/// The graph with points numbered as in the matrix, each list by ascending id.
fn approximate(points: ArrayView2<f64>, k: usize) -> Vec<Vec<(u32, f64)>> {
    let index = Index::new(points, 42, &()).unwrap();
    let graph = index.graph(k, &()).unwrap();
    let order = index.order();
    let mut lists = vec![Vec::new(); graph.n];
    for (row, &id) in order.iter().enumerate() {
        let entries = row * k..(row + 1) * k;
        lists[id as usize] = entries
            .map(|at| (order[graph.ids[at] as usize], graph.squared_distances[at]))
            .collect();
    }
    lists
}

fn share_found(lists: &[Vec<(u32, f64)>], truth: &NeighborGraph) -> f64 {
    let found = lists
        .iter()
        .zip(truth.ids.chunks_exact(truth.k))
        .map(|(list, truth)| list.iter().filter(|(id, _)| truth.contains(id)).count());
    found.sum::<usize>() as f64 / truth.ids.len() as f64
}

#[test]
fn nearly_all_neighbours_are_found() {
    let points = clustered_points(12_000, 20);
    let truth = exact(points.view(), 30, &()).unwrap();
    let lists = approximate(points.view(), 30);
    let share = share_found(&lists, &truth);
    assert!(share > 0.97, "{share}");
    for (id, list) in lists.iter().enumerate() {
        let ids: BTreeSet<u32> = list.iter().map(|entry| entry.0).collect();
        assert_eq!(ids.len(), 30);
        assert!(!ids.contains(&(id as u32)));
        assert!(list.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        for &(other, found) in list {
            let difference = &points.row(id) - &points.row(other as usize);
            let direct = difference.dot(&difference);
            assert!((found - direct).abs() <= 1e-5 * direct);
        }
    }
}

#[test]
fn a_cell_of_its_own_holds_all_points() {
    // Fewer points than one cell takes: every pair is compared.
    let points = clustered_points(500, 8);
    let truth = exact(points.view(), 20, &()).unwrap();
    assert_eq!(share_found(&approximate(points.view(), 20), &truth), 1.0);
}

#[test]
fn a_common_offset_and_scale_change_no_list() {
    let points = clustered_points(3000, 6).mapv(|v| (v * 1024.0).round() / 1024.0);
    let ids = |lists: Vec<Vec<(u32, f64)>>| -> Vec<Vec<u32>> {
        let of = |list: Vec<(u32, f64)>| list.into_iter().map(|entry| entry.0).collect();
        lists.into_iter().map(of).collect()
    };
    let expected = ids(approximate(points.view(), 10));
    let moved = points.mapv(|v| v * 65536.0 + 1048576.0);
    assert_eq!(ids(approximate(moved.view(), 10)), expected);
}

#[test]
fn lists_are_full_however_long_and_however_many_twins() {
    let all_others = approximate(clustered_points(1500, 3).view(), 1499);
    assert!(all_others.iter().all(|list| list.len() == 1499));
    let twins = Array2::zeros((9000, 4));
    let points = concatenate![Axis(0), twins, clustered_points(3000, 4)];
    for (id, list) in approximate(points.view(), 15).iter().enumerate() {
        let ids: BTreeSet<u32> = list.iter().map(|entry| entry.0).collect();
        assert_eq!(ids.len(), 15, "point {id}");
        assert_eq!(id < 9000, list.iter().all(|entry| entry.1 == 0.0));
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let points = clustered_points(6000, 10);
    let graph = |threads| {
        with_threads(threads, || {
            let index = Index::new(points.view(), 1, &()).unwrap();
            (index.order().to_vec(), index.graph(12, &()).unwrap())
        })
        .unwrap()
    };
    let alone = graph(1);
    assert_eq!(graph(2), alone);
    assert_eq!(graph(5), alone);
}

#[test]
fn near_points_are_near_in_the_order() {
    let points = clustered_points(8000, 5);
    let index = Index::new(points.view(), 42, &()).unwrap();
    let graph = index.graph(10, &()).unwrap();
    let gap = |(at, &id): (usize, &u32)| (at / 10).abs_diff(id as usize);
    let gaps: usize = graph.ids.iter().enumerate().map(gap).sum();
    // In a random order they would be a third of 8,000 apart.
    assert!(gaps / graph.ids.len() < 1000);
    let mut ids = index.order().to_vec();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..8000));
}

#[test]
fn queries_find_the_points_themselves() {
    let points = clustered_points(5000, 6);
    let index = Index::new(points.view(), 42, &()).unwrap();
    let found = index.queries(points.view(), 8, &()).unwrap();
    let lists = approximate(points.view(), 7);
    let mut same = 0;
    for (id, list) in lists.iter().enumerate() {
        assert_eq!(found.ids[id * 8], id as u32);
        assert_eq!(found.squared_distances[id * 8], 0.0);
        let others = &found.ids[id * 8 + 1..(id + 1) * 8];
        same += list.iter().filter(|(id, _)| others.contains(id)).count();
    }
    assert!(same > 5000 * 7 * 98 / 100);
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let mut points = clustered_points(50, 3);
    let index = Index::new(points.view(), 42, &()).unwrap();
    assert!(matches!(index.graph(50, &()), Err(Error::Input(_))));
    assert!(matches!(index.graph(0, &()), Err(Error::Input(_))));
    let narrow = points.slice(ndarray::s![.., ..2]);
    assert!(matches!(
        index.queries(narrow, 3, &()),
        Err(Error::Input(_))
    ));
    assert!(matches!(
        index.queries(points.view(), 51, &()),
        Err(Error::Input(_))
    ));
    assert!(matches!(
        Index::new(Array2::zeros((5, 0)).view(), 42, &()),
        Err(Error::Input(_))
    ));
    points[(7, 1)] = f64::NAN;
    let error = Index::new(points.view(), 42, &()).unwrap_err();
    assert!(matches!(error, Error::NotFinite(_)));
    assert!(error.to_string().contains("Row 8, column 2"));
    assert!(matches!(
        index.queries(points.view(), 3, &()),
        Err(Error::NotFinite(_))
    ));
}
