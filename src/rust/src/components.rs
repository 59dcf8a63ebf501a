//! Principal components, of a matrix in memory or of blocks that R reads one by one.

use extendr_api::prelude::*;
use neuralee_core::preprocess::{self, GramAccumulator, Loadings};
use neuralee_core::Error as CoreError;

use crate::convert::{count, to_r_matrix, Outcome};
use crate::job;
use crate::preprocess::{cells, Borrowed};

/// The first `components` principal components of the cells of `x`.
#[extendr]
fn rs_pca(
    x: Robj,
    cells_in_rows: bool,
    components: i32,
    scale: bool,
    seed: f64,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let borrowed = Borrowed::new(&x)?;
    let matrix = borrowed.matrix()?;
    let (at, seed) = (cells(cells_in_rows), seed as u64);
    let found = job::run(threads, &progress, |monitor| {
        preprocess::pca(&matrix, at, count(components), scale, seed, monitor)
    })?;
    Ok(list!(
        scores = to_r_matrix(found.scores.view()),
        rotation = to_r_matrix(found.rotation.view()),
        sdev = found.sdev,
        centre = found.centre,
        scale = found.scale,
        total_variance = found.total_variance
    ))
}

/// The sums of a first pass over blocks, until they are finished; never saved.
struct Sums(Option<GramAccumulator>);

/// Sums over no cells yet.
#[extendr]
fn rs_gram_new(genes: i32) -> Outcome<ExternalPtr<Sums>> {
    let sums = GramAccumulator::new(count(genes))?;
    Ok(ExternalPtr::new(Sums(Some(sums))))
}

/// Adds the cells of a block.
#[extendr]
fn rs_gram_add(
    mut sums: ExternalPtr<Sums>,
    block: Robj,
    cells_in_rows: bool,
    threads: i32,
) -> Outcome<()> {
    let borrowed = Borrowed::new(&block)?;
    let matrix = borrowed.matrix()?;
    let at = cells(cells_in_rows);
    let Some(sums) = &mut sums.0 else {
        return Err(finished().into());
    };
    job::run(threads, &().into(), |monitor| {
        sums.add(&matrix, at, monitor)
    })
}

/// The loadings of the first `components`, and as `projection` what `rs_project()` takes.
/// The sums are gone afterwards.
#[extendr]
fn rs_gram_finish(
    mut sums: ExternalPtr<Sums>,
    components: i32,
    scale: bool,
    seed: f64,
    threads: i32,
    progress: Robj,
) -> Outcome<List> {
    let sums = sums.0.take().ok_or_else(finished)?;
    let seed = seed as u64;
    let loadings = job::run(threads, &progress, move |monitor| {
        sums.finish(count(components), scale, seed, monitor)
    })?;
    Ok(list!(
        rotation = to_r_matrix(loadings.rotation.view()),
        sdev = loadings.sdev.as_slice(),
        centre = loadings.centre.as_slice(),
        scale = loadings.scale.as_slice(),
        total_variance = loadings.total_variance,
        projection = ExternalPtr::new(loadings)
    ))
}

fn finished() -> CoreError {
    CoreError::internal("The sums over blocks are finished already.", "")
}

/// The scores of the cells of a block.
#[extendr]
fn rs_project(
    projection: ExternalPtr<Loadings>,
    block: Robj,
    cells_in_rows: bool,
    threads: i32,
) -> Outcome<RMatrix<f64>> {
    let borrowed = Borrowed::new(&block)?;
    let matrix = borrowed.matrix()?;
    let (loadings, at) = (&*projection, cells(cells_in_rows));
    let scores = job::run(threads, &().into(), |_| loadings.project(&matrix, at))?;
    Ok(to_r_matrix(scores.view()))
}

extendr_module! {
    mod components;
    fn rs_pca;
    fn rs_gram_new;
    fn rs_gram_add;
    fn rs_gram_finish;
    fn rs_project;
}
