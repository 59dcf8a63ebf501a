//! Rayon's global pool, which nothing here may need. Its threads do not survive a fork, so that a
//! child of `parallel::mclapply()` would wait for them for ever. All work goes into the pools that
//! [`crate::job::run`] makes.

use std::io;

use extendr_api::prelude::*;

/// Called once, when R loads the library. Work that forgets to enter a pool then runs on R's own
/// thread, slowly, with the same bits, in a child of a fork too. Where the variable
/// `NEURALEE_GLOBAL_POOL` is `forbidden`, as in the tests, it panics instead.
#[no_mangle]
pub extern "C" fn neuralee_replace_global_pool() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    // The answer says no more than whether there is a pool; rayon builds it once, or never.
    let _ = if std::env::var_os("NEURALEE_GLOBAL_POOL").is_some_and(|value| value == "forbidden") {
        pool.spawn_handler(|_| Err(io::Error::other("the global pool is forbidden")))
            .build_global()
    } else {
        pool.use_current_thread().build_global()
    };
}

/// Splits work without a pool of its own, for the test that such work is found.
#[extendr]
fn rs_work_outside_a_pool() -> bool {
    rayon::join(|| true, || true) == (true, true)
}

extendr_module! {
    mod global_pool;
    fn rs_work_outside_a_pool;
}
