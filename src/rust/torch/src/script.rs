//! A network that the user wrote: a TorchScript program.
//!
//! Its parameters are handed in at every pass, so that all other state would go unnoticed. A
//! program is refused that keeps some (such as the running averages of batch normalisation). So is
//! one that places a cell by the company it comes in. It gets copies of the cells, since it may
//! write into what it is given.

use std::io::Cursor;

use tch::{CModule, Device, Kind, TchError, Tensor};

use crate::call::{fetch, Failure, Outcome};

/// A program, its parameters, and what its last pass left.
pub(crate) struct Script {
    module: CModule,
    parameters: Vec<Tensor>,
    /// Which of them the author left to be trained.
    trainable: Vec<bool>,
    outputs: usize,
    last: Option<Tensor>,
}

fn refused<T>(reason: impl Into<String>) -> Outcome<T> {
    Err(Failure::Input(reason.into()))
}

/// What the program itself said, without the list of C++ frames.
fn own_words(error: &TchError) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.next_back().unwrap_or("nothing").to_string()
}

impl Script {
    /// Loads a program and sees whether it maps `inputs` features to `outputs` dimensions.
    pub(crate) fn load(
        bytes: &[u8],
        device: Device,
        inputs: usize,
        outputs: usize,
    ) -> Outcome<Self> {
        let Ok(module) = CModule::load_data_on_device(&mut Cursor::new(bytes), device) else {
            return refused("The file holds no TorchScript program that this libtorch can read.");
        };
        let parameters: Vec<Tensor> = match module.named_parameters() {
            Ok(named) => named.into_iter().map(|(_, tensor)| tensor).collect(),
            Err(e) => {
                return refused(format!("The program does not list its parameters: {e}"));
            }
        };
        if parameters.is_empty() || parameters.iter().any(|p| p.kind() != Kind::Float) {
            return refused(
                "The program has no parameters to train, or they are not in single precision.",
            );
        }
        let mut script = Script {
            module,
            trainable: parameters.iter().map(Tensor::requires_grad).collect(),
            parameters,
            outputs,
            last: None,
        };
        script.probe(inputs, device)?;
        Ok(script)
    }

    /// Sees what the program does with four cells.
    fn probe(&mut self, inputs: usize, device: Device) -> Outcome<()> {
        let cells = Tensor::linspace(-1.0, 1.0, 4 * inputs as i64, (Kind::Float, device))
            .view([4, inputs as i64]);
        self.module.set_eval();
        let mapped = self.run(&cells)?;
        let close = |a: &Tensor, b: &Tensor| a.allclose(b, 1e-4, 1e-5, true);
        match self.run(&cells.narrow(0, 1, 1)) {
            Ok(alone) if close(&alone, &mapped.narrow(0, 1, 1)) => {}
            _ => {
                return refused(
                    "The program places a cell by the other cells that it is given with, so that \
                        it maps no single cell.",
                )
            }
        }
        self.module.set_train();
        let _ = self.run(&cells)?;
        self.module.set_eval();
        if close(&self.run(&cells)?, &mapped) {
            return Ok(());
        }
        refused(
            "The program changes state of its own in training (such as the running averages of \
                batch normalisation), which a model does not keep.",
        )
    }

    /// X of a copy of some cells.
    fn run(&self, cells: &Tensor) -> Outcome<Tensor> {
        let (n, features) = (cells.size()[0], cells.size()[1]);
        let x = match self.module.forward_ts(&[cells.copy()]) {
            Ok(x) => x,
            Err(e) => {
                return refused(format!(
                    "The program does not take {n} cells of {features} features: {}",
                    own_words(&e)
                ))
            }
        };
        if x.size() == [n, self.outputs as i64] && x.kind() == Kind::Float {
            return Ok(x);
        }
        refused(format!(
            "The program maps {n} cells to a {:?} tensor of shape {:?}, not to single precision \
                of [{n}, {}].",
            x.kind(),
            x.size(),
            self.outputs
        ))
    }

    /// All parameters, one after the other.
    pub(crate) fn parameters(&self) -> Vec<f32> {
        let mut values = Vec::new();
        for parameter in &self.parameters {
            let start = values.len();
            values.resize(start + parameter.numel(), 0.0);
            fetch(parameter, Kind::Float, &mut values[start..]);
        }
        values
    }

    /// X of some cells; in training mode with what the way back needs.
    pub(crate) fn forward(
        &mut self,
        values: &[f32],
        inputs: &Tensor,
        evaluate: bool,
        keep: bool,
    ) -> Outcome<Tensor> {
        let mut at = 0;
        for (parameter, &trainable) in self.parameters.iter_mut().zip(&self.trainable) {
            let _ = parameter.requires_grad_(false);
            let count = parameter.numel();
            let new = Tensor::from_slice(&values[at..at + count]).view(parameter.size().as_slice());
            parameter.copy_(&new.to_device(parameter.device()));
            let _ = parameter.requires_grad_(keep && trainable);
            at += count;
        }
        // What follows in `values` is added to every place.
        let shift = Tensor::from_slice(&values[at..]).to_device(inputs.device());
        if evaluate {
            self.module.set_eval();
        } else {
            self.module.set_train();
        }
        self.last = None;
        let x = if keep {
            tch::with_grad(|| self.run(inputs))?
        } else {
            self.run(inputs)?
        };
        let places = x.detach() + shift;
        if keep {
            if !x.requires_grad() {
                return refused(
                    "What the program returns in training does not depend on its parameters: is \
                        it detached, or are all of them frozen?",
                );
            }
            self.last = Some(x);
        }
        Ok(places)
    }

    /// dE / d parameters from dE/dX of the last pass.
    pub(crate) fn backward(&mut self, dx: &Tensor, to: &mut [f32]) -> Outcome<()> {
        let Some(x) = self.last.take() else {
            panic!("There is no pass to go back through.");
        };
        let sum = tch::with_grad(|| (x * dx).sum(Kind::Float));
        let trained = self.parameters.iter().filter(|p| p.requires_grad());
        let trained: Vec<&Tensor> = trained.collect();
        let mut gradients = Tensor::run_backward(&[sum], &trained, false, false).into_iter();
        // Parameters that are frozen or not used stay as they are, and so does the shift of all
        // places, which E does not feel.
        to.fill(0.0);
        let mut at = 0;
        for parameter in &self.parameters {
            let count = parameter.numel();
            let gradient = parameter
                .requires_grad()
                .then(|| gradients.next())
                .flatten();
            if let Some(gradient) = gradient.filter(Tensor::defined) {
                fetch(&gradient, Kind::Float, &mut to[at..at + count]);
            }
            at += count;
        }
        Ok(())
    }
}
