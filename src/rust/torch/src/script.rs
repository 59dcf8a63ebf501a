//! A network that the user wrote: a TorchScript program.

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

impl Script {
    /// Loads a program and sees whether it maps `inputs` features to `outputs` dimensions.
    pub(crate) fn load(
        bytes: &[u8],
        device: Device,
        inputs: usize,
        outputs: usize,
    ) -> Outcome<Self> {
        let refused = |reason: String| Failure::Input(reason);
        let mut module =
            CModule::load_data_on_device(&mut Cursor::new(bytes), device).map_err(|_| {
                refused(String::from(
                    "The file holds no TorchScript program that this libtorch can read.",
                ))
            })?;
        let parameters: Vec<Tensor> = module
            .named_parameters()
            .map_err(|e| {
                refused(format!(
                    "The parameters of the program cannot be listed: {e}"
                ))
            })?
            .into_iter()
            .map(|(_, tensor)| tensor)
            .collect();
        if parameters.is_empty() || parameters.iter().any(|p| p.kind() != Kind::Float) {
            return Err(refused(String::from(
                "The program has no parameters in single precision to train.",
            )));
        }
        module.set_eval();
        let probe = Tensor::zeros([2, inputs as i64], (Kind::Float, device));
        let mapped = module.forward_ts(&[probe]).map_err(|_| {
            refused(format!(
                "The program does not take cells of {inputs} features."
            ))
        })?;
        if mapped.size() != [2, outputs as i64] {
            return Err(refused(format!(
                "The program maps 2 cells to a tensor of {:?}, not of [2, {outputs}].",
                mapped.size()
            )));
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
            let count = parameter.numel();
            let new = Tensor::from_slice(&values[at..at + count]).view(parameter.size().as_slice());
            parameter.copy_(&new.to_device(parameter.device()));
            at += count;
        }
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
        let places = x.detach();
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
        Ok(())
    }
}
