//! E and its gradient.
//!
//! ```text
//! E(X) = sum_nm w+_nm a(r^2_nm) + lambda sum_nm w-_nm k(r^2_nm),    r_nm = |x_n - x_m|
//! grad_n = 4 sum_m (w+_nm a'(r^2_nm) + lambda w-_nm k'(r^2_nm)) (x_n - x_m)
//! ```
//!
//! or with rho log sum_nm w-_nm k(r^2_nm) as the repulsion, whose lambda is rho divided by that
//! sum.

use neuralee_torch_abi::{Caller, ChangeArgs, EvaluateArgs, ObjectiveArgs, Repulsion, Rows};
use tch::{Device, Kind, Tensor};

use crate::attraction::Attraction;
use crate::call::{check, chunk, device, fetch, index, matrix, Outcome};
use crate::inputs::{read, Inputs, Source};
use crate::kernel::Kernel;
use crate::{exact, grid};

/// The objective of one data set.
pub(crate) struct Objective {
    device: Device,
    threads: i32,
    scratch: usize,
    n: usize,
    inputs: usize,
    d: usize,
    kernel: Kernel,
    total: f64,
    own_weight: f64,
    source: Rows<f64>,
    rows: Option<Tensor>,
    attraction: Attraction,
}

impl Objective {
    pub(crate) fn open(caller: &Caller, args: &ObjectiveArgs) -> Outcome<Self> {
        let options = &args.device;
        tch::set_num_threads(options.threads);
        let device = device(options);
        let kernel = Kernel::from_number(args.kernel, args.spring)?;
        let width = args.inputs + 2;
        let rows = if options.resident {
            let rows = Tensor::zeros([args.n as i64, width as i64], (Kind::Double, device));
            for (first, count) in chunk(args.n, width * 8, options.scratch) {
                check(caller)?;
                rows.narrow(0, first as i64, count as i64)
                    .copy_(&read(&args.rows, first, count, width, device));
            }
            Some(rows)
        } else {
            None
        };
        Ok(Objective {
            device,
            threads: options.threads,
            scratch: options.scratch,
            n: args.n,
            inputs: args.inputs,
            d: args.d,
            kernel,
            total: args.total,
            own_weight: args.own_weight,
            source: args.rows,
            rows,
            attraction: Attraction::open(
                args.weights,
                kernel,
                device,
                options.resident,
                options.scratch,
            ),
        })
    }

    fn all(&self) -> Inputs<'_> {
        Inputs {
            n: self.n,
            total: self.total,
            columns: self.inputs,
            source: match &self.rows {
                Some(rows) => Source::Resident(rows),
                None => Source::OnRequest(self.source, self.device),
            },
        }
    }

    /// psi of some cells; `scale` times its gradient is added to `gradient`.
    fn repulsion(
        &self,
        caller: &Caller,
        inputs: &Inputs<'_>,
        x: &Tensor,
        how: &Repulsion,
        scale: f64,
        gradient: &mut Tensor,
    ) -> Outcome<f64> {
        let memory = (self.device, self.scratch);
        if how.h > 0.0 {
            // SAFETY: the caller's promise.
            let taps = unsafe { how.taps.slice() };
            let kernel = (self.kernel, taps);
            grid::evaluate(caller, inputs, kernel, x, how.h, scale, gradient, memory)
        } else {
            exact::evaluate(caller, inputs, self.kernel, x, scale, gradient, memory)
        }
    }

    pub(crate) fn evaluate(&mut self, caller: &Caller, args: &EvaluateArgs) -> Outcome<()> {
        tch::set_num_threads(self.threads);
        // SAFETY: the caller's promise.
        let (x, to, energies) =
            unsafe { (args.x.slice(), args.gradient.slice(), args.energies.slice()) };
        let x = matrix(x, self.d, self.device);
        let mut gradient = x.zeros_like();
        energies[0] = self.attraction.evaluate(caller, &x, &mut gradient)?;
        let mut slopes = x.zeros_like();
        let how = &args.repulsion;
        // Both kernels are 1 at r = 0.
        energies[1] =
            self.repulsion(caller, &self.all(), &x, how, 1.0, &mut slopes)? - self.own_weight;
        let lambda = if args.share {
            args.weight / energies[1]
        } else {
            args.weight
        };
        gradient += slopes * lambda;
        fetch(&gradient, Kind::Double, to);
        Ok(())
    }

    pub(crate) fn change(&mut self, caller: &Caller, args: &ChangeArgs) -> Outcome<()> {
        tch::set_num_threads(self.threads);
        // SAFETY: the caller's promise.
        let (ids, before, now, to) = unsafe {
            (
                args.ids.slice(),
                args.before.slice(),
                args.now.slice(),
                args.change.slice(),
            )
        };
        let (before, now) = (
            matrix(before, self.d, self.device),
            matrix(now, self.d, self.device),
        );
        let maps = [&before, &now];
        let mut change = self
            .attraction
            .change_among(caller, ids, maps, args.scale)?;
        let width = self.inputs + 2;
        let rows = match &self.rows {
            Some(rows) => rows.index_select(0, &index(ids, self.device)),
            None => {
                let mut values = vec![0.0; ids.len() * width];
                for (row, &id) in values.chunks_exact_mut(width).zip(ids) {
                    // SAFETY: there is room for one row.
                    unsafe {
                        (self.source.copy)(self.source.context, id as usize, 1, row.as_mut_ptr())
                    };
                }
                matrix(&values, width, self.device)
            }
        };
        let inputs = Inputs {
            n: ids.len(),
            total: args.total,
            columns: self.inputs,
            source: Source::Resident(&rows),
        };
        let [how_before, how_now] = &args.repulsions;
        self.repulsion(caller, &inputs, &now, how_now, args.lambda, &mut change)?;
        self.repulsion(
            caller,
            &inputs,
            &before,
            how_before,
            -args.lambda,
            &mut change,
        )?;
        fetch(&change, Kind::Double, to);
        Ok(())
    }
}
