//! Recall and seconds of the approximate search on the rows of a NumPy file:
//! `neighbors FILE.npy N k threads`. Recall is held against all pairs for 200 points.

use std::time::Instant;

use ndarray::{s, Array2};
use ndarray_npy::read_npy;
use neuralee_core::neighbors::Index;
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;
use rayon::prelude::*;

/// Points whose lists are checked.
const CHECKED: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, n, k, threads] = arguments.as_slice() else {
        panic!("usage: neighbors FILE.npy N k threads");
    };
    let number = |text: &String| text.parse::<usize>().expect("a whole number");
    let (n, k, threads) = (number(n), number(k), number(threads));
    let all: Array2<f32> = read_npy(file).expect("a matrix of 32-bit numbers");
    let points: Array2<f64> = all.slice(s![..n, ..]).mapv(f64::from);
    drop(all);
    with_threads(threads, || {
        let start = Instant::now();
        let index = Index::new(points.view(), 42, &()).expect("an index");
        let built = start.elapsed().as_secs_f64();
        let graph = index.graph(k, &()).expect("a graph");
        let seconds = start.elapsed().as_secs_f64();
        let order = index.order();
        eprintln!("index {built:.2} s, all {seconds:.2} s");
        let rows = Stream::new(7, 0).sample(n, CHECKED.min(n));
        let found: usize = rows
            .par_iter()
            .map(|&row| {
                let own = points.row(order[row] as usize);
                let mut distances: Vec<f64> = points
                    .rows()
                    .into_iter()
                    .map(|row| {
                        let squares = own.iter().zip(row).map(|(a, b)| (a - b) * (a - b));
                        squares.sum()
                    })
                    .collect();
                // The k-th beside the point itself, at distance 0.
                let (_, &mut kth, _) = distances.select_nth_unstable_by(k, f64::total_cmp);
                let listed = &graph.squared_distances[row * k..][..k];
                listed.iter().filter(|&&d| d <= kth * (1.0 + 1e-5)).count()
            })
            .sum();
        println!(
            "N {n} D {} k {k} threads {threads}: index {built:.2} s, all {seconds:.2} s, recall \
                {:.4}",
            points.ncols(),
            found as f64 / (rows.len() * k) as f64
        );
    })
    .expect("threads");
}
