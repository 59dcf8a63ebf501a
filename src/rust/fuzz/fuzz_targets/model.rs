//! A model: 0 and a whole file, or another byte and the content of one. A model that is
//! accepted also maps a few cells.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ndarray::Array2;
use neuralee_core::model::Model;
use neuralee_core::preprocess::{Cells, Matrix};
use neuralee_fuzz::{file, outcome, sealed};

/// Wider models are only read.
const WIDEST: usize = 256;

fuzz_target!(|data: &[u8]| {
    let bytes = sealed::seal_input(&sealed::MODEL, data);
    if let Some(read) = outcome(Model::read(&file("model.nee", &bytes))) {
        assert_eq!(read, bytes);
    }
    let Some(model) = outcome(Model::from_bytes(&bytes)) else {
        return;
    };
    let again = Model::from_bytes(&model.to_bytes().expect("bytes")).expect("a model");
    assert_eq!(
        again.to_bytes().expect("bytes"),
        model.to_bytes().expect("bytes")
    );
    let features = model.preprocessing.features();
    // A program of PyTorch runs on a device only.
    if features <= WIDEST && model.network.architecture().program.is_none() {
        let cells = Array2::from_shape_fn((3, features), |(i, j)| ((i * 7 + j) % 5) as f64);
        if let Some(places) = outcome(model.map(&Matrix::Dense(cells.view()), Cells::Rows, 0, &()))
        {
            assert_eq!(places.len(), 3 * model.network.architecture().outputs);
        }
    }
});
