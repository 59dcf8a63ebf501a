//! A network that the user wrote: a TorchScript program.
//!
//! Its parameters are handed in at every pass, so that all other state would go unnoticed: a
//! program that keeps some (such as the running averages of batch normalisation), or that places
//! a cell by the company it comes in, is refused.

use std::io::Cursor;

use tch::{CModule, Device, Kind, Tensor};

use crate::{fetch, Failure, Outcome};

/// A program, its parameters, and what its last pass left.
pub(crate) struct Script {
    module: CModule,
    parameters: Vec<Tensor>,
    outputs: usize,
    last: Option<Tensor>,
}

fn refused<T>(reason: impl Into<String>) -> Outcome<T> {
    Err(Failure::Input(reason.into()))
}

impl Script {
    /// Loads a program and sees whether it maps `inputs` features to `outputs` dimensions.
    pub(crate) fn load(
        bytes: &[u8],
        device: Device,
        inputs: usize,
        outputs: usize,
    ) -> Outcome<Self> {
        let Ok(mut module) = CModule::load_data_on_device(&mut Cursor::new(bytes), device) else {
            return refused("The file holds no TorchScript program that this libtorch can read.");
        };
        let parameters: Vec<Tensor> = match module.named_parameters() {
            Ok(named) => named.into_iter().map(|(_, tensor)| tensor).collect(),
            Err(e) => {
                return refused(format!(
                    "The parameters of the program cannot be listed: {e}"
                ))
            }
        };
        if parameters.is_empty() || parameters.iter().any(|p| p.kind() != Kind::Float) {
            return refused(
                "The program has no parameters to train, or they are not in single precision.",
            );
        }
        let probe = Tensor::linspace(-1.0, 1.0, 4 * inputs as i64, (Kind::Float, device))
            .view([4, inputs as i64]);
        let run = |module: &CModule, cells: &Tensor| module.forward_ts(&[cells]);
        module.set_eval();
        let mapped = match run(&module, &probe) {
            Ok(mapped) if mapped.size() == [4, outputs as i64] && mapped.kind() == Kind::Float => mapped,
            Ok(mapped) => {
                return refused(format!(
                    "The program maps 4 cells to a {:?} tensor of shape {:?}, not to single precision of [4, {outputs}].",
                    mapped.kind(),
                    mapped.size()
                ))
            }
            Err(_) => return refused(format!("The program does not take cells of {inputs} features.")),
        };
        let close = |a: &Tensor, b: &Tensor| a.allclose(b, 1e-4, 1e-5, true);
        match run(&module, &probe.narrow(0, 1, 1)) {
            Ok(alone) if close(&alone, &mapped.narrow(0, 1, 1)) => {}
            _ => return refused("The program places a cell by the other cells that it is given with, so that it maps no single cell."),
        }
        module.set_train();
        let trained = run(&module, &probe);
        module.set_eval();
        match (trained, run(&module, &probe)) {
            (Ok(_), Ok(after)) if close(&after, &mapped) => {}
            _ => {
                return refused(
                    "The program changes state of its own in training (such as the running averages of batch normalisation), which a model does not keep.",
                )
            }
        }
        Ok(Script {
            module,
            parameters,
            outputs,
            last: None,
        })
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
        for parameter in &mut self.parameters {
            let _ = parameter.requires_grad_(false);
            let count = parameter.numel();
            let new = Tensor::from_slice(&values[at..at + count]).view(parameter.size().as_slice());
            parameter.copy_(&new.to_device(parameter.device()));
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
        let run = || self.module.forward_ts(&[inputs]);
        let outcome = if keep {
            for parameter in &mut self.parameters {
                let _ = parameter.requires_grad_(true);
            }
            tch::with_grad(run)
        } else {
            run()
        };
        let x =
            outcome.map_err(|e| Failure::Input(format!("The TorchScript program failed: {e}")))?;
        if x.size() != [inputs.size()[0], self.outputs as i64] {
            return Err(Failure::Input(format!(
                "The TorchScript program returned a tensor of {:?}.",
                x.size()
            )));
        }
        let places = x.detach() + shift;
        if keep {
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
        let gradients = Tensor::run_backward(&[sum], &self.parameters, false, false);
        let mut at = 0;
        for gradient in gradients {
            let count = gradient.numel();
            fetch(&gradient, Kind::Float, &mut to[at..at + count]);
            at += count;
        }
        // A shift of all places moves the embedding as a whole, which E does not feel.
        to[at..].fill(0.0);
        Ok(())
    }
}
