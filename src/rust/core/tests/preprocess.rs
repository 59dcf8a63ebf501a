//! log1p, variances, scaling and principal components: golden values, exact
//! decompositions, sparse against dense, and bad input.

mod common;

use common::cells::{cells, Sparse};
use common::golden;
use ndarray::{s, Array1, Array2, Axis};
use ndarray_npy::{read_npy, ReadableElement};
use neuralee_core::preprocess::{
    column_moments, column_variances, log1p, pca, row_variances, standard_scale, top_variable,
    Cells, Matrix, Pca,
};
use neuralee_core::random::Stream;
use neuralee_core::threads::with_threads;

fn vector<T: ReadableElement>(name: &str) -> Array1<T> {
    read_npy(golden(name).unwrap()).unwrap()
}

fn counts() -> Array2<f64> {
    let text = std::fs::read_to_string(golden("prep_counts.csv").unwrap()).unwrap();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .map(|line| line.split(',').filter_map(|v| v.parse().ok()).collect())
        .filter(|row: &Vec<f64>| !row.is_empty())
        .collect();
    let width = rows[0].len();
    Array2::from_shape_vec((rows.len(), width), rows.concat()).unwrap()
}

fn logged(values: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros(values.dim());
    let refused = log1p(values.as_slice().unwrap(), out.as_slice_mut().unwrap()).unwrap();
    assert_eq!(refused, None);
    out
}

#[track_caller]
fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{i}: {a} is not {b}"
        );
    }
}

/// Standardised values as an array, with centre and scale.
fn standardised(matrix: &Matrix, cells: Cells) -> (Array2<f64>, Vec<f64>, Vec<f64>) {
    let (rows, columns) = matrix.dim();
    let mut out = vec![0.0; rows * columns];
    let by = standard_scale(matrix, cells, &mut out).unwrap();
    let values = Array2::from_shape_vec((columns, rows), out)
        .unwrap()
        .reversed_axes();
    (values, by.centre, by.scale)
}

#[test]
fn golden_variances_and_their_order() {
    let values = logged(&counts());
    let variances = column_variances(&Matrix::Dense(values.view()));
    // The original takes logarithms in f32.
    close(
        &variances,
        vector::<f64>("prep_log_var.npy").as_slice().unwrap(),
        1e-6,
    );
    // Where two genes tie, either may come first.
    let order = top_variable(&variances, 120);
    let expected = vector::<i32>("prep_log_gene_order.npy");
    for (&found, &expected) in order.iter().zip(&expected) {
        let (a, b) = (variances[found], variances[expected as usize]);
        assert!(
            (a - b).abs() <= 1e-12 * b,
            "gene {found} is not gene {expected}"
        );
    }
    let mut all = order;
    all.sort_unstable();
    assert!(all.into_iter().eq(0..120));
}

#[test]
fn golden_scaling_of_all_genes() {
    let values = logged(&counts());
    let (scaled, centre, scale) = standardised(&Matrix::Dense(values.view()), Cells::Rows);
    close(
        &centre,
        vector::<f64>("prep_log_std_mean.npy").as_slice().unwrap(),
        1e-6,
    );
    close(
        &scale,
        vector::<f64>("prep_log_std_scale.npy").as_slice().unwrap(),
        1e-6,
    );
    assert!(
        scaled.column(40).iter().all(|&v| v == 0.0),
        "gene 40 is zero in every cell"
    );
}

#[test]
fn golden_scaling_of_the_most_variable_genes() {
    let values = logged(&counts());
    let genes = top_variable(&column_variances(&Matrix::Dense(values.view())), 30);
    let chosen = values.select(Axis(1), &genes);
    // The original has dropped the one cell without a count.
    let cells: Vec<usize> = (0..200).filter(|&c| chosen.row(c).sum() > 0.0).collect();
    let chosen = chosen.select(Axis(0), &cells);
    let (scaled, centre, scale) = standardised(&Matrix::Dense(chosen.view()), Cells::Rows);
    close(
        &centre,
        vector::<f64>("prep_log_sub30_mean.npy").as_slice().unwrap(),
        1e-6,
    );
    close(
        &scale,
        vector::<f64>("prep_log_sub30_scale.npy")
            .as_slice()
            .unwrap(),
        1e-6,
    );
    let expected: Array2<f32> = read_npy(golden("prep_log_sub30_std_Y.npy").unwrap()).unwrap();
    assert_eq!(scaled.dim(), expected.dim());
    for (a, b) in scaled.iter().zip(&expected) {
        assert!(
            (a - f64::from(*b)).abs() < 1e-6 * a.abs().max(1.0),
            "{a} is not {b}"
        );
    }
}

#[test]
fn golden_logarithms_and_scaled_values_in_full() {
    let (Some(logs), Some(scaled)) = (golden("prep_log_Y.npy"), golden("prep_log_std_Y.npy"))
    else {
        return;
    };
    let values = logged(&counts());
    let logs: Array2<f32> = read_npy(logs).unwrap();
    let scaled: Array2<f32> = read_npy(scaled).unwrap();
    let (found, ..) = standardised(&Matrix::Dense(values.view()), Cells::Rows);
    for (found, expected) in [(&values, &logs), (&found, &scaled)] {
        for (a, b) in found.iter().zip(expected) {
            assert!(
                (a - f64::from(*b)).abs() < 1e-6 * a.abs().max(1.0),
                "{a} is not {b}"
            );
        }
    }
}

#[test]
fn logarithm_names_the_first_value_without_one() {
    let mut values = vec![0.0; 40_000];
    let mut out = values.clone();
    values[39_000] = -1.0;
    values[17_000] = -2.5;
    assert_eq!(log1p(&values, &mut out).unwrap(), Some(17_000));
    // log1p keeps what 1 + x rounds away.
    let mut tiny = [0.0];
    log1p(&[1e-18], &mut tiny).unwrap();
    assert_eq!(tiny, [1e-18]);
}

#[test]
fn constant_genes_get_scale_one() {
    let mut values = Array2::from_elem((1000, 3), 0.1);
    values.slice_mut(s![.., 1]).fill(1e9 + 0.1);
    values.slice_mut(s![..500, 2]).fill(3.1);
    let (scaled, _, scale) = standardised(&Matrix::Dense(values.view()), Cells::Rows);
    close(&scale, &[1.0, 1.0, 1.5], 1e-12);
    assert!(scaled.slice(s![.., ..2]).iter().all(|v| v.abs() < 1e-5));
}

#[test]
fn sparse_and_transposed_matrices_have_the_same_moments_and_scaling() {
    let values = logged(&counts());
    let turned = values.t().to_owned();
    let (sparse, sparse_turned) = (Sparse::new(&values), Sparse::new(&turned));
    let expected = column_variances(&Matrix::Dense(values.view()));
    close(&column_variances(&sparse.view()), &expected, 1e-13);
    close(&row_variances(&sparse_turned.view()), &expected, 1e-13);
    close(
        &row_variances(&Matrix::Dense(turned.view())),
        &expected,
        1e-13,
    );

    let (scaled, ..) = standardised(&Matrix::Dense(values.view()), Cells::Rows);
    let (by_columns, ..) = standardised(&sparse.view(), Cells::Rows);
    let (by_rows, ..) = standardised(&sparse_turned.view(), Cells::Columns);
    for (expected, (a, b)) in scaled.iter().zip(by_columns.iter().zip(by_rows.t())) {
        assert!((a - expected).abs() < 1e-12 && (b - expected).abs() < 1e-12);
    }
}

#[test]
fn variance_far_from_zero_keeps_its_digits() {
    let values = Array2::from_shape_fn((4, 1), |(i, _)| 1e9 + i as f64);
    close(
        &column_variances(&Matrix::Dense(values.view())),
        &[1.25],
        1e-12,
    );
}

#[test]
fn moments_of_parts_merge_to_those_of_all_cells() {
    let values = cells(50, 8, 0.5).mapv(|v| v + 1e6);
    let of =
        |rows: std::ops::Range<usize>| column_moments(&Matrix::Dense(values.slice(s![rows, ..])));
    let mut merged = of(0..1);
    merged.merge(1, &of(1..30), 29);
    merged.merge(30, &of(30..50), 20);
    let whole = of(0..50);
    close(&merged.mean, &whole.mean, 1e-15);
    close(&merged.variance, &whole.variance, 1e-9);
}

#[test]
fn equal_variances_rank_by_position() {
    assert_eq!(top_variable(&[1.0, 3.0, 1.0, 3.0, 2.0], 4), [1, 3, 4, 0]);
    assert_eq!(top_variable(&[1.0, 2.0], 5), [1, 0]);
}

/// Singular values and right singular vectors of the centred and scaled cells.
fn decompose(values: &Array2<f64>, scale: bool) -> (Vec<f64>, faer::Mat<f64>) {
    let (n, genes) = values.dim();
    let mean = values.mean_axis(Axis(0)).unwrap();
    let sd = if scale {
        values.std_axis(Axis(0), 1.0)
    } else {
        Array1::ones(genes)
    };
    let centred = faer::Mat::from_fn(n, genes, |i, j| (values[(i, j)] - mean[j]) / sd[j]);
    let svd = centred.thin_svd().unwrap();
    let singular = svd.S().column_vector().iter().copied().collect();
    (singular, svd.V().to_owned())
}

#[track_caller]
fn agrees_with_svd(values: &Array2<f64>, found: &Pca, scale: bool) {
    let components = found.sdev.len();
    let (singular, vectors) = decompose(values, scale);
    for j in 0..components {
        let sdev = singular[j] / ((values.nrows() - 1) as f64).sqrt();
        assert!(
            (found.sdev[j] - sdev).abs() <= 1e-9 * sdev,
            "{j}: {} is not {sdev}",
            found.sdev[j]
        );
        let loadings = found.rotation.column(j);
        let peak = loadings
            .iter()
            .copied()
            .fold(0.0, |p: f64, v| if v.abs() > p.abs() { v } else { p });
        assert!(peak > 0.0, "component {j} has its largest loading negative");
    }
    // |sin| of the angle between each component and the exact leading subspace.
    for j in 0..components {
        let loadings = found.rotation.column(j);
        let mut outside = loadings.to_owned();
        for k in 0..components {
            let exact: Array1<f64> = vectors.col(k).iter().copied().collect();
            outside.scaled_add(-exact.dot(&loadings), &exact);
        }
        assert!(
            outside.dot(&outside).sqrt() < 1e-5,
            "component {j} leaves the leading subspace"
        );
    }
    let cross = found.rotation.t().dot(&found.rotation);
    assert!((cross - Array2::<f64>::eye(components))
        .iter()
        .all(|v| v.abs() < 1e-9));
    // Scores are what the rotation makes of the centred and scaled cells.
    let mut centred = values - &Array1::from(found.centre.clone());
    centred /= &Array1::from(found.scale.clone());
    let difference = centred.dot(&found.rotation) - &found.scores;
    assert!(difference.iter().all(|v| v.abs() < 1e-9 * found.sdev[0]));
}

#[test]
fn principal_components_of_few_genes() {
    let values = cells(500, 120, 0.4);
    let found = pca(
        &Matrix::Dense(values.view()),
        Cells::Rows,
        50,
        false,
        1,
        &(),
    )
    .unwrap();
    agrees_with_svd(&values, &found, false);
}

#[test]
fn principal_components_with_more_genes_than_cells() {
    let values = cells(150, 400, 0.4);
    let found = pca(&Matrix::Dense(values.view()), Cells::Rows, 50, true, 1, &()).unwrap();
    agrees_with_svd(&values, &found, true);
}

#[test]
fn principal_components_from_a_krylov_space() {
    let values = cells(900, 750, 0.1);
    let sparse = Sparse::new(&values);
    let found = pca(&sparse.view(), Cells::Rows, 50, false, 1, &()).unwrap();
    agrees_with_svd(&values, &found, false);
    let turned = Sparse::new(&values.t().to_owned());
    let found = pca(&turned.view(), Cells::Columns, 50, true, 1, &()).unwrap();
    agrees_with_svd(&values, &found, true);
    let wide = values.t().to_owned();
    let found = pca(&Matrix::Dense(wide.view()), Cells::Rows, 50, false, 1, &()).unwrap();
    agrees_with_svd(&wide, &found, false);
}

#[test]
fn components_beyond_the_rank_are_zero() {
    // Rank 3 after centring, on both routes.
    for n in [40, 700] {
        let (left, right) = (Stream::new(4, 0), Stream::new(5, 0));
        let a = Array2::from_shape_fn((n, 3), |(i, j)| left.normal((3 * i + j) as u64));
        let b = Array2::from_shape_fn((3, n + 10), |(i, j)| {
            right.normal(((n + 10) * i + j) as u64)
        });
        let values = a.dot(&b);
        let found = pca(&Matrix::Dense(values.view()), Cells::Rows, 6, false, 1, &()).unwrap();
        assert!(found.sdev[2] > 1.0);
        assert_eq!(found.sdev[3..], [0.0; 3]);
        assert!(found.scores.slice(s![.., 3..]).iter().all(|&v| v == 0.0));
        assert!(found.rotation.slice(s![.., 3..]).iter().all(|&v| v == 0.0));
    }
    let constant = Array2::from_elem((5, 4), 2.0);
    let found = pca(
        &Matrix::Dense(constant.view()),
        Cells::Rows,
        2,
        true,
        1,
        &(),
    )
    .unwrap();
    assert_eq!(found.sdev, [0.0; 2]);
    // A gene that differs from its mean by no more than its last digit is constant.
    let mut nearly = Array2::from_shape_fn((1000, 2), |(i, _)| 1e9 + (i % 2) as f64 * 1.2e-7);
    nearly[(7, 1)] = 0.0;
    let found = pca(&Matrix::Dense(nearly.view()), Cells::Rows, 2, true, 1, &()).unwrap();
    assert_eq!(found.scale[0], 1.0);
    assert!(found.sdev[1] < 1e-6);
}

#[test]
fn an_offset_changes_no_component() {
    let values = cells(300, 40, 0.4);
    let of = |values: &Array2<f64>| {
        pca(&Matrix::Dense(values.view()), Cells::Rows, 5, false, 1, &()).unwrap()
    };
    let (near, far) = (of(&values), of(&values.mapv(|v| v + 1e6)));
    for (a, b) in near.scores.iter().zip(&far.scores) {
        assert!((a - b).abs() < 1e-7);
    }
}

#[test]
fn thread_counts_agree_bit_for_bit() {
    let values = cells(800, 700, 0.1);
    let sparse = Sparse::new(&values);
    for matrix in [Matrix::Dense(values.view()), sparse.view()] {
        let run = |threads| {
            with_threads(threads, || {
                pca(&matrix, Cells::Rows, 20, true, 3, &()).unwrap()
            })
            .unwrap()
        };
        let one = run(1);
        assert_eq!(run(2), one);
        assert_eq!(run(4), one);
    }
}

#[test]
fn bad_matrices_are_refused() {
    let broken = [
        Matrix::sparse_columns(3, 2, &[0, 1], &[0], &[1.0]),
        Matrix::sparse_columns(3, 2, &[0, 2, 1], &[0, 1], &[1.0, 1.0]),
        Matrix::sparse_columns(3, 2, &[0, 1, 2], &[0, 3], &[1.0, 1.0]),
        Matrix::sparse_columns(3, 2, &[0, 1, 2], &[0, -1], &[1.0, 1.0]),
        Matrix::sparse_columns(3, 2, &[0, 2, 2], &[1, 0], &[1.0, 1.0]),
    ];
    for matrix in broken {
        assert_eq!(matrix.unwrap_err().kind(), "input");
    }
    let mut values = cells(4, 3, 0.5);
    assert_eq!(Matrix::Dense(values.view()).first_not_finite(), None);
    values[(2, 0)] = f64::INFINITY;
    values[(1, 2)] = f64::NAN;
    assert_eq!(
        Matrix::Dense(values.view()).first_not_finite(),
        Some((1, 2))
    );
    let sparse = Sparse::new(&values);
    assert_eq!(sparse.view().first_not_finite(), Some((1, 2)));
    for matrix in [Matrix::Dense(values.view()), sparse.view()] {
        assert_eq!(
            pca(&matrix, Cells::Rows, 1, false, 1, &())
                .unwrap_err()
                .kind(),
            "not_finite"
        );
    }
}

#[test]
fn component_counts_out_of_range_are_refused() {
    let values = cells(6, 4, 0.5);
    let of = |values: &Array2<f64>, components| {
        pca(
            &Matrix::Dense(values.view()),
            Cells::Rows,
            components,
            false,
            1,
            &(),
        )
        .map(|_| ())
    };
    assert_eq!(of(&values, 0).unwrap_err().kind(), "input");
    assert_eq!(of(&values, 5).unwrap_err().kind(), "input");
    assert_eq!(
        of(&values.slice(s![..1, ..]).to_owned(), 1)
            .unwrap_err()
            .kind(),
        "input"
    );
}
