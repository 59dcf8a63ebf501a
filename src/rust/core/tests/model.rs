//! Models: what they do to cells, and what survives as bytes.

mod common;

use common::cells::{cells, Sparse};
use ndarray::{s, Array2};
use neuralee_core::model::{Landmarks, Model, Origin, Preprocessing, Rotation};
use neuralee_core::monitor::Monitor;
use neuralee_core::network::pass::map;
use neuralee_core::network::{Activation, Architecture, Network, Points, Standard};
use neuralee_core::objective::Terms;
use neuralee_core::preprocess::{Cells, Matrix};
use neuralee_core::random::Stream;

fn network(inputs: usize) -> Network<f32> {
    let architecture = Architecture {
        inputs,
        hidden: vec![12, 12],
        outputs: 2,
        activation: Activation::Gelu,
        batch_norm: true,
        dropout: 0.1,
        residual: true,
        program: None,
    };
    Network::initial(architecture, 0.3, 1).unwrap()
}

fn model(standard: Standard, preprocessing: Preprocessing) -> Model {
    Model {
        network: network(preprocessing.outputs()),
        standard,
        preprocessing,
        landmarks: Landmarks::default(),
        origin: Origin {
            kernel: "student".into(),
            width: 40,
            lambda: 10.0,
            ..Origin::default()
        },
    }
    .check()
    .unwrap()
}

fn by_hand(model: &Model, inputs: &Array2<f64>) -> Vec<f64> {
    let points = Points::new(inputs.view(), &model.standard);
    let x = map(&model.network, &points, &()).unwrap();
    x.iter().map(|&v| f64::from(v)).collect()
}

fn unit_standard(inputs: usize) -> Standard {
    Standard {
        centre: (0..inputs).map(|j| 0.1 * j as f64).collect(),
        scale: 1.7,
    }
}

#[test]
fn all_layouts_of_the_same_cells_have_the_same_places() {
    let y = cells(2500, 40, 0.2);
    let model = model(unit_standard(40), Preprocessing::none(40));
    let expected = by_hand(&model, &y);
    let turned = y.t().to_owned();
    let (sparse, sparse_turned) = (Sparse::new(&y), Sparse::new(&turned));
    let layouts = [
        (Matrix::Dense(y.view()), Cells::Rows),
        (Matrix::Dense(turned.t()), Cells::Rows),
        (Matrix::Dense(turned.view()), Cells::Columns),
        (sparse.view(), Cells::Rows),
        (sparse_turned.view(), Cells::Columns),
    ];
    for (matrix, at) in layouts {
        assert_eq!(model.map(&matrix, at, 0, &()).unwrap(), expected);
    }
}

#[test]
fn each_step_of_the_preprocessing_is_taken_in_order() {
    let stream = Stream::new(3, 3);
    let counts = cells(300, 40, 0.2).mapv(|v| (10.0 * v).round());
    let numbers = |from: u64, n: u64, offset: f64| -> Vec<f64> {
        (0..n).map(|i| stream.normal(from + i) + offset).collect()
    };
    let (centre, loadings) = (numbers(0, 40, 0.0), numbers(100, 120, 0.0));
    let scale: Vec<f64> = numbers(400, 40, 6.0);
    let rotation = Array2::from_shape_vec((40, 3), loadings.clone()).unwrap();
    let steps = Preprocessing::new(
        40,
        true,
        centre.clone(),
        scale.clone(),
        Some(Rotation {
            components: 3,
            loadings,
        }),
        true,
    )
    .unwrap();
    let mut inputs = counts.mapv(f64::ln_1p);
    for (j, mut column) in inputs.columns_mut().into_iter().enumerate() {
        column.mapv_inplace(|v| (v - centre[j]) / scale[j]);
    }
    let mut inputs = inputs.dot(&rotation);
    for mut row in inputs.rows_mut() {
        let length = row.dot(&row).sqrt();
        row /= length;
    }
    let model = model(unit_standard(3), steps);
    let found = model
        .inputs(&Matrix::Dense(counts.view()), Cells::Rows, 0, &())
        .unwrap();
    for (a, b) in found.iter().zip(&inputs) {
        assert!((a - b).abs() < 1e-12);
    }
    let places = model
        .map(&Matrix::Dense(counts.view()), Cells::Rows, 0, &())
        .unwrap();
    for (a, b) in places.iter().zip(by_hand(&model, &inputs)) {
        assert!((a - b).abs() < 1e-5);
    }
    // A part of the cells has the places that it has among all.
    let part = counts.slice(s![100..140, ..]);
    let mapped = model
        .map(&Matrix::Dense(part), Cells::Rows, 0, &())
        .unwrap();
    for (a, b) in mapped.iter().zip(&places[200..280]) {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn cells_that_have_no_place_are_named() {
    let y = cells(30, 40, 0.2);
    let steps = |log, unit| Preprocessing::new(40, log, vec![], vec![], None, unit).unwrap();
    let refused = |model: &Model, y: &Array2<f64>, kind: &str, text: &str| {
        let error = model
            .map(&Matrix::Dense(y.view()), Cells::Rows, 0, &())
            .unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(text), "{error}");
    };
    let mut bad = y.clone();
    bad[(7, 3)] = -1.5;
    refused(
        &model(unit_standard(40), steps(true, false)),
        &bad,
        "input",
        "Cell 8 has the value -1.5 in feature 4",
    );
    bad.row_mut(7).fill(0.0);
    refused(
        &model(unit_standard(40), steps(false, true)),
        &bad,
        "input",
        "Cell 8 is zero",
    );
    bad[(9, 0)] = 1e300;
    refused(
        &model(unit_standard(40), steps(false, false)),
        &bad,
        "not_finite",
        "Cell 10 has no finite",
    );
    let narrow = y.slice(s![.., ..39]).to_owned();
    refused(
        &model(unit_standard(40), steps(false, false)),
        &narrow,
        "input",
        "39 features",
    );
    let none = y.slice(s![..0, ..]).to_owned();
    let model = model(unit_standard(40), steps(false, false));
    let nothing = model
        .map(&Matrix::Dense(none.view()), Cells::Rows, 0, &())
        .unwrap();
    assert!(nothing.is_empty());
}

struct Cancelled;

impl Monitor for Cancelled {
    fn cancelled(&self) -> bool {
        true
    }
    fn stage(&self, _: &'static str, _: usize) {}
    fn advance(&self, _: usize) {}
}

#[test]
fn mapping_can_be_interrupted() {
    let y = cells(30, 40, 0.2);
    let model = model(unit_standard(40), Preprocessing::none(40));
    let error = model
        .map(&Matrix::Dense(y.view()), Cells::Rows, 0, &Cancelled)
        .unwrap_err();
    assert_eq!(error.kind(), "interrupted");
}

fn saved() -> (Model, Vec<u8>) {
    let steps = Preprocessing::new(40, true, vec![0.5; 40], vec![2.0; 40], None, false).unwrap();
    let mut model = model(unit_standard(40), steps);
    model.origin.features = (0..40).map(|i| format!("g\u{e9}ne {i}")).collect();
    model.origin.source = vec![("assay.type".into(), "counts".into())];
    let bytes = model.to_bytes().unwrap();
    (model, bytes)
}

#[test]
fn a_model_comes_back_from_its_bytes() {
    let (model, bytes) = saved();
    assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
    // 40 inputs, 12 + 12 hidden units: 0.7 thousand parameters of 4 bytes, and names.
    assert!(bytes.len() < 8000, "{}", bytes.len());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.nee");
    Model::save(&bytes, &file).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    let missing = folder.path().join("no").join("model.nee");
    assert_eq!(Model::save(&bytes, &missing).unwrap_err().kind(), "input");
}

#[test]
fn copies_of_names_and_terms_come_back_and_older_versions_have_none() {
    let (plain, bytes) = saved();
    let mut model = plain.clone();
    model.origin.copies = (0..40).map(|i| (1 + i % 2, 2)).collect();
    assert_eq!(
        Model::from_bytes(&model.to_bytes().unwrap()).unwrap(),
        model
    );

    model.origin.terms = Terms {
        agreement: 2.0,
        uniform: 0.5,
        densities: 0.3,
    };
    let again = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
    assert_eq!(again, model);

    // No landmarks are two bytes at the end, before them three numbers of 8 bytes, and before these
    // no copies, one byte. Version 4 has neither landmarks nor the last number, version 3 none of
    // the numbers, version 2 no copies.
    for (version, missing) in [(4u32, 10), (3, 26), (2, 27)] {
        let body = &bytes[28..bytes.len() - missing];
        let mut older = bytes[..8].to_vec();
        older.extend(version.to_le_bytes());
        older.extend((body.len() as u64).to_le_bytes());
        older.extend(xxhash_rust::xxh3::xxh3_64(body).to_le_bytes());
        older.extend(body);
        assert_eq!(Model::from_bytes(&older).unwrap(), plain, "{version}");
    }
}

#[test]
fn damaged_and_newer_models_are_refused() {
    let (_, bytes) = saved();
    let kind = |bytes: &[u8]| Model::from_bytes(bytes).unwrap_err().kind();
    for length in [0, 8, 27, 28, 100, bytes.len() - 1] {
        assert_eq!(kind(&bytes[..length]), "file_format", "{length}");
    }
    for at in [0, 13, 21, 30, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert_eq!(kind(&changed), "file_format", "{at}");
    }
    let mut newer = bytes.clone();
    newer[8] = 6;
    assert_eq!(kind(&newer), "model_version");
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(kind(&longer), "file_format");
}

#[test]
fn parts_that_do_not_fit_are_refused_even_with_a_right_checksum() {
    let (good, _) = saved();
    let refused = |change: &dyn Fn(&mut Model)| {
        let mut model = good.clone();
        change(&mut model);
        let bytes = model.to_bytes().unwrap();
        let error = Model::from_bytes(&bytes).unwrap_err();
        assert!(
            ["file_format", "input", "not_finite"].contains(&error.kind()),
            "{error}"
        );
    };
    refused(&|model| model.standard.centre.truncate(3));
    refused(&|model| model.standard.scale = 0.0);
    refused(&|model| model.standard.scale = f64::NAN);
    refused(&|model| model.origin.features.truncate(3));
    refused(&|model| model.origin.copies = vec![(1, 2); 3]);
    refused(&|model| model.origin.copies = vec![(0, 2); 40]);
    refused(&|model| model.origin.copies = vec![(3, 2); 40]);
    refused(&|model| model.preprocessing = Preprocessing::none(39));
    refused(&|model| {
        model.network.values.pop();
    });
    refused(&|model| model.network.values[3] = f32::NAN);
    refused(&|model| {
        model.network.moments.pop();
    });
    refused(&|model| model.network.moments[0].variance[0] = -1.0);
    let steps = Preprocessing::new(40, false, vec![0.0; 3], vec![], None, false);
    assert_eq!(steps.unwrap_err().kind(), "internal");
    let rotation = Rotation {
        components: u64::MAX,
        loadings: vec![],
    };
    assert!(Preprocessing::new(40, false, vec![], vec![], Some(rotation), false).is_err());
}

#[test]
fn a_file_is_read_as_it_was_saved_and_refused_before_it_is_read_where_it_cannot_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.nee");
    let bytes = model(unit_standard(5), Preprocessing::none(5))
        .to_bytes()
        .unwrap();
    Model::save(&bytes, &path).unwrap();
    assert_eq!(Model::read(&path).unwrap(), bytes);
    let refused = |says: &str| {
        let error = Model::read(&path).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    };
    let mut longer = bytes.clone();
    longer.push(0);
    for wrong in [&bytes[..bytes.len() - 1], &longer] {
        std::fs::write(&path, wrong).unwrap();
        refused("it is truncated");
    }
    std::fs::write(&path, &bytes[..20]).unwrap();
    refused("not one of neuralee's, or truncated");
    std::fs::write(&path, [b"NOTAFILE", &bytes[8..]].concat()).unwrap();
    refused("not one of neuralee's, or truncated");
    std::fs::remove_file(&path).unwrap();
    refused("model.nee\" is no");
    std::fs::create_dir(&path).unwrap();
    refused("no regular file");
}
