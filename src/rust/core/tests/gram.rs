//! Principal components block by block: the same as those of the whole matrix, whatever
//! the blocks, dense or sparse.

mod common;

use common::cells::{cells, Sparse};
use ndarray::{s, Array2, ArrayView2, Axis};
use neuralee_core::monitor::Monitor;
use neuralee_core::preprocess::{pca, Cells, GramAccumulator, Loadings, Matrix, Pca};
use neuralee_core::threads::with_threads;
use neuralee_core::Result;
use proptest::prelude::*;

/// How a block is stored.
#[derive(Debug, Clone, Copy)]
enum Form {
    Dense(Cells),
    Sparse(Cells),
}

const FORMS: [Form; 4] = [
    Form::Dense(Cells::Rows),
    Form::Dense(Cells::Columns),
    Form::Sparse(Cells::Rows),
    Form::Sparse(Cells::Columns),
];

impl Form {
    fn with<T>(self, cells: ArrayView2<'_, f64>, run: impl FnOnce(&Matrix<'_>, Cells) -> T) -> T {
        let turned = cells.t().to_owned();
        match self {
            Form::Dense(Cells::Rows) => run(&Matrix::Dense(cells), Cells::Rows),
            Form::Dense(at) => run(&Matrix::Dense(turned.view()), at),
            Form::Sparse(Cells::Rows) => run(&Sparse::new(&cells.to_owned()).view(), Cells::Rows),
            Form::Sparse(at) => run(&Sparse::new(&turned).view(), at),
        }
    }
}

/// Loadings and scores of cells that come in blocks of `sizes`; the rest is the last block.
fn by_blocks(
    values: &Array2<f64>,
    sizes: &[usize],
    form: Form,
    components: usize,
    scale: bool,
) -> Result<(Loadings, Array2<f64>)> {
    let mut sums = GramAccumulator::new(values.ncols())?;
    let (n, mut blocks, mut first) = (values.nrows(), vec![], 0);
    for &size in sizes.iter().chain([&n]) {
        let end = (first + size).min(n);
        blocks.push(values.slice(s![first..end, ..]));
        first = end;
    }
    for block in &blocks {
        form.with(*block, |block, cells| sums.add(block, cells, &()))?;
    }
    assert_eq!(sums.cells(), n);
    let loadings = sums.finish(components, scale, 1, &())?;
    let scores: Vec<Array2<f64>> = blocks
        .iter()
        .map(|block| form.with(*block, |block, cells| loadings.project(block, cells)))
        .collect::<Result<_>>()?;
    let scores: Vec<ArrayView2<'_, f64>> = scores.iter().map(|scores| scores.view()).collect();
    Ok((loadings, ndarray::concatenate(Axis(0), &scores).unwrap()))
}

fn whole(values: &Array2<f64>, components: usize, scale: bool) -> Pca {
    pca(
        &Matrix::Dense(values.view()),
        Cells::Rows,
        components,
        scale,
        1,
        &(),
    )
    .unwrap()
}

#[track_caller]
fn same(found: &(Loadings, Array2<f64>), expected: &Pca, tolerance: f64) {
    let (loadings, scores) = found;
    let near = |a: &f64, b: &f64, size: f64, what: &str| {
        assert!((a - b).abs() <= tolerance * size, "{what}: {a} is not {b}");
    };
    let largest = expected.sdev[0];
    for (a, b) in loadings.sdev.iter().zip(&expected.sdev) {
        near(a, b, *b, "sdev");
    }
    for (a, b) in loadings.rotation.iter().zip(&expected.rotation) {
        near(a, b, 1.0, "rotation");
    }
    for (a, b) in scores.iter().zip(&expected.scores) {
        near(a, b, largest.max(1.0), "scores");
    }
    for (a, b) in loadings.centre.iter().zip(&expected.centre) {
        near(a, b, b.abs().max(1.0), "centre");
    }
    for (a, b) in loadings.scale.iter().zip(&expected.scale) {
        near(a, b, *b, "scale");
    }
    near(
        &loadings.total_variance,
        &expected.total_variance,
        expected.total_variance,
        "total variance",
    );
}

#[test]
fn blocks_give_the_components_of_the_whole_matrix() {
    let values = cells(403, 120, 0.3);
    for scale in [false, true] {
        let expected = whole(&values, 20, scale);
        for form in FORMS {
            // One block, several with a last one of one cell, empty ones, and very unequal ones.
            for sizes in [&[][..], &[134, 134, 134], &[0, 1, 2, 0, 300]] {
                let found = by_blocks(&values, sizes, form, 20, scale).unwrap();
                same(&found, &expected, 1e-8);
            }
        }
    }
}

#[test]
fn more_genes_than_are_decomposed_directly() {
    // Components of clearly different standard deviations.
    let factors = cells(700, 12, 2.0);
    let loads = cells(12, 650, 2.0);
    let steps = Array2::from_shape_fn(
        (12, 12),
        |(i, j)| if i == j { 0.7f64.powi(i as i32) } else { 0.0 },
    );
    let values = factors.dot(&steps).dot(&loads) + &cells(700, 650, 0.05) * 1e-3;
    let expected = whole(&values, 8, false);
    for form in [Form::Dense(Cells::Columns), Form::Sparse(Cells::Columns)] {
        same(
            &by_blocks(&values, &[300, 300], form, 8, false).unwrap(),
            &expected,
            1e-7,
        );
    }
}

#[test]
fn genes_in_few_and_in_many_cells_of_a_sparse_block() {
    // Every third gene has a value in each cell; the others have few.
    let mut values = cells(2500, 60, 0.05);
    let everywhere = cells(2500, 20, 2.0);
    for (gene, column) in everywhere.columns().into_iter().enumerate() {
        values
            .column_mut(3 * gene)
            .assign(&column.mapv(|v| v + 1.0));
    }
    let expected = whole(&values, 10, true);
    for form in FORMS {
        same(
            &by_blocks(&values, &[1100], form, 10, true).unwrap(),
            &expected,
            1e-8,
        );
    }
}

#[test]
fn means_far_from_zero_cancel_nothing() {
    let near = cells(300, 30, 0.4);
    let mut far = near.clone();
    far.slice_mut(s![.., ..20]).mapv_inplace(|v| v + 1e6);
    let expected = whole(&near, 5, false);
    for form in FORMS {
        let (loadings, scores) = by_blocks(&far, &[1, 120], form, 5, false).unwrap();
        for (a, b) in loadings.sdev.iter().zip(&expected.sdev) {
            assert!((a - b).abs() < 1e-8 * b, "{form:?}: {a} is not {b}");
        }
        for (a, b) in scores.iter().zip(&expected.scores) {
            assert!((a - b).abs() < 1e-7, "{form:?}: {a} is not {b}");
        }
    }
}

#[test]
fn constant_genes_are_not_scaled() {
    let mut values = cells(1000, 6, 0.4);
    values.column_mut(1).fill(0.0);
    values.column_mut(4).fill(0.1);
    let expected = whole(&values, 4, true);
    for form in FORMS {
        let found = by_blocks(&values, &[300, 300], form, 4, true).unwrap();
        assert_eq!((found.0.scale[1], found.0.scale[4]), (1.0, 1.0));
        same(&found, &expected, 1e-8);
        assert!((found.0.total_variance - 4.0).abs() < 1e-9);
    }
    let constant = Array2::from_elem((9, 3), 0.1);
    let found = by_blocks(&constant, &[4], FORMS[0], 2, true).unwrap();
    assert_eq!(found.0.sdev, [0.0; 2]);
    assert!(found.0.rotation.iter().chain(&found.1).all(|&v| v == 0.0));
}

#[test]
fn components_beyond_the_rank_are_zero() {
    let values = cells(40, 3, 1.0).dot(&cells(3, 10, 1.0));
    let (loadings, scores) = by_blocks(&values, &[15], FORMS[0], 6, false).unwrap();
    assert!(loadings.sdev[2] > 0.0);
    assert_eq!(loadings.sdev[3..], [0.0; 3]);
    assert!(loadings
        .rotation
        .slice(s![.., 3..])
        .iter()
        .all(|&v| v == 0.0));
    assert!(scores.slice(s![.., 3..]).iter().all(|&v| v == 0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_blocks_of_any_cells(
        n in 2usize..60,
        genes in 1usize..12,
        density in 0.02f64..1.5,
        sizes in prop::collection::vec(0usize..40, 0..5),
        form in 0usize..4,
        scale: bool,
    ) {
        let values = cells(n, genes, density);
        let components = n.min(genes).min(2);
        let (loadings, scores) =
            by_blocks(&values, &sizes, FORMS[form], components, scale).unwrap();
        let expected = whole(&values, components, scale);
        for j in 0..components {
            let (a, b) = (loadings.sdev[j], expected.sdev[j]);
            // Eigenvalues of a Gram matrix are accurate relative to the largest.
            prop_assert!((a * a - b * b).abs() <= 1e-12 * expected.sdev[0].powi(2), "{a} is not \
                {b}");
        }
        let mut centred = &values - &ndarray::Array1::from(loadings.centre.clone());
        centred /= &ndarray::Array1::from(loadings.scale.clone());
        let difference = centred.dot(&loadings.rotation) - &scores;
        prop_assert!(difference.iter().all(|v| v.abs() < 1e-10));
    }
}

#[test]
fn thread_counts_agree_bit_for_bit() {
    // Large enough for several tasks of each kind, and with genes of both kinds.
    let mut values = cells(2100, 400, 0.03);
    values.slice_mut(s![.., 100..160]).mapv_inplace(|v| v + 1.0);
    for form in FORMS {
        let run = |threads| {
            with_threads(threads, || {
                by_blocks(&values, &[1050], form, 10, true).unwrap()
            })
            .unwrap()
        };
        let one = run(1);
        assert_eq!(run(2), one);
        assert_eq!(run(4), one);
    }
}

#[test]
fn values_that_are_not_finite_are_counted_over_all_blocks() {
    let values = cells(30, 5, 0.5);
    let mut bad = values.clone();
    bad[(23, 3)] = f64::NAN;
    for form in FORMS {
        let mut sums = GramAccumulator::new(5).unwrap();
        let add = |sums: &mut GramAccumulator, cells: ArrayView2<'_, f64>| {
            form.with(cells, |block, cells| sums.add(block, cells, &()))
        };
        add(&mut sums, values.slice(s![..20, ..])).unwrap();
        let error = add(&mut sums, bad.slice(s![20.., ..])).unwrap_err();
        assert_eq!(error.kind(), "not_finite");
        assert!(error.to_string().contains("cell 24, gene 4"), "{error}");
        // What was refused has left no trace.
        add(&mut sums, values.slice(s![20.., ..])).unwrap();
        let loadings = sums.finish(2, false, 1, &()).unwrap();
        assert!((loadings.sdev[0] - whole(&values, 2, false).sdev[0]).abs() < 1e-10);
        let block = bad.slice(s![20.., ..]);
        let error = form.with(block, |block, cells| loadings.project(block, cells));
        assert_eq!(error.unwrap_err().kind(), "not_finite");
    }
}

#[test]
fn what_cannot_be_served_is_refused() {
    let error = GramAccumulator::new(5001).unwrap_err();
    assert_eq!(error.kind(), "memory");
    assert!(error.to_string().contains("subsample_genes()"), "{error}");
    assert_eq!(GramAccumulator::new(0).unwrap_err().kind(), "input");

    let values = cells(6, 4, 1.0);
    let block = Matrix::Dense(values.view());
    let sums = |n: usize| {
        let mut sums = GramAccumulator::new(4).unwrap();
        let cells = Matrix::Dense(values.slice(s![..n, ..]));
        sums.add(&cells, Cells::Rows, &()).unwrap();
        sums
    };
    assert_eq!(
        sums(6).add(&block, Cells::Columns, &()).unwrap_err().kind(),
        "input"
    );
    for (n, components) in [(0, 1), (1, 1), (6, 0), (6, 5), (3, 4)] {
        let error = sums(n).finish(components, false, 1, &()).unwrap_err();
        assert_eq!(
            error.kind(),
            "input",
            "{components} components of {n} cells"
        );
    }
    let loadings = sums(6).finish(2, false, 1, &()).unwrap();
    assert_eq!(
        loadings.project(&block, Cells::Columns).unwrap_err().kind(),
        "input"
    );
    let broken = Matrix::sparse_columns(6, 4, &[0, 0, 0, 0, 1], &[9], &[1.0]);
    assert_eq!(broken.unwrap_err().kind(), "input");
}

struct Stopped;

impl Monitor for Stopped {
    fn cancelled(&self) -> bool {
        true
    }
    fn stage(&self, _: &'static str, _: usize) {}
    fn advance(&self, _: usize) {}
}

#[test]
fn an_interrupt_stops_before_a_block_is_added() {
    let values = cells(6, 4, 1.0);
    let mut sums = GramAccumulator::new(4).unwrap();
    let error = sums
        .add(&Matrix::Dense(values.view()), Cells::Rows, &Stopped)
        .unwrap_err();
    assert_eq!(error.kind(), "interrupted");
    assert_eq!(sums.cells(), 0);
}
