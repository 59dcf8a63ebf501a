//! Cells through a network, and gradients back.
//!
//! ```text
//! z_l = a_{l-1} W_l'      a_l = mask f(gamma (z_l - mean) / sqrt(variance + epsilon) + beta) [+
//! a_{l-1}]
//! ```
//!
//! As in neuralee's core, batch normalisation needs sums over cells. They divide a pass into one
//! phase for each layer, and cells are handled in chunks. The hidden layers of all chunks are kept
//! on the device, or computed anew in each phase.

use neuralee_torch_abi::{BackwardArgs, Caller, ForwardArgs, NetworkArgs, Rows};
use tch::{Device, Kind, Tensor};

use crate::call::{check, chunk, device, fetch, index, matrix, Outcome};
use crate::random;
use crate::script::Script;

/// sqrt(2 / pi), of the form of GELU with tanh.
const GELU_FACTOR: f64 = 0.797_884_560_802_865_4;
/// Factor of the cube in it.
const GELU_CUBE: f64 = 0.044_715;
/// Cells that a program maps at once.
const MAPPED: usize = 1 << 15;

/// Slope of a leaky ReLU below 0.
const LEAK: f64 = 0.01;

#[derive(Clone, Copy)]
enum Activation {
    Relu,
    LeakyRelu,
    Gelu,
    Tanh,
}

impl Activation {
    fn value(self, u: &Tensor) -> Tensor {
        match self {
            Activation::Relu => u.relu(),
            Activation::LeakyRelu => u.maximum(&(u * LEAK)),
            Activation::Gelu => u.gelu("tanh"),
            Activation::Tanh => u.tanh(),
        }
    }

    fn slope(self, u: &Tensor) -> Tensor {
        match self {
            Activation::Relu => u.gt(0.0).to_kind(Kind::Float),
            Activation::LeakyRelu => u.gt(0.0).to_kind(Kind::Float) * (1.0 - LEAK) + LEAK,
            Activation::Gelu => {
                let square = u * u;
                let t = ((&square * GELU_CUBE + 1.0) * u * GELU_FACTOR).tanh();
                let inner = (square * (3.0 * GELU_CUBE) + 1.0) * GELU_FACTOR;
                (&t + 1.0) * 0.5 + u * 0.5 * (1.0 - &t * &t) * inner
            }
            Activation::Tanh => {
                let t = u.tanh();
                1.0 - &t * &t
            }
        }
    }
}

/// A layer with its parameters.
struct Layer {
    weight: Tensor,
    gamma: Option<Tensor>,
    shift: Tensor,
    /// Mean of the inputs of the normalisation, and one over their deviation.
    normal: Option<(Tensor, Tensor)>,
    mask: Option<u64>,
}

impl Layer {
    /// (z - mean) / deviation, or z.
    fn normalised(&self, z: &Tensor) -> Tensor {
        match &self.normal {
            Some((mean, inverse)) => (z - mean) * inverse,
            None => z.shallow_clone(),
        }
    }

    /// What enters the activation.
    fn scaled(&self, u: &Tensor) -> Tensor {
        match &self.gamma {
            Some(gamma) => u * gamma + &self.shift,
            None => u + &self.shift,
        }
    }
}

/// The last pass that was kept.
struct Pass {
    layers: Vec<Layer>,
    share: f64,
    ids: Option<Tensor>,
    n: usize,
    /// z of every hidden layer, chunk by chunk; nothing where they are computed anew.
    z: Option<Vec<Vec<Tensor>>>,
}

/// A network and the cells that it sees.
pub(crate) struct Network {
    device: Device,
    threads: i32,
    scratch: usize,
    n: usize,
    source: Rows<f32>,
    resident: Option<Tensor>,
    widths: Vec<usize>,
    activation: Activation,
    batch_norm: bool,
    residual: bool,
    epsilons: Vec<f64>,
    script: Option<Script>,
    pass: Option<Pass>,
}

/// Sums over the cells of dE/du and dE/du u of a hidden layer, where u enters gamma.
#[derive(Default)]
struct Slopes {
    sums: Vec<f64>,
    products: Vec<f64>,
}

impl Network {
    pub(crate) fn open(caller: &Caller, args: &NetworkArgs) -> Outcome<Self> {
        let options = &args.device;
        tch::set_num_threads(options.threads);
        // SAFETY: the caller's promise.
        let (hidden, epsilons, script) = unsafe {
            (
                args.hidden.slice(),
                args.epsilons.slice(),
                args.script.slice(),
            )
        };
        let mut widths = vec![args.inputs];
        widths.extend_from_slice(hidden);
        widths.push(args.outputs);
        let device = device(options);
        let mut network = Network {
            device,
            threads: options.threads,
            scratch: options.scratch,
            n: args.n,
            source: args.rows,
            resident: None,
            widths,
            activation: match args.activation {
                0 => Activation::Relu,
                1 => Activation::LeakyRelu,
                2 => Activation::Gelu,
                _ => Activation::Tanh,
            },
            batch_norm: args.batch_norm,
            residual: args.residual,
            epsilons: epsilons.to_vec(),
            script: None,
            pass: None,
        };
        if !script.is_empty() {
            network.script = Some(Script::load(script, device, args.inputs, args.outputs)?);
        }
        if options.resident {
            let rows = Tensor::zeros([args.n as i64, args.inputs as i64], (Kind::Float, device));
            for (first, count) in chunk(args.n, 4 * args.inputs, options.scratch) {
                check(caller)?;
                rows.narrow(0, first as i64, count as i64)
                    .copy_(&network.read(first, count));
            }
            network.resident = Some(rows);
        }
        Ok(network)
    }

    pub(crate) fn initial_parameters(&self) -> Vec<f32> {
        self.script
            .as_ref()
            .map_or_else(Vec::new, Script::parameters)
    }

    fn read(&self, first: usize, count: usize) -> Tensor {
        let mut values = vec![0.0f32; count * self.widths[0]];
        // SAFETY: there is room for `count` rows.
        unsafe { (self.source.copy)(self.source.context, first, count, values.as_mut_ptr()) };
        matrix(&values, self.widths[0], self.device)
    }

    /// The inputs of the cells `first ..` of a batch.
    fn inputs(&self, ids: Option<&Tensor>, first: usize, count: usize) -> Tensor {
        let (from, length) = (first as i64, count as i64);
        match (&self.resident, ids) {
            (Some(resident), None) => resident.narrow(0, from, length),
            (Some(resident), Some(ids)) => resident.index_select(0, &ids.narrow(0, from, length)),
            (None, None) => self.read(first, count),
            (None, Some(ids)) => {
                let mut chosen = vec![0i64; count];
                fetch(&ids.narrow(0, from, length), Kind::Int64, &mut chosen);
                let mut values = vec![0.0f32; count * self.widths[0]];
                for (row, &id) in values.chunks_exact_mut(self.widths[0]).zip(&chosen) {
                    // SAFETY: there is room for one row.
                    unsafe {
                        (self.source.copy)(self.source.context, id as usize, 1, row.as_mut_ptr())
                    };
                }
                matrix(&values, self.widths[0], self.device)
            }
        }
    }

    /// Number of hidden layers.
    fn hidden(&self) -> usize {
        self.widths.len() - 2
    }

    fn has_residual(&self, l: usize) -> bool {
        self.residual && l > 0 && l < self.hidden() && self.widths[l] == self.widths[l + 1]
    }

    /// Chunks of the cells of a batch.
    fn chunks(&self, n: usize) -> impl Iterator<Item = (usize, usize)> {
        // Of every layer of a chunk there are z, a, and what replaces them on the way back.
        let bytes = 4 * 6 * self.widths.iter().sum::<usize>();
        chunk(n, bytes, self.scratch)
    }

    /// The layers of a vector of parameters.
    fn layers(&self, values: &[f32], keys: &[u64]) -> Vec<Layer> {
        let mut at = 0;
        let mut take = |count: usize| {
            at += count;
            Tensor::from_slice(&values[at - count..at]).to_device(self.device)
        };
        (0..=self.hidden())
            .map(|l| {
                let (fan_in, width) = (self.widths[l], self.widths[l + 1]);
                let weight = take(fan_in * width).view([width as i64, fan_in as i64]);
                let normalised = self.batch_norm && l < self.hidden();
                Layer {
                    weight,
                    gamma: normalised.then(|| take(width)),
                    shift: take(width),
                    normal: None,
                    mask: keys.get(l).copied(),
                }
            })
            .collect()
    }

    /// The factors of the units of hidden layer `l`, where some are left out.
    fn mask(&self, pass: &Pass, l: usize, first: usize, count: usize) -> Option<Tensor> {
        let key = pass.layers[l].mask?;
        let width = self.widths[l + 1] as i64;
        let cells = match &pass.ids {
            Some(ids) => ids.narrow(0, first as i64, count as i64),
            None => Tensor::arange_start(
                first as i64,
                (first + count) as i64,
                (Kind::Int64, self.device),
            ),
        };
        let units = Tensor::arange(width, (Kind::Int64, self.device));
        let positions = cells.unsqueeze(1) * width + units.unsqueeze(0);
        let kept = random::uniform(key, &positions).ge(pass.share);
        Some(kept.to_kind(Kind::Float) * (1.0 / (1.0 - pass.share)))
    }

    /// z of hidden layer `l` from a of the one below.
    fn inputs_of_layer(&self, pass: &Pass, l: usize, number: usize, a: &Tensor) -> Tensor {
        match pass.z.as_ref().and_then(|kept| kept[number].get(l)) {
            Some(kept) => kept.shallow_clone(),
            None => a.matmul(&pass.layers[l].weight.transpose(0, 1)),
        }
    }

    /// a of the `layers` first layers, and z of all below it, for a chunk of cells.
    fn climb(
        &self,
        pass: &Pass,
        layers: usize,
        number: usize,
        first: usize,
        count: usize,
    ) -> (Tensor, Vec<Tensor>) {
        let (mut a, mut z) = match &pass.z {
            // The last of the z that were kept is enough.
            Some(kept) if !self.residual && layers > 0 => {
                let below = kept[number][..layers - 1].iter().map(Tensor::shallow_clone);
                (Tensor::new(), below.collect())
            }
            _ => (self.inputs(pass.ids.as_ref(), first, count), Vec::new()),
        };
        for l in z.len()..layers {
            let inputs = self.inputs_of_layer(pass, l, number, &a);
            let layer = &pass.layers[l];
            let mut output = self
                .activation
                .value(&layer.scaled(&layer.normalised(&inputs)));
            if let Some(mask) = self.mask(pass, l, first, count) {
                output *= mask;
            }
            if self.has_residual(l) {
                output += &a;
            }
            z.push(inputs);
            a = output;
        }
        (a, z)
    }

    pub(crate) fn forward(&mut self, caller: &Caller, args: &ForwardArgs) -> Outcome<()> {
        tch::set_num_threads(self.threads);
        self.pass = None;
        // SAFETY: the caller's promise.
        let (values, ids, moments, to, keys) = unsafe {
            (
                args.parameters.slice(),
                args.ids.slice(),
                args.moments.slice(),
                args.x.slice(),
                args.dropout.keys.slice(),
            )
        };
        let n = if ids.is_empty() { self.n } else { ids.len() };
        let ids = (!ids.is_empty()).then(|| index(ids, self.device));
        if let Some(mut script) = self.script.take() {
            let outcome = self.through_script(&mut script, caller, ids.as_ref(), n, args, to);
            self.script = Some(script);
            return outcome;
        }
        let share = args.dropout.share;
        let mut pass = Pass {
            layers: self.layers(values, if share > 0.0 { keys } else { &[] }),
            share,
            ids,
            n,
            z: args
                .keep
                .then(|| self.chunks(n).map(|_| Vec::new()).collect()),
        };
        let mut rest = moments;
        for l in 0..self.hidden() {
            let width = self.widths[l + 1];
            if !self.batch_norm && !args.keep {
                continue;
            }
            let mut sums = Tensor::zeros([2, width as i64], (Kind::Double, self.device));
            if !(args.given && self.batch_norm) {
                for (number, (first, count)) in self.chunks(n).enumerate() {
                    check(caller)?;
                    let (a, _) = self.climb(&pass, l, number, first, count);
                    let z = self.inputs_of_layer(&pass, l, number, &a);
                    let wide = z.to_kind(Kind::Double);
                    let both = [
                        wide.sum_dim_intlist([0i64].as_slice(), false, Kind::Double),
                        (&wide * &wide).sum_dim_intlist([0i64].as_slice(), false, Kind::Double),
                    ];
                    sums += Tensor::stack(&both, 0);
                    if let Some(kept) = &mut pass.z {
                        kept[number].push(z);
                    }
                }
            }
            if self.batch_norm {
                let (own, later) = rest.split_at_mut(2 * width);
                rest = later;
                if !args.given {
                    fetch(&(sums / n as f64), Kind::Double, own);
                    let (mean, squares) = own.split_at_mut(width);
                    for (square, mean) in squares.iter_mut().zip(mean) {
                        *square = (*square - *mean * *mean).max(0.0);
                    }
                }
                let (mean, variance) = own.split_at(width);
                let inverse: Vec<f32> = variance
                    .iter()
                    .map(|v| (1.0 / (v + self.epsilons[l]).sqrt()) as f32)
                    .collect();
                let mean: Vec<f32> = mean.iter().map(|v| *v as f32).collect();
                let here = |values: &[f32]| Tensor::from_slice(values).to_device(self.device);
                pass.layers[l].normal = Some((here(&mean), here(&inverse)));
            }
        }
        let layers = self.hidden();
        let d = self.widths[layers + 1];
        for (number, (first, count)) in self.chunks(n).enumerate() {
            check(caller)?;
            let (a, _) = self.climb(&pass, layers, number, first, count);
            let output = &pass.layers[layers];
            let x = a.matmul(&output.weight.transpose(0, 1)) + &output.shift;
            fetch(&x, Kind::Float, &mut to[first * d..][..count * d]);
        }
        self.pass = Some(pass);
        Ok(())
    }

    /// Cells through a program: in training mode all of a batch at once, since it may look at
    /// all of them.
    fn through_script(
        &self,
        script: &mut Script,
        caller: &Caller,
        ids: Option<&Tensor>,
        n: usize,
        args: &ForwardArgs,
        to: &mut [f32],
    ) -> Outcome<()> {
        // SAFETY: the caller's promise.
        let (values, keys) = unsafe { (args.parameters.slice(), args.dropout.keys.slice()) };
        if let Some(&key) = keys.first() {
            tch::manual_seed(key as i64);
        }
        let rows = if args.given { MAPPED } else { n.max(1) };
        let d = self.widths[self.hidden() + 1];
        for first in (0..n).step_by(rows) {
            check(caller)?;
            let count = rows.min(n - first);
            let inputs = self.inputs(ids, first, count);
            let x = script.forward(values, &inputs, args.given, args.keep)?;
            fetch(&x, Kind::Float, &mut to[first * d..][..count * d]);
        }
        Ok(())
    }

    pub(crate) fn backward(&mut self, caller: &Caller, args: &BackwardArgs) -> Outcome<()> {
        tch::set_num_threads(self.threads);
        // SAFETY: the caller's promise.
        let (dx, to) = unsafe { (args.dx.slice(), args.gradient.slice()) };
        let d = self.widths[self.hidden() + 1];
        let dx = matrix(dx, d, self.device);
        if let Some(script) = &mut self.script {
            return script.backward(&dx, to);
        }
        let Some(pass) = &self.pass else {
            panic!("There is no pass to go back through.");
        };
        let layers = self.hidden();
        let mut slopes: Vec<Slopes> = (0..layers).map(|_| Slopes::default()).collect();
        // dE/da of the layer in work, chunk by chunk, where layers are kept.
        let mut above: Vec<Tensor> = Vec::new();
        let mut parts = Vec::new();
        for l in (0..=layers).rev() {
            let (fan_in, width) = (self.widths[l], self.widths[l + 1]);
            let mut weight =
                Tensor::zeros([width as i64, fan_in as i64], (Kind::Double, self.device));
            let mut sums = Tensor::zeros([2, fan_in as i64], (Kind::Double, self.device));
            let mut kept = Vec::new();
            for (number, (first, count)) in self.chunks(pass.n).enumerate() {
                check(caller)?;
                let from = dx.narrow(0, first as i64, count as i64);
                let (a, z) = self.climb(pass, l, number, first, count);
                let (dz, da) = match above.get(number) {
                    Some(da) if l < layers => {
                        let z = self.inputs_of_layer(pass, l, number, &a);
                        (
                            self.through_activation(pass, l, &z, da, &slopes[l], first, count),
                            Some(da.shallow_clone()),
                        )
                    }
                    _ => self.descend(pass, l, number, &from, &slopes, first, count),
                };
                weight += dz.transpose(0, 1).matmul(&a).to_kind(Kind::Double);
                if l > 0 {
                    let below = self.through_weights(pass, l, &dz, da.as_ref());
                    let u = pass.layers[l - 1].normalised(&z[l - 1]);
                    let du = self
                        .before_activation(pass, l - 1, &u, &below, first, count)
                        .to_kind(Kind::Double);
                    let both = [
                        du.sum_dim_intlist([0i64].as_slice(), false, Kind::Double),
                        (&du * u.to_kind(Kind::Double)).sum_dim_intlist(
                            [0i64].as_slice(),
                            false,
                            Kind::Double,
                        ),
                    ];
                    sums += Tensor::stack(&both, 0);
                    if pass.z.is_some() {
                        kept.push(below);
                    }
                }
            }
            above = kept;
            parts.push(weight);
            if l > 0 {
                let mut both = vec![0.0; 2 * fan_in];
                fetch(&sums, Kind::Double, &mut both);
                slopes[l - 1] = Slopes {
                    products: both.split_off(fan_in),
                    sums: both,
                };
            }
        }
        self.write(&parts, &slopes, to);
        Ok(())
    }

    /// dE/du of hidden layer `l` from dE/da, where u enters gamma and beta.
    fn before_activation(
        &self,
        pass: &Pass,
        l: usize,
        u: &Tensor,
        da: &Tensor,
        first: usize,
        count: usize,
    ) -> Tensor {
        let mut dy = da * self.activation.slope(&pass.layers[l].scaled(u));
        if let Some(mask) = self.mask(pass, l, first, count) {
            dy *= mask;
        }
        dy
    }

    /// dE/dz of hidden layer `l` from dE/da: through the normalisation
    ///
    /// ```text
    /// dz = gamma / deviation (dy - mean(dy) - u mean(dy u))
    /// ```
    #[allow(clippy::too_many_arguments)]
    fn through_activation(
        &self,
        pass: &Pass,
        l: usize,
        z: &Tensor,
        da: &Tensor,
        slopes: &Slopes,
        first: usize,
        count: usize,
    ) -> Tensor {
        let layer = &pass.layers[l];
        let u = layer.normalised(z);
        let dy = self.before_activation(pass, l, &u, da, first, count);
        match (&layer.normal, &layer.gamma) {
            (Some((_, inverse)), Some(gamma)) => {
                let mean = |sums: &[f64]| {
                    let means: Vec<f32> = sums
                        .iter()
                        .map(|sum| (sum / pass.n as f64) as f32)
                        .collect();
                    Tensor::from_slice(&means).to_device(self.device)
                };
                (dy - mean(&slopes.sums) - u * mean(&slopes.products)) * (gamma * inverse)
            }
            _ => dy,
        }
    }

    /// dE/da of the layer below `l` from dE/dz of layer `l` and, past a residual, its dE/da.
    fn through_weights(&self, pass: &Pass, l: usize, dz: &Tensor, da: Option<&Tensor>) -> Tensor {
        let below = dz.matmul(&pass.layers[l].weight);
        match da {
            Some(da) if self.has_residual(l) => below + da,
            _ => below,
        }
    }

    /// dE/dz and dE/da of layer `l` from dE/dX, with nothing kept.
    #[allow(clippy::too_many_arguments)]
    fn descend(
        &self,
        pass: &Pass,
        l: usize,
        number: usize,
        dx: &Tensor,
        slopes: &[Slopes],
        first: usize,
        count: usize,
    ) -> (Tensor, Option<Tensor>) {
        let layers = self.hidden();
        if l == layers {
            return (dx.shallow_clone(), None);
        }
        let (_, z) = self.climb(pass, layers, number, first, count);
        let (mut dz, mut da) = (dx.shallow_clone(), None);
        for upper in (l + 1..=layers).rev() {
            let below = self.through_weights(pass, upper, &dz, da.as_ref());
            dz = self.through_activation(
                pass,
                upper - 1,
                &z[upper - 1],
                &below,
                &slopes[upper - 1],
                first,
                count,
            );
            da = Some(below);
        }
        (dz, da)
    }

    /// Writes the gradient in the order of the parameters; that of the output bias is 0: it moves
    /// the embedding as a whole.
    fn write(&self, weights: &[Tensor], slopes: &[Slopes], to: &mut [f32]) {
        let layers = self.hidden();
        let mut rest = to;
        for (l, weight) in weights.iter().rev().enumerate() {
            let width = self.widths[l + 1];
            let (own, later) = rest.split_at_mut(width * self.widths[l]);
            fetch(weight, Kind::Float, own);
            rest = later;
            let mut put = |values: Option<&[f64]>| {
                let (own, later) = std::mem::take(&mut rest).split_at_mut(width);
                match values {
                    Some(values) => own
                        .iter_mut()
                        .zip(values)
                        .for_each(|(to, v)| *to = *v as f32),
                    None => own.fill(0.0),
                }
                rest = later;
            };
            if self.batch_norm && l < layers {
                put(Some(&slopes[l].products));
            }
            put(slopes.get(l).map(|s| s.sums.as_slice()));
        }
    }
}
