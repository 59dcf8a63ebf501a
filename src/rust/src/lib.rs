//! R bindings of neuralee: convert, check and report; the mathematics is in
//! `neuralee-core`.
//!
//! A function that R calls is named `rs_<verb>` and takes plain vectors, matrices and lists. It
//! returns `Result<_, `[`convert::Failure`]`>`, which reaches R as `list(ok =, err =)`;
//! `rust_call()` unpacks it. Whatever can take long goes through [`job::run`].

// extendr's wrappers are documented by the functions that they wrap.
#![allow(missing_docs)]

use extendr_api::prelude::*;

pub mod affinity;
pub mod components;
pub mod convert;
pub mod global_pool;
pub mod io;
pub mod job;
pub mod map;
pub mod model;
pub mod objective;
pub mod options;
pub mod preprocess;
pub mod sample;
pub mod session;
pub mod system;
pub mod torch;
pub mod vectors;

extendr_module! {
    mod neuralee;
    use system;
    use global_pool;
    use io;
    use preprocess;
    use components;
    use sample;
    use affinity;
    use objective;
    use session;
    use map;
    use model;
    use torch;
    use vectors;
}
