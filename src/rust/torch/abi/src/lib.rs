//! The C interface between neuralee and its libtorch backend.
//!
//! The backend is a shared library of its own, opened at run time, that exports one symbol,
//! [`SYMBOL`]: a function that returns a [`Table`]. Its first number, [`Table::abi`], is read
//! before anything else and must be [`ABI`]; whatever changes here changes that number.
//!
//! Every function takes a [`Caller`] and answers with a [`Code`]; where that is not [`Code::Done`],
//! `say` has been given the reason before. No panic and no C++ exception crosses the interface.
//! Matrices are given by rows. A handle serves one call at a time, may be used from any thread, and
//! stays usable after a call that failed. What it was opened with must stay alive until it is
//! closed.

use std::os::raw::{c_char, c_void};

/// Version of this interface.
pub const ABI: u32 = 3;

/// The exported function, `extern "C" fn() -> *const Table`.
pub const SYMBOL: &[u8] = b"neuralee_torch_backend\0";

/// Outcome of a call.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// All is done.
    Done = 0,
    /// It failed, for the reason that was said.
    Failed = 1,
    /// `cancelled` was true.
    Interrupted = 2,
    /// The device has not enough memory.
    Memory = 3,
    /// What was given cannot be used, for the reason that was said.
    Input = 4,
}

/// Who calls.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Caller {
    /// Handed back to the functions below.
    pub context: *mut c_void,
    /// Should the work stop? Asked often, from the calling thread.
    pub cancelled: unsafe extern "C" fn(*mut c_void) -> bool,
    /// Takes an answer in words, UTF-8 of the given length.
    pub say: unsafe extern "C" fn(*mut c_void, *const c_char, usize),
}

/// Numbers that the other side reads.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct View<T> {
    /// The first of them; anything where there are none.
    pub pointer: *const T,
    /// How many.
    pub length: usize,
}

impl<T> View<T> {
    /// A view of a slice.
    pub fn new(values: &[T]) -> Self {
        View {
            pointer: values.as_ptr(),
            length: values.len(),
        }
    }

    /// # Safety
    /// The numbers must be there for `'a`.
    pub unsafe fn slice<'a>(&self) -> &'a [T] {
        if self.length == 0 {
            return &[];
        }
        std::slice::from_raw_parts(self.pointer, self.length)
    }
}

/// Numbers that the other side writes.
#[repr(C)]
pub struct ViewMut<T> {
    /// The first of them; anything where there are none.
    pub pointer: *mut T,
    /// How many.
    pub length: usize,
}

impl<T> ViewMut<T> {
    /// A view of a slice.
    pub fn new(values: &mut [T]) -> Self {
        ViewMut {
            pointer: values.as_mut_ptr(),
            length: values.len(),
        }
    }

    /// # Safety
    /// The numbers must be there for `'a`, and nobody else may look at them.
    pub unsafe fn slice<'a>(&self) -> &'a mut [T] {
        if self.length == 0 {
            return &mut [];
        }
        std::slice::from_raw_parts_mut(self.pointer, self.length)
    }
}

/// Rows of a matrix that the caller holds; asked for when the handle is opened, and again where
/// it is not to hold them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Rows<T> {
    /// Handed back to `copy`.
    pub context: *const c_void,
    /// Writes `count` rows from `first` on, one after the other.
    pub copy: unsafe extern "C" fn(*const c_void, first: usize, count: usize, to: *mut T),
}

/// A sparse matrix by rows that the caller holds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Entries {
    /// Where each row starts, and one past the last entry.
    pub starts: View<usize>,
    /// Handed back to `copy`.
    pub context: *const c_void,
    /// Writes columns and values of `count` entries from `first` on.
    pub copy: unsafe extern "C" fn(*const c_void, usize, usize, *mut i64, *mut f64),
}

/// Where to compute.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct DeviceArgs {
    /// Number of the CUDA device, or -1 for libtorch on the processor.
    pub index: i32,
    /// Threads of the processor.
    pub threads: i32,
    /// Keep what was given on the device, or ask for it again in every call?
    pub resident: bool,
    /// Bytes that the temporary tensors of a call may take.
    pub scratch: usize,
}

/// What E is made of.
#[repr(C)]
pub struct ObjectiveArgs {
    /// Where to compute.
    pub device: DeviceArgs,
    /// Cells, N.
    pub n: usize,
    /// Columns of the inputs, D.
    pub inputs: usize,
    /// Dimensions of the embedding, d.
    pub d: usize,
    /// The rows (y, |y|^2, 1) of the centred inputs, D + 2 numbers each.
    pub rows: Rows<f64>,
    /// S, what the weights of all ordered pairs are divided by.
    pub total: f64,
    /// What the weights of the cells with themselves add to psi, which belongs to no pair.
    pub own_weight: f64,
    /// W+.
    pub weights: Entries,
    /// How cells attract and repel: 0 by r^2 and exp(-r^2), 1 by log(1 + r^2) + `spring` r^2 and
    /// 1 / (1 + r^2).
    pub kernel: i32,
    /// See `kernel`: a'(r^2) where r is infinite.
    pub spring: f64,
}

/// How the repulsion is summed: over all pairs, or on a grid.
#[repr(C)]
pub struct Repulsion {
    /// Spacing of the grid; 0 for all pairs.
    pub h: f64,
    /// The Gaussian on the nodes, from its centre on; nothing for another kernel.
    pub taps: View<f64>,
}

/// E and its gradient.
#[repr(C)]
pub struct EvaluateArgs {
    /// X, N x d.
    pub x: View<f64>,
    /// Weight of the repulsion, or of its logarithm.
    pub weight: f64,
    /// Is it that of the logarithm?
    pub share: bool,
    /// How the repulsion is summed.
    pub repulsion: Repulsion,
    /// Receives the gradient, N x d.
    pub gradient: ViewMut<f64>,
    /// Receives the sums of attraction and repulsion, neither of them weighted by `weight`.
    pub energies: ViewMut<f64>,
}

/// How the gradient of E over the pairs of some cells changes between two maps.
#[repr(C)]
pub struct ChangeArgs {
    /// The cells, ascending, B of them.
    pub ids: View<u32>,
    /// Their places before, B x d.
    pub before: View<f64>,
    /// Their places now, B x d.
    pub now: View<f64>,
    /// Weight of the repulsion.
    pub lambda: f64,
    /// How it is summed before and now.
    pub repulsions: [Repulsion; 2],
    /// S of these cells, the part of each pair included.
    pub total: f64,
    /// What each entry of W+ among them stands for.
    pub scale: f64,
    /// Receives the change, B x d.
    pub change: ViewMut<f64>,
}

/// The shape of a network. Parameters are one vector: for every layer its weights (a row a
/// unit), gamma where it is normalised, then beta or the bias.
#[repr(C)]
pub struct NetworkArgs {
    /// Where to compute.
    pub device: DeviceArgs,
    /// Cells.
    pub n: usize,
    /// The inputs of the cells.
    pub rows: Rows<f32>,
    /// Features of a cell.
    pub inputs: usize,
    /// Units of each hidden layer.
    pub hidden: View<usize>,
    /// Dimensions of the embedding.
    pub outputs: usize,
    /// 0 ReLU, 1 leaky ReLU, 2 GELU (the form with tanh), 3 tanh.
    pub activation: i32,
    /// Are hidden layers batch-normalised?
    pub batch_norm: bool,
    /// Are inputs of hidden layers added to their outputs where the widths agree?
    pub residual: bool,
    /// Added to the variances of each hidden layer.
    pub epsilons: View<f64>,
    /// A TorchScript program that replaces the layers, or nothing.
    pub script: View<u8>,
}

/// Units that are left out of a step.
#[repr(C)]
pub struct Dropout {
    /// Share of the units; 0 for none.
    pub share: f64,
    /// For each hidden layer, the key of its stream of random numbers. Number i = cell width + unit
    /// is SplitMix64 at key + (i + 1) times the golden ratio.
    pub keys: View<u64>,
}

/// Cells through a network.
#[repr(C)]
pub struct ForwardArgs {
    /// All parameters.
    pub parameters: View<f32>,
    /// The cells; nothing for all.
    pub ids: View<u32>,
    /// Units to leave out.
    pub dropout: Dropout,
    /// Keep the hidden layers for the way back?
    pub keep: bool,
    /// Are `moments` given (a map of single cells), rather than received?
    pub given: bool,
    /// Mean and variance of the inputs of each hidden layer: those of a layer one after the other.
    pub moments: ViewMut<f64>,
    /// Receives X.
    pub x: ViewMut<f32>,
}

/// Gradients back through the last pass.
#[repr(C)]
pub struct BackwardArgs {
    /// dE/dX.
    pub dx: View<f32>,
    /// Receives dE / d parameters.
    pub gradient: ViewMut<f32>,
}

/// The functions of a backend.
#[repr(C)]
pub struct Table {
    /// [`ABI`] of the backend.
    pub abi: u32,
    /// Says `name=value` lines: `libtorch`, `cuda` (built with it), `devices`, and for each of
    /// them `name.0`, `total.0` and `free.0` (bytes) as far as they are known.
    pub describe: unsafe extern "C" fn(&Caller) -> Code,
    /// Makes a handle of an objective.
    pub objective_open: unsafe extern "C" fn(&Caller, &ObjectiveArgs, &mut *mut c_void) -> Code,
    /// E and its gradient.
    pub objective_evaluate: unsafe extern "C" fn(&Caller, *mut c_void, &EvaluateArgs) -> Code,
    /// The change of the gradient over the pairs of some cells.
    pub objective_change: unsafe extern "C" fn(&Caller, *mut c_void, &ChangeArgs) -> Code,
    /// Ends a handle.
    pub objective_close: unsafe extern "C" fn(*mut c_void),
    /// Makes a handle of a network and the cells that it sees.
    pub network_open: unsafe extern "C" fn(&Caller, &NetworkArgs, &mut *mut c_void) -> Code,
    /// The initial parameters of a TorchScript program: says how many there are as text, or, where
    /// the view has that length, writes them.
    pub network_parameters: unsafe extern "C" fn(&Caller, *mut c_void, &ViewMut<f32>) -> Code,
    /// Cells through the network.
    pub network_forward: unsafe extern "C" fn(&Caller, *mut c_void, &ForwardArgs) -> Code,
    /// Gradients back through the last pass that was kept.
    pub network_backward: unsafe extern "C" fn(&Caller, *mut c_void, &BackwardArgs) -> Code,
    /// Ends a handle.
    pub network_close: unsafe extern "C" fn(*mut c_void),
}
