//! Cells through a network, and gradients back.
//!
//! Cells are handled in blocks, blocks in tasks. Batch normalisation needs sums over cells. They
//! divide a pass into one phase for each hidden layer, forwards and backwards. A phase reads what
//! was kept of the layers below. Where nothing is kept it computes them anew, and memory does not
//! grow with the cells.

use std::ops::Range;

use rayon::prelude::*;

use super::elementwise::{
    activate, add_moments, add_slopes, fold, slopes, zero_pattern, Backward, Normal,
};
use super::real::{add_transposed_times, times, times_transposed, Rows};
use super::{Moments, Network, Points, Real};
use crate::monitor::Monitor;
use crate::random::Stream;
use crate::{Error, Result};

/// Cells handled at once. With 50 units a layer of a block takes 50 kB, and what a task works on
/// stays in the second-level cache.
const BLOCK: usize = 256;

/// Most tasks of a phase: each brings a partial sum of the gradient.
const MOST_TASKS: usize = 64;

/// Stream of the dropped units; the layer is added.
const DROPOUT_STREAM: u64 = 0xd809_0000;

/// Some cells of all.
#[derive(Clone, Copy)]
pub struct Batch<'a, T> {
    /// All cells.
    pub points: &'a Points<T>,
    /// Those of the batch, or `None` for all of them.
    pub ids: Option<&'a [u32]>,
}

impl<'a, T: Real> Batch<'a, T> {
    /// All cells.
    pub fn all(points: &'a Points<T>) -> Self {
        Batch { points, ids: None }
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.ids.map_or(self.points.n(), <[u32]>::len)
    }

    /// The inputs of some cells of the batch, by rows.
    fn inputs<'b>(&'b self, rows: &Range<usize>, scratch: &'b mut Vec<T>) -> &'b [T] {
        let width = self.points.inputs();
        let Some(ids) = self.ids else {
            return &self.points.values()[rows.start * width..rows.end * width];
        };
        scratch.clear();
        for &id in &ids[rows.clone()] {
            scratch.extend_from_slice(&self.points.values()[id as usize * width..][..width]);
        }
        scratch
    }

    fn id(&self, row: usize) -> usize {
        self.ids.map_or(row, |ids| ids[row] as usize)
    }
}

/// Which hidden units are left out of a step.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// Share of the units.
    pub share: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Number of the step.
    pub step: u64,
}

impl Dropout {
    /// The stream that decides over the units of hidden layer `l`.
    fn stream(&self, l: usize) -> Stream {
        Stream::new(self.seed, DROPOUT_STREAM + l as u64).substream(self.step)
    }

    /// The keys of these streams, of every hidden layer.
    pub fn keys(&self, layers: usize) -> Vec<u64> {
        (0..layers).map(|l| self.stream(l).key()).collect()
    }
}

/// What passes keep of the hidden layers of all cells of a batch, by rows; its memory is
/// used again by the next pass.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T> {
    /// z of every layer.
    z: Vec<Vec<T>>,
    /// dE/da of the layer in work and of the one below.
    da: [Vec<T>; 2],
}

/// A forward pass in training mode, to which gradients can be brought.
pub struct Pass<'a, T> {
    network: &'a Network<T>,
    batch: Batch<'a, T>,
    dropout: Option<Dropout>,
    /// Of the hidden layers: how their units are normalised.
    normals: Vec<Normal<T>>,
    /// Of the hidden layers: moments of z over the batch.
    moments: Vec<Moments>,
    /// Where the hidden layers are kept, or nothing where they are computed anew.
    workspace: Option<&'a mut Workspace<T>>,
}

/// What a task works with.
struct Scratch<T> {
    inputs: Vec<T>,
    /// z of every hidden layer for one block.
    z: Vec<Vec<T>>,
    /// a of every hidden layer for one block.
    a: Vec<Vec<T>>,
    /// dE/da of every hidden layer for one block.
    da: Vec<Vec<T>>,
    dz: Vec<T>,
    mask: Vec<T>,
}

impl<T: Real> Scratch<T> {
    fn new(layers: usize) -> Self {
        let empty = || vec![Vec::new(); layers];
        Scratch {
            inputs: Vec::new(),
            z: empty(),
            a: empty(),
            da: empty(),
            dz: Vec::new(),
            mask: Vec::new(),
        }
    }
}

/// Cells of one task; depends on the number of cells alone, so that sums do not depend on
/// the number of threads.
fn task_rows(n: usize) -> usize {
    n.div_ceil(MOST_TASKS).next_multiple_of(BLOCK).max(BLOCK)
}

/// Tasks of a phase over n cells.
pub(crate) fn tasks(n: usize) -> usize {
    n.div_ceil(task_rows(n))
}

fn blocks(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = rows.end;
    rows.step_by(BLOCK)
        .map(move |start| start..end.min(start + BLOCK))
}

/// The part of a kept layer that each task fills: nothing where it is not kept.
fn pieces<T>(kept: &mut [T], tasks: usize, size: usize) -> Vec<&mut [T]> {
    let mut pieces: Vec<&mut [T]> = kept.chunks_mut(size.max(1)).collect();
    pieces.resize_with(tasks, Default::default);
    pieces
}

impl<'a, T: Real> Pass<'a, T> {
    /// Runs a batch through the network in training mode: normalised by its own moments,
    /// with units dropped. In a workspace it keeps what the way back needs, 4 bytes for
    /// every cell and hidden unit; without one that is computed anew.
    pub fn forward(
        network: &'a Network<T>,
        batch: Batch<'a, T>,
        dropout: Option<Dropout>,
        workspace: Option<&'a mut Workspace<T>>,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        let architecture = network.architecture();
        let n = batch.n();
        if architecture.batch_norm && n < 2 {
            return Err(Error::input(
                "A batch has one cell, which has no variance to normalise by.",
                "Give batches of at least 2 cells, or batch_norm = FALSE.",
            ));
        }
        let mut pass = Pass {
            network,
            batch,
            dropout,
            normals: Vec::new(),
            moments: Vec::new(),
            workspace,
        };
        let layers = architecture.hidden.len();
        if let Some(workspace) = &mut pass.workspace {
            workspace.z.resize_with(layers, Vec::new);
        }
        for (l, &width) in architecture.hidden.iter().enumerate() {
            // Taken out, since the layers below are read meanwhile.
            let mut kept = Vec::new();
            if let Some(workspace) = &mut pass.workspace {
                kept = std::mem::take(&mut workspace.z[l]);
                kept.resize(n * width, T::ZERO);
            }
            if !kept.is_empty() || architecture.batch_norm {
                let moments = pass.first_inputs(l, width, &mut kept, monitor)?;
                if architecture.batch_norm {
                    pass.moments.push(moments);
                }
            }
            if let Some(workspace) = &mut pass.workspace {
                workspace.z[l] = kept;
            }
            pass.normals.push(normal(network, l, pass.moments.last()));
        }
        Ok(pass)
    }

    /// A pass without dropout that was run before: its moments, and the workspace that it
    /// filled.
    pub fn again(
        network: &'a Network<T>,
        batch: Batch<'a, T>,
        moments: &[Moments],
        workspace: Option<&'a mut Workspace<T>>,
    ) -> Self {
        let layers = network.architecture().hidden.len();
        Pass {
            network,
            batch,
            dropout: None,
            normals: (0..layers)
                .map(|l| normal(network, l, moments.get(l)))
                .collect(),
            moments: moments.to_vec(),
            workspace,
        }
    }

    /// z of hidden layer `l` for all cells of the batch: keeps it where there is room in
    /// `kept`, and returns its moments.
    fn first_inputs(
        &self,
        l: usize,
        width: usize,
        kept: &mut [T],
        monitor: &dyn Monitor,
    ) -> Result<Moments> {
        let n = self.batch.n();
        let rows = task_rows(n);
        let tasks = tasks(n);
        let parts: Vec<(Vec<f64>, Vec<f64>)> = pieces(kept, tasks, rows * width)
            .into_par_iter()
            .enumerate()
            .map_init(
                || Scratch::new(self.network.architecture().hidden.len()),
                |scratch, (task, kept)| {
                    monitor.check()?;
                    let (mut sums, mut squares) = (vec![0.0; width], vec![0.0; width]);
                    let mut sum_pattern = zero_pattern(width);
                    let mut square_pattern = zero_pattern(width);
                    let first = task * rows;
                    for block in blocks(first..n.min(first + rows)) {
                        self.climb(l, &block, scratch);
                        self.inputs_of_layer(l, &block, scratch);
                        let z = &scratch.z[l];
                        add_moments(z, &mut sum_pattern, &mut square_pattern);
                        fold(&mut sum_pattern, &mut sums);
                        fold(&mut square_pattern, &mut squares);
                        if !kept.is_empty() {
                            kept[(block.start - first) * width..][..z.len()].copy_from_slice(z);
                        }
                    }
                    Ok((sums, squares))
                },
            )
            .collect::<Result<_>>()?;
        let over = |sum: f64| sum / n as f64;
        let mean = (0..width).map(|j| over(parts.iter().map(|part| part.0[j]).sum()));
        let squares = (0..width).map(|j| over(parts.iter().map(|part| part.1[j]).sum()));
        let (mean, squares): (Vec<f64>, Vec<f64>) = mean.zip(squares).unzip();
        let variance = squares.iter().zip(&mean).map(|(s, m)| (s - m * m).max(0.0));
        Ok(Moments {
            variance: variance.collect(),
            mean,
        })
    }

    /// Fills `scratch.z[l]` from the layers below, whose outputs are there.
    fn inputs_of_layer(&self, l: usize, block: &Range<usize>, scratch: &mut Scratch<T>) {
        let architecture = self.network.architecture();
        let fan_in = architecture.fan_in(l);
        let weight = Rows::new(self.network.weight(l), fan_in);
        let z = &mut scratch.z[l];
        z.resize(block.len() * architecture.hidden[l], T::ZERO);
        let below = if l == 0 {
            self.batch.inputs(block, &mut scratch.inputs)
        } else {
            &scratch.a[l - 1]
        };
        times_transposed(Rows::new(below, fan_in), weight, z);
    }

    /// z of hidden layer `l` for a block: what was kept, or what [`Pass::climb`] left.
    fn z<'b>(&'b self, l: usize, block: &Range<usize>, scratch: &'b [Vec<T>]) -> &'b [T] {
        let width = self.network.architecture().hidden[l];
        match &self.workspace {
            None => &scratch[l],
            Some(kept) => &kept.z[l][block.start * width..block.end * width],
        }
    }

    /// Leaves the outputs of the `layers` first hidden layers for a block in `scratch.a`:
    /// at least that of the last of them.
    fn climb(&self, layers: usize, block: &Range<usize>, scratch: &mut Scratch<T>) {
        let architecture = self.network.architecture();
        let first = if self.workspace.is_some() && !architecture.residual {
            layers.saturating_sub(1)
        } else {
            0
        };
        for l in first..layers {
            if self.workspace.is_none() {
                self.inputs_of_layer(l, block, scratch);
            }
            let mut a = std::mem::take(&mut scratch.a[l]);
            let z = self.z(l, block, &scratch.z);
            a.resize(z.len(), T::ZERO);
            activate(architecture.activation, &self.normals[l], z, &mut a);
            if self.mask(l, block, &mut scratch.mask) {
                multiply(&mut a, &scratch.mask);
            }
            if architecture.has_residual(l) {
                add(&mut a, &scratch.a[l - 1]);
            }
            scratch.a[l] = a;
        }
    }

    /// The factors of the hidden units of layer `l` for a block, 0 or 1 / (1 - share);
    /// false where no unit is dropped.
    fn mask(&self, l: usize, block: &Range<usize>, mask: &mut Vec<T>) -> bool {
        let Some(dropout) = self.dropout.filter(|d| d.share > 0.0) else {
            return false;
        };
        let (share, stream) = (dropout.share, dropout.stream(l));
        let width = self.network.architecture().hidden[l];
        let kept = T::from_f64(1.0 / (1.0 - share));
        mask.clear();
        for row in block.clone() {
            let first = (self.batch.id(row) * width) as u64;
            mask.extend((first..first + width as u64).map(|unit| {
                if stream.uniform(unit) < share {
                    T::ZERO
                } else {
                    kept
                }
            }));
        }
        true
    }

    /// X, n x d by rows.
    pub fn outputs(&self, monitor: &dyn Monitor) -> Result<Vec<T>> {
        let architecture = self.network.architecture();
        let (n, d) = (self.batch.n(), architecture.outputs);
        let layers = architecture.hidden.len();
        let width = architecture.fan_in(layers);
        let weight = Rows::new(self.network.weight(layers), width);
        let bias = self.network.shift(layers);
        let rows = task_rows(n);
        let mut x = vec![T::ZERO; n * d];
        x.par_chunks_mut(rows * d).enumerate().try_for_each_init(
            || Scratch::new(layers),
            |scratch, (task, x)| {
                monitor.check()?;
                let first = task * rows;
                for block in blocks(first..first + x.len() / d) {
                    self.climb(layers, &block, scratch);
                    let x = &mut x[(block.start - first) * d..][..block.len() * d];
                    times_transposed(Rows::new(&scratch.a[layers - 1], width), weight, x);
                    for point in x.chunks_exact_mut(d) {
                        add(point, bias);
                    }
                }
                Ok(())
            },
        )?;
        Ok(x)
    }

    /// Of every normalised layer, mean and variance of this batch.
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// The gradient with respect to all parameters from that with respect to X, `dx`. That
    /// of the output bias is 0: it moves the embedding as a whole.
    pub fn backward(&mut self, dx: &[T], monitor: &dyn Monitor) -> Result<Vec<T>> {
        let architecture = self.network.architecture();
        let layers = architecture.hidden.len();
        let n = self.batch.n();
        let mut gradient = vec![T::ZERO; self.network.values.len()];
        // dE/da of the layer in work and of the one below, where they are kept.
        let [mut above, mut kept] = match &mut self.workspace {
            Some(workspace) => std::mem::take(&mut workspace.da),
            None => [Vec::new(), Vec::new()],
        };
        let mut backwards: Vec<Option<Backward<T>>> = (0..layers).map(|_| None).collect();
        for l in (0..=layers).rev() {
            let width = architecture.fan_in(l);
            if self.workspace.is_some() && l > 0 {
                kept.resize(n * width, T::ZERO);
            }
            let sums = self.phase(l, dx, &above, &backwards, &mut kept, monitor)?;
            let layout = self.network.layout();
            for (to, sum) in gradient[layout.layers[l].weight.clone()]
                .iter_mut()
                .zip(&sums.weight)
            {
                *to = T::from_f64(*sum);
            }
            if l > 0 {
                let below = &layout.layers[l - 1];
                let set = |to: &mut [T], sums: &[f64]| {
                    to.iter_mut()
                        .zip(sums)
                        .for_each(|(to, &s)| *to = T::from_f64(s));
                };
                set(&mut gradient[below.shift.clone()], &sums.slopes);
                set(&mut gradient[below.gamma.clone()], &sums.products);
                backwards[l - 1] = Some(self.backward_of(l - 1, &sums));
            }
            std::mem::swap(&mut above, &mut kept);
        }
        if let Some(workspace) = &mut self.workspace {
            workspace.da = [above, kept];
        }
        Ok(gradient)
    }

    fn backward_of(&self, l: usize, sums: &Sums) -> Backward<T> {
        let n = self.batch.n() as f64;
        let Some(moments) = self.moments.get(l) else {
            let zeros = vec![0.0; sums.slopes.len()];
            return Backward::new(&vec![1.0; zeros.len()], &zeros, &zeros);
        };
        let inverse = moments.inverse_deviations(l);
        let factors = inverse.iter().zip(self.network.gamma(l));
        let factors: Vec<f64> = factors.map(|(i, gamma)| i * gamma.wide()).collect();
        let mean = |sums: &[f64]| -> Vec<f64> { sums.iter().map(|sum| sum / n).collect() };
        Backward::new(&factors, &mean(&sums.slopes), &mean(&sums.products))
    }

    /// One phase of the way back: the gradient of the weights of layer `l` (the output layer is the
    /// last). For the hidden layer below it, it gives the sums of dy and dy t. `above`: dE/da of
    /// layer `l`, kept; `kept`: receives that of the layer below.
    fn phase(
        &self,
        l: usize,
        dx: &[T],
        above: &[T],
        backwards: &[Option<Backward<T>>],
        kept: &mut [T],
        monitor: &dyn Monitor,
    ) -> Result<Sums> {
        let architecture = self.network.architecture();
        let layers = architecture.hidden.len();
        let n = self.batch.n();
        let rows = task_rows(n);
        let tasks = tasks(n);
        let keeps = self.workspace.is_some();
        let fan_in = architecture.fan_in(l);
        let width_here = self.network.layout().layers[l].width;
        let below_width = if l > 0 { fan_in } else { 0 };
        let parts: Vec<(Vec<T>, Vec<f64>, Vec<f64>)> =
            pieces(if l > 0 { kept } else { &mut [] }, tasks, rows * fan_in)
                .into_par_iter()
                .enumerate()
                .map_init(
                    || Scratch::new(layers),
                    |scratch, (task, kept)| {
                        monitor.check()?;
                        let mut weight = vec![T::ZERO; width_here * fan_in];
                        let (mut sums, mut products) =
                            (vec![0.0; below_width], vec![0.0; below_width]);
                        let mut sum_pattern = zero_pattern(below_width);
                        let mut product_pattern = zero_pattern(below_width);
                        let first = task * rows;
                        for block in blocks(first..n.min(first + rows)) {
                            self.climb(if keeps { l } else { layers }, &block, scratch);
                            self.descend(l, &block, dx, above, backwards, scratch);
                            let inputs = if l == 0 {
                                self.batch.inputs(&block, &mut scratch.inputs)
                            } else {
                                &scratch.a[l - 1]
                            };
                            let here = Rows::new(&scratch.dz, width_here);
                            add_transposed_times(here, Rows::new(inputs, fan_in), &mut weight);
                            if l == 0 {
                                continue;
                            }
                            self.through_weights(l, &block, scratch);
                            let da = &scratch.da[l - 1];
                            if !kept.is_empty() {
                                kept[(block.start - first) * fan_in..][..da.len()]
                                    .copy_from_slice(da);
                            }
                            self.masked(l - 1, &block, scratch);
                            add_slopes(
                                architecture.activation,
                                &self.normals[l - 1],
                                self.z(l - 1, &block, &scratch.z),
                                &scratch.dz,
                                &mut sum_pattern,
                                &mut product_pattern,
                            );
                            fold(&mut sum_pattern, &mut sums);
                            fold(&mut product_pattern, &mut products);
                        }
                        Ok((weight, sums, products))
                    },
                )
                .collect::<Result<_>>()?;
        let total = |length: usize, pick: &(dyn Fn(usize, usize) -> f64 + Sync)| -> Vec<f64> {
            (0..length)
                .into_par_iter()
                .with_min_len(4096)
                .map(|i| (0..parts.len()).map(|part| pick(part, i)).sum())
                .collect()
        };
        Ok(Sums {
            weight: total(width_here * fan_in, &|part, i| parts[part].0[i].wide()),
            slopes: total(below_width, &|part, i| parts[part].1[i]),
            products: total(below_width, &|part, i| parts[part].2[i]),
        })
    }

    /// Leaves in `scratch.dz` the gradient with respect to z of layer `l`, for the output layer
    /// that with respect to X. `scratch.da` gets that of the layers above.
    fn descend(
        &self,
        l: usize,
        block: &Range<usize>,
        dx: &[T],
        above: &[T],
        backwards: &[Option<Backward<T>>],
        scratch: &mut Scratch<T>,
    ) {
        let architecture = self.network.architecture();
        let layers = architecture.hidden.len();
        let d = architecture.outputs;
        if l == layers {
            scratch.dz.clear();
            scratch
                .dz
                .extend_from_slice(&dx[block.start * d..block.end * d]);
            return;
        }
        let width = architecture.hidden[l];
        if self.workspace.is_none() {
            self.descend(l + 1, block, dx, above, backwards, scratch);
            self.through_weights(l + 1, block, scratch);
        } else {
            let da = &mut scratch.da[l];
            da.clear();
            da.extend_from_slice(&above[block.start * width..block.end * width]);
        }
        self.masked(l, block, scratch);
        let Some(backward) = &backwards[l] else {
            unreachable!("phases go from the last layer to the first")
        };
        // In `mask` there is room for what replaces `dz`.
        let mut dz = std::mem::take(&mut scratch.mask);
        dz.resize(scratch.dz.len(), T::ZERO);
        slopes(
            architecture.activation,
            &self.normals[l],
            backward,
            self.z(l, block, &scratch.z),
            &scratch.dz,
            &mut dz,
        );
        scratch.mask = std::mem::replace(&mut scratch.dz, dz);
    }

    /// dE/da of the layer below `l` from `scratch.dz` of layer `l`.
    fn through_weights(&self, l: usize, block: &Range<usize>, scratch: &mut Scratch<T>) {
        let architecture = self.network.architecture();
        let fan_in = architecture.fan_in(l);
        let weight = Rows::new(self.network.weight(l), fan_in);
        let (below, here) = scratch.da.split_at_mut(l);
        let da = &mut below[l - 1];
        da.resize(block.len() * fan_in, T::ZERO);
        let width = self.network.layout().layers[l].width;
        times(Rows::new(&scratch.dz, width), weight, da);
        if l < architecture.hidden.len() && architecture.has_residual(l) {
            add(da, &here[0]);
        }
    }

    /// Leaves in `scratch.dz` the gradient with respect to f(y) of hidden layer `l`.
    fn masked(&self, l: usize, block: &Range<usize>, scratch: &mut Scratch<T>) {
        let Scratch { da, dz, mask, .. } = scratch;
        dz.clear();
        dz.extend_from_slice(&da[l]);
        if self.mask(l, block, mask) {
            multiply(dz, mask);
        }
    }
}

/// Sums over the cells of a batch.
struct Sums {
    weight: Vec<f64>,
    slopes: Vec<f64>,
    products: Vec<f64>,
}

fn normal<T: Real>(network: &Network<T>, l: usize, moments: Option<&Moments>) -> Normal<T> {
    let wide = |values: &[T]| -> Vec<f64> { values.iter().map(|v| v.wide()).collect() };
    let shift = wide(network.shift(l));
    let ones = vec![1.0; shift.len()];
    match moments {
        Some(moments) => {
            let inverse = moments.inverse_deviations(l);
            Normal::new(&moments.mean, &inverse, &wide(network.gamma(l)), &shift)
        }
        None => Normal::new(&vec![0.0; shift.len()], &ones, &ones, &shift),
    }
}

fn multiply<T: Real>(values: &mut [T], factors: &[T]) {
    values.iter_mut().zip(factors).for_each(|(v, f)| *v *= *f);
}

fn add<T: Real>(values: &mut [T], others: &[T]) {
    values.iter_mut().zip(others).for_each(|(v, o)| *v += *o);
}

/// X of cells one by one, n x d by rows, in the mode in which they are mapped. The moments that the
/// network holds normalise them, and no unit is dropped.
pub fn map<T: Real>(
    network: &Network<T>,
    points: &Points<T>,
    monitor: &dyn Monitor,
) -> Result<Vec<T>> {
    Pass::again(network, Batch::all(points), &network.moments, None).outputs(monitor)
}
