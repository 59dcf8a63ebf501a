//! What the machine and this build offer.

use std::time::{Duration, Instant};

use extendr_api::prelude::*;
use neuralee_core::monitor::Monitor;
use neuralee_io::h5ad::library_version;

use crate::convert::{or_null, Outcome};
use crate::job;

/// Cores that this process may use: affinity masks and cgroup quotas count.
#[extendr]
fn rs_available_threads() -> i32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as i32)
}

/// Compiler, target, instruction sets and HDF5 of this build, for the situation report.
#[extendr]
fn rs_build_info() -> List {
    list!(
        rustc = env!("NEURALEE_RUSTC"),
        target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        simd = simd_features(),
        hdf5 = or_null(library_version()),
        hdf5_static = cfg!(feature = "hdf5-static")
    )
}

/// The vector instruction sets that this processor has, among those that matter here.
fn simd_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let features = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(target_arch = "aarch64")]
    let features = [("neon", std::arch::is_aarch64_feature_detected!("neon"))];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let features: [(&str, bool); 0] = [];
    features
        .into_iter()
        .filter(|(_, present)| *present)
        .map(|(name, _)| name)
        .collect()
}

/// The index, counted from 1, of the first value that is not finite; 0 if all are.
#[extendr]
fn rs_first_not_finite(values: &[f64]) -> f64 {
    values
        .iter()
        .position(|value| !value.is_finite())
        .map_or(0.0, |i| (i + 1) as f64)
}

/// Waits under the job runner, for the tests of interrupts and progress: on threads of its
/// own or, where `here`, on R's. Panics in the middle where asked to.
#[extendr]
fn rs_wait(seconds: f64, panics: bool, threads: i32, here: bool, progress: Robj) -> Outcome<()> {
    let wait = |monitor: &dyn Monitor| {
        let started = Instant::now();
        monitor.stage("waiting", (seconds * 1000.0) as usize);
        while started.elapsed().as_secs_f64() < seconds {
            monitor.check()?;
            std::thread::sleep(Duration::from_millis(5));
            monitor.advance(5);
            assert!(!panics, "asked to panic");
        }
        Ok(())
    };
    if here {
        return job::run_here(&progress, wait);
    }
    job::run(threads, &progress, wait)
}

/// Whether there is a regular file: no folder, pipe or device.
#[extendr]
fn rs_is_file(path: &str) -> bool {
    std::path::Path::new(path).is_file()
}

extendr_module! {
    mod system;
    fn rs_available_threads;
    fn rs_build_info;
    fn rs_is_file;
    fn rs_first_not_finite;
    fn rs_wait;
}
