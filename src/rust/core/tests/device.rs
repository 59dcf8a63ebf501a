//! What a device is asked for, by one that computes it from the definitions.

use std::sync::Arc;

use ndarray::Array2;
use neuralee_core::affinity::{symmetrize, Options as AffinityOptions, Weights};
use neuralee_core::device::{
    Device, ObjectiveDevice, RemoteNetwork, RemoteObjective, Sampled, Summation,
};
use neuralee_core::model::{Landmarks, Model, Origin, Preprocessing};
use neuralee_core::monitor::Monitor;
use neuralee_core::neighbors::exact;
use neuralee_core::network::pass::{map, Batch, Dropout, Pass};
use neuralee_core::network::{
    Activation, Architecture, Moments, Network, Points, Program, Standard,
};
use neuralee_core::objective::{
    Energy, Inputs, Kernel, Method, Objective, Plan, RepulsionWeight, Resolution,
};
use neuralee_core::optimize::{self, Start};
use neuralee_core::preprocess::{Cells, Matrix};
use neuralee_core::random::Stream;
use neuralee_core::train::{Batches, Options, Problem, Run};
use neuralee_core::Result;

/// The form of E that is compared.
const AT: Resolution = Resolution::Fine;

/// Computes everything pair by pair, in this process.
#[derive(Debug)]
struct ByDefinition;

#[derive(Debug)]
struct DefinedObjective {
    inputs: Inputs,
    weights: Arc<Weights>,
    kernel: Kernel,
    d: usize,
}

impl DefinedObjective {
    /// w-_nm of two cells, times S.
    fn repulsive(&self, n: usize, m: usize) -> f64 {
        let width = self.inputs.columns() + 2;
        let row = |i: usize| {
            let mut row = vec![0.0; width];
            self.inputs.copy_rows(i, &mut row);
            row
        };
        let (a, b) = (row(n), row(m));
        let columns = width - 2;
        let product: f64 = a[..columns].iter().zip(&b).map(|(a, b)| a * b).sum();
        a[columns] * b[columns + 1] + a[columns + 1] * b[columns] - 2.0 * product
    }

    /// psi of some cells at X; `scale` times its gradient is added.
    fn psi(&self, ids: &[usize], x: &[f64], total: f64, scale: f64, gradient: &mut [f64]) -> f64 {
        let d = self.d;
        let mut psi = 0.0;
        for n in 0..ids.len() {
            for m in 0..ids.len() {
                let between: Vec<f64> = (0..d).map(|a| x[n * d + a] - x[m * d + a]).collect();
                let squared: f64 = between.iter().map(|b| b * b).sum();
                let weight = self.repulsive(ids[n], ids[m]) / total;
                let (value, slope) = self.kernel.repulsion(squared);
                psi += weight * value;
                for a in 0..d {
                    gradient[n * d + a] -= 4.0 * scale * weight * slope * between[a];
                }
            }
        }
        psi
    }

    /// sum w+ a(|x - x'|^2) among some cells; `scale` times its gradient is added.
    fn attraction(&self, ids: &[usize], x: &[f64], scale: f64, gradient: &mut [f64]) -> f64 {
        let (d, starts) = (self.d, self.weights.starts());
        let mut energy = 0.0;
        for (n, &id) in ids.iter().enumerate() {
            let count = starts[id + 1] - starts[id];
            let (mut columns, mut values) = (vec![0; count], vec![0.0; count]);
            self.weights
                .copy_entries(starts[id], &mut columns, &mut values);
            for (column, w) in columns.into_iter().zip(values) {
                let Ok(m) = ids.binary_search(&(column as usize)) else {
                    continue;
                };
                let between: Vec<f64> = (0..d).map(|a| x[n * d + a] - x[m * d + a]).collect();
                let squared = between.iter().map(|b| b * b).sum();
                energy += w * self.kernel.attraction(squared);
                let pull = w * self.kernel.pull(squared);
                for a in 0..d {
                    gradient[n * d + a] += 4.0 * scale * pull * between[a];
                }
            }
        }
        energy
    }
}

impl RemoteObjective for DefinedObjective {
    fn evaluate(
        &self,
        x: &[f64],
        weight: RepulsionWeight,
        summation: &Summation,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> Result<Energy> {
        monitor.check()?;
        let separable = self.kernel == Kernel::GAUSSIAN;
        let taps = summation.h > 0.0 && separable;
        assert_eq!(!summation.taps.is_empty(), taps);
        gradient.fill(0.0);
        let ids: Vec<usize> = (0..self.inputs.n()).collect();
        let attraction = self.attraction(&ids, x, 1.0, gradient);
        let total = self.inputs.total();
        let psi = self.psi(&ids, x, total, 0.0, gradient);
        let (repulsion, lambda) = match weight {
            RepulsionWeight::Lambda(lambda) => (lambda * psi, lambda),
            RepulsionWeight::Share(rho) => (rho * psi.ln(), rho / psi),
        };
        self.psi(&ids, x, total, lambda, gradient);
        Ok(Energy {
            attraction,
            repulsion,
            lambda,
            terms: 0.0,
        })
    }

    fn change(
        &self,
        sampled: &Sampled<'_>,
        (before, _): (&[f64], &Summation),
        (now, _): (&[f64], &Summation),
        lambda: f64,
        change: &mut [f64],
        _: &dyn Monitor,
    ) -> Result<()> {
        change.fill(0.0);
        let ids: Vec<usize> = sampled.ids.iter().map(|&id| id as usize).collect();
        for (x, sign) in [(now, 1.0), (before, -1.0)] {
            self.attraction(&ids, x, sign * sampled.scale, change);
            self.psi(&ids, x, sampled.total, sign * lambda, change);
        }
        Ok(())
    }
}

/// What a pass was made of.
type Made = (Network<f32>, Option<Vec<u32>>, Option<Dropout>);

/// Passes by this crate, whose last one is run again for the way back.
#[derive(Debug)]
struct Passes {
    points: Arc<Points<f32>>,
    last: Option<Made>,
}

impl RemoteNetwork for Passes {
    fn forward(
        &mut self,
        network: &Network<f32>,
        cells: Option<&[u32]>,
        dropout: Option<Dropout>,
        _: bool,
        monitor: &dyn Monitor,
    ) -> Result<(Vec<Moments>, Vec<f32>)> {
        let batch = Batch {
            points: &*self.points,
            ids: cells,
        };
        let pass = Pass::forward(network, batch, dropout, None, monitor)?;
        let found = (pass.moments().to_vec(), pass.outputs(monitor)?);
        self.last = Some((network.clone(), cells.map(<[u32]>::to_vec), dropout));
        Ok(found)
    }

    fn backward(&mut self, dx: &[f32], monitor: &dyn Monitor) -> Result<Vec<f32>> {
        let (network, ids, dropout) = self.last.clone().expect("a pass came before");
        let batch = Batch {
            points: &*self.points,
            ids: ids.as_deref(),
        };
        Pass::forward(&network, batch, dropout, None, monitor)?.backward(dx, monitor)
    }

    fn map(&mut self, network: &Network<f32>, monitor: &dyn Monitor) -> Result<Vec<f32>> {
        map(network, &self.points, monitor)
    }
}

impl ObjectiveDevice for ByDefinition {
    fn objective(
        &self,
        inputs: Inputs,
        weights: Arc<Weights>,
        kernel: Kernel,
        d: usize,
        _: &dyn Monitor,
    ) -> Result<Box<dyn RemoteObjective>> {
        Ok(Box::new(DefinedObjective {
            inputs,
            weights,
            kernel,
            d,
        }))
    }

    fn grid_bytes(&self) -> f64 {
        1e6
    }
}

impl Device for ByDefinition {
    fn network(
        &self,
        points: Arc<Points<f32>>,
        _: &Network<f32>,
        _: &dyn Monitor,
    ) -> Result<Box<dyn RemoteNetwork>> {
        Ok(Box::new(Passes { points, last: None }))
    }

    fn program_parameters(
        &self,
        program: &[u8],
        inputs: usize,
        outputs: usize,
    ) -> Result<Vec<f32>> {
        Ok(vec![0.5; program.len() + inputs * outputs])
    }
}

fn cells(n: usize) -> Array2<f64> {
    let stream = Stream::new(5, 5);
    Array2::from_shape_fn((n, 4), |(i, j)| {
        stream.normal((4 * i + j) as u64) + if i % 3 == j { 4.0 } else { 0.0 }
    })
}

fn weights(y: &Array2<f64>) -> Weights {
    let graph = exact(y.view(), 15, &()).unwrap();
    let params = AffinityOptions {
        perplexity: 5.0,
        ..AffinityOptions::default()
    };
    let rows = params
        .check(graph.n, graph.k)
        .unwrap()
        .rows(&graph, &())
        .unwrap();
    symmetrize(&graph, &rows)
}

/// A form of E.
type Form = (Kernel, RepulsionWeight);

const FORMS: [Form; 3] = [
    (Kernel::GAUSSIAN, RepulsionWeight::Lambda(10.0)),
    (Kernel::STUDENT, RepulsionWeight::Lambda(10.0)),
    (Kernel::STUDENT, RepulsionWeight::Share(0.8)),
];

fn objective(y: &Array2<f64>, (kernel, weight): Form, on_device: bool) -> Objective {
    let objective = Objective::new(y.view(), weights(y), kernel, weight, 2).unwrap();
    if on_device {
        objective.move_to(&ByDefinition, &()).unwrap()
    } else {
        objective
    }
}

fn architecture(dropout: f64) -> Architecture {
    Architecture {
        inputs: 4,
        hidden: vec![6, 6],
        outputs: 2,
        activation: Activation::Relu,
        batch_norm: true,
        dropout,
        residual: false,
        program: None,
    }
}

fn train(form: Form, batches: Batches, dropout: f64, on_device: bool) -> Run {
    let y = cells(60);
    let problem = Problem {
        objective: objective(&y, form, on_device),
        points: Points::new(y.view(), &Standard::new(y.view()).unwrap()),
        parts: Vec::new(),
        device: on_device.then(|| Arc::new(ByDefinition) as Arc<dyn Device>),
    };
    let params = Options {
        method: Method::Exact,
        maxit: 5,
        batches,
        ..Options::default()
    };
    let network = Network::initial(architecture(dropout), 0.1, 1).unwrap();
    let mut run = Run::new(problem, network, &[form.1.number()], None, params, &()).unwrap();
    run.advance(u64::MAX, &()).unwrap();
    run
}

#[test]
fn energy_and_gradient_are_the_same_on_a_device() {
    let y = cells(40);
    let draw = Stream::new(3, 0);
    for form in FORMS {
        for spread in [0.1, 1.0, 10.0] {
            let x: Vec<f64> = (0..80).map(|i| spread * draw.normal(i)).collect();
            let at = |on_device| {
                let mut objective = objective(&y, form, on_device);
                let how = objective.plan(&x, Method::Exact, AT).unwrap();
                let mut gradient = vec![0.0; x.len()];
                let energy = objective.evaluate(&x, how, AT, &mut gradient, &()).unwrap();
                (energy.total(), gradient)
            };
            let (local, remote) = (at(false), at(true));
            assert!((local.0 / remote.0 - 1.0).abs() < 1e-9, "{form:?} {spread}");
            let largest = local.1.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
            for (local, remote) in local.1.iter().zip(&remote.1) {
                assert!(
                    (local - remote).abs() < 1e-9 * largest,
                    "{form:?} {spread}: {local} {remote}"
                );
            }
        }
    }
}

#[test]
fn free_embedding_on_a_device_ends_where_its_loss_says_and_as_low() {
    let y = cells(40);
    let run = |form, on_device| {
        let params = optimize::Options {
            method: Method::Exact,
            maxit: 500,
            ..optimize::Options::default()
        };
        let objective = objective(&y, form, on_device);
        let mut run = optimize::Run::new(objective, y.view(), Start::Pca, 1, params, &()).unwrap();
        run.advance(u64::MAX, &()).unwrap();
        (run.loss(), run.embedding().to_vec())
    };
    for form in FORMS {
        let (remote, map) = run(form, true);
        let mut here = objective(&y, form, false);
        let how = here.plan(&map, Method::Exact, AT).unwrap();
        let judged = here.evaluate(&map, how, AT, &mut vec![0.0; map.len()], &());
        assert!((judged.unwrap().total() - remote).abs() < 1e-9 * remote.abs());
        let (free, _) = run(form, false);
        assert!(
            (remote - free).abs() < 2e-2 * free.abs(),
            "{form:?}: {remote} and {free}"
        );
    }
}

#[test]
fn a_network_on_a_device_has_the_same_loss_and_takes_the_same_step() {
    let all = [
        Batches::All,
        Batches::Accumulated,
        Batches::Shared { size: 20 },
    ];
    let cases = all.into_iter().flat_map(|batches| {
        FORMS
            .into_iter()
            .flat_map(move |form| [0.0, 0.2].map(|dropout| (batches, form, dropout)))
    });
    for (batches, form, dropout) in cases {
        let (local, mut remote) = (
            train(form, batches, dropout, false),
            train(form, batches, dropout, true),
        );
        // E of the initial weights, and E after the first epoch.
        for (local, remote) in local.trace().iter().zip(remote.trace()).take(2) {
            let relative = ((local.loss - remote.loss) / local.loss).abs();
            assert!(relative < 1e-4, "{batches:?} {form:?} {dropout} {relative}");
        }
        let network = remote.best_network().unwrap();
        let x = remote.map(&network, &()).unwrap();
        assert_eq!(x.len(), 120);
    }
}

#[test]
fn a_map_too_wide_for_the_grid_of_a_device_is_summed_over_all_pairs() {
    let y = cells(40);
    for form in FORMS {
        let mut objective = objective(&y, form, true);
        let narrow: Vec<f64> = (0..80).map(|i| f64::from(i % 7) / 7.0).collect();
        let wide: Vec<f64> = narrow.iter().map(|v| 1e4 * v).collect();
        let how = objective.plan(&narrow, Method::Grid, AT).unwrap();
        assert!(matches!(how, Plan::Grid { .. }));
        let over_all_pairs = objective.plan(&wide, Method::Grid, AT).unwrap();
        assert_eq!(over_all_pairs, Plan::Exact);
        // A trial point far outside the grid that was planned.
        let refused = objective.evaluate(&wide, how, AT, &mut vec![0.0; 80], &());
        assert_eq!(refused.unwrap_err().kind(), "memory");
        // What is not a number is no map: E says so.
        let energy = objective.evaluate(&vec![f64::NAN; 80], how, AT, &mut vec![0.0; 80], &());
        assert!(energy.unwrap().total().is_nan());
    }
}

#[test]
fn a_program_runs_on_devices_alone() {
    let shape = Architecture {
        hidden: Vec::new(),
        batch_norm: false,
        program: Some(Program {
            bytes: vec![1, 2, 3],
            parameters: 11,
        }),
        ..architecture(0.0)
    };
    assert_eq!(
        ByDefinition
            .program_parameters(&[1, 2, 3], 4, 2)
            .unwrap()
            .len(),
        11
    );
    let network = Network::from_parts(shape, vec![0.5; 13], Vec::new()).unwrap();
    let y = cells(40);
    let standard = Standard::new(y.view()).unwrap();
    let problem = Problem {
        objective: objective(&y, FORMS[0], false),
        points: Points::new(y.view(), &standard),
        parts: Vec::new(),
        device: None,
    };
    let run = Run::new(
        problem,
        network.clone(),
        &[1.0],
        None,
        Options::default(),
        &(),
    );
    assert_eq!(run.err().map(|e| e.kind()), Some("device"));
    let model = Model {
        network,
        standard,
        preprocessing: Preprocessing::none(4),
        landmarks: Landmarks::default(),
        origin: Origin::default(),
    };
    let model = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
    let mapped = model.map(&Matrix::Dense(y.view()), Cells::Rows, 0, &());
    assert_eq!(mapped.unwrap_err().kind(), "device");
}
