//! Preprocessing and quality measures.

use extendr_api::prelude::*;

extendr_module! {
    mod preprocess;
}
