//! Affinities, the objective and elastic embedding.

use extendr_api::prelude::*;

extendr_module! {
    mod embed;
}
