//! What an embedding is expected to take, and what is proposed where it is too much.

use neuralee_core::memory::{available, Job};
use neuralee_core::neighbors::Search;
use neuralee_core::Error;
use proptest::prelude::*;

const MILLION: Job = Job {
    n: 1_300_000,
    inputs: 50,
    k: 90,
    d: 2,
    search: Some(Search::Auto),
    network: 0,
};

#[test]
fn a_million_cells_fit_into_six_gigabytes() {
    // 4.2 GB were measured, of which 0.5 are the points themselves.
    assert!((3_500_000_000..5_500_000_000).contains(&MILLION.peak()));
    MILLION.check(6_000_000_000).unwrap();
}

#[test]
fn the_proposals_fit() {
    let limit = 1_000_000_000;
    let error = MILLION.check(limit).unwrap_err();
    assert!(matches!(error, Error::Memory(_)));
    let remedy = &error.report().remedy;
    let number = |before: &str| -> usize {
        let rest = &remedy[remedy.find(before).unwrap() + before.len()..];
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
        digits.parse().unwrap()
    };
    let n = number("subset of ");
    Job { n, ..MILLION }.check(limit).unwrap();
    Job {
        n: n + n / 50,
        ..MILLION
    }
    .check(limit)
    .unwrap_err();
    let enough_for_few = 2_500_000_000;
    let remedy = MILLION.check(enough_for_few).unwrap_err().to_string();
    let k: usize = remedy
        .split("k = ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    Job { k, ..MILLION }.check(enough_for_few).unwrap();
    assert!(MILLION
        .check(1000)
        .unwrap_err()
        .to_string()
        .contains("free some memory"));
}

#[test]
fn the_free_memory_is_known_where_proc_is() {
    assert_eq!(
        available().is_some(),
        std::path::Path::new("/proc/meminfo").exists()
    );
}

proptest! {
    #[test]
    fn more_of_anything_takes_no_less(
        n in 10usize..2_000_000,
        k in 2usize..200,
        inputs in 1usize..500,
    ) {
        let job = Job { n, inputs, k, d: 2, search: None, network: 0 };
        let peak = job.peak();
        let more = [
            Job { inputs: inputs + 1, ..job },
            Job { k: k + 1, ..job },
            Job { d: 3, ..job },
            Job { search: Some(Search::Exact), ..job },
            Job { network: inputs, ..job },
        ];
        prop_assert!(more.iter().all(|job| job.peak() >= peak));
    }
}
