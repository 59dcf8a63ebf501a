//! The libtorch backend: a library of its own, opened when a device asks for it.
//!
//! libtorch is never linked to this package: loading it takes a second, and its copies of BLAS
//! and OpenMP must not meet R's. So the backend is opened with symbols of its own
//! (RTLD_DEEPBIND) and stays open, since libtorch cannot be unloaded.

use std::cell::RefCell;
use std::os::raw::{c_char, c_void};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use extendr_api::prelude::*;
use neuralee_core::affinity::Weights;
use neuralee_core::device::{
    Device, ObjectiveDevice, RemoteNetwork, RemoteObjective, Sampled, Summation,
};
use neuralee_core::monitor::Monitor;
use neuralee_core::network::pass::Dropout;
use neuralee_core::network::{Activation, Moments, Network, Points};
use neuralee_core::objective::{Energy, Inputs, Kernel, RepulsionWeight};
use neuralee_core::{Error as CoreError, Result as CoreResult};
use neuralee_torch_abi::{
    BackwardArgs, Caller, ChangeArgs, Code, DeviceArgs, Dropout as DropoutArgs, Entries,
    EvaluateArgs, ForwardArgs, NetworkArgs, ObjectiveArgs, Repulsion, Rows, Table, View, ViewMut,
    ABI,
};

use serde::Deserialize;

use crate::convert::Outcome;
use crate::options;

/// Bytes of temporary tensors on the processor, whose caches they should not leave by far.
const SCRATCH_ON_CPU: u64 = 64 << 20;

/// Most bytes of temporary tensors on a CUDA device.
const SCRATCH_ON_CUDA: u64 = 1 << 30;

/// The command that mends most of what is missing.
const REMEDY: &str = "Build it with build_torch_backend(); neuralee_sitrep() says what there is.";

/// What came of the first backend that was opened: libtorch is in the process from then on.
enum Opened {
    /// It serves.
    Usable(PathBuf, &'static Table),
    /// It does not, for this reason.
    Refused(PathBuf, CoreError),
}

static OPEN: Mutex<Option<Opened>> = Mutex::new(None);

/// A libtorch that something else brought into this process.
fn foreign_libtorch() -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| line.contains("libtorch_cpu."))?;
    Some(
        line.split_whitespace()
            .skip(5)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// Opens the backend in this file, once.
fn load(path: &Path) -> CoreResult<&'static Table> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    // One file may be named in several ways, and the loader searches for one without a slash.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    match &*open {
        Some(Opened::Usable(opened, table)) if opened == path => return Ok(table),
        Some(Opened::Refused(opened, reason)) if opened == path => return Err(reason.clone()),
        Some(Opened::Usable(opened, _) | Opened::Refused(opened, _)) => {
            return Err(CoreError::device(
                format!(
                    "The libtorch backend {} was opened in this session already.",
                    opened.display()
                ),
                "Restart R to use another.",
            ))
        }
        None => {}
    }
    if !path.is_file() {
        return Err(CoreError::device(
            format!("There is no libtorch backend at {}.", path.display()),
            REMEDY,
        ));
    }
    if let Some(other) = foreign_libtorch() {
        return Err(CoreError::device(
            format!("Another libtorch is loaded in this session: {other}."),
            "Two cannot live in one process: restart R, and use neuralee before the package that \
                loaded it (such as torch), or without it.",
        ));
    }
    check_whole(path)?;
    let result = open_library(path);
    match &result {
        Ok(table) => *open = Some(Opened::Usable(path.clone(), table)),
        // What could not be loaded at all left nothing behind.
        Err(reason) if foreign_libtorch().is_some() => {
            *open = Some(Opened::Refused(path.clone(), reason.clone()));
        }
        Err(_) => {}
    }
    result
}

/// Refuses a file that is no shared library or ends before its tables say. The loader would map
/// what is absent, and the process die of it.
fn check_whole(path: &Path) -> CoreResult<()> {
    let refused = |reason: &str| {
        let message = format!(
            "The libtorch backend {} cannot be used: {reason}.",
            path.display()
        );
        CoreError::device(message, REMEDY)
    };
    let bytes = std::fs::read(path).map_err(|e| refused(&e.to_string()))?;
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return Err(refused("it is no shared library for this machine"));
    }
    let number = |at: usize, width: usize| -> Option<u64> {
        let digits = bytes.get(at..at.checked_add(width)?)?;
        Some(
            digits
                .iter()
                .rev()
                .fold(0, |value, &byte| value << 8 | u64::from(byte)),
        )
    };
    // ELF64: where the tables of segments and sections begin, sizes and numbers of their entries.
    let table = |offset: usize, sizes: usize| -> Option<(u64, u64, u64)> {
        Some((number(offset, 8)?, number(sizes, 2)?, number(sizes + 2, 2)?))
    };
    let ends = |(start, size, count): (u64, u64, u64)| start.checked_add(size * count);
    let whole = || -> Option<bool> {
        let (segments, sections) = (table(32, 54)?, table(40, 58)?);
        let mut end = ends(segments)?.max(ends(sections)?);
        // Beyond the end of the file there is no table to read.
        if end > bytes.len() as u64 || segments.0 > bytes.len() as u64 {
            return Some(false);
        }
        for i in 0..segments.2 {
            let entry = usize::try_from(segments.0 + i * segments.1).ok()?;
            let (offset, size) = (number(entry + 8, 8)?, number(entry + 32, 8)?);
            end = end.max(offset.checked_add(size)?);
        }
        Some(end <= bytes.len() as u64)
    };
    if whole() == Some(true) {
        Ok(())
    } else {
        Err(refused("it is cut off or damaged"))
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn open_library(path: &Path) -> CoreResult<&'static Table> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    /// Of glibc: the library prefers its own symbols to those of R.
    const RTLD_DEEPBIND: i32 = 8;
    let refused = |reason: String| {
        let message = format!(
            "The libtorch backend {} cannot be used: {reason}.",
            path.display()
        );
        CoreError::device(message, REMEDY)
    };
    // SAFETY: loading runs the initialisers of libtorch, which the user asked for.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND) };
    let library = library.map_err(|e| refused(e.to_string()))?;
    // SAFETY: the symbol has this type in every version of the interface.
    let table = unsafe {
        let entry =
            library.get::<unsafe extern "C" fn() -> *const Table>(neuralee_torch_abi::SYMBOL);
        let entry = entry.map_err(|_| refused(String::from("it is no backend of neuralee")))?;
        entry().as_ref()
    };
    let table = table.ok_or_else(|| refused(String::from("it is empty")))?;
    if table.abi != ABI {
        return Err(refused(format!(
            "it speaks version {} of the interface, and this neuralee version {ABI}",
            table.abi
        )));
    }
    std::mem::forget(library);
    Ok(table)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn open_library(_: &Path) -> CoreResult<&'static Table> {
    Err(CoreError::device(
        "The libtorch backend runs on Linux (glibc) only.",
        "Use device = \"cpu\".",
    ))
}

/// The monitor of a call, and what the backend says.
struct Context<'a> {
    monitor: &'a dyn Monitor,
    said: RefCell<String>,
}

unsafe extern "C" fn cancelled(context: *mut c_void) -> bool {
    // SAFETY: the context of `call()`, which is waiting.
    unsafe { &*context.cast::<Context>() }.monitor.cancelled()
}

unsafe extern "C" fn say(context: *mut c_void, text: *const c_char, length: usize) {
    // SAFETY: the context of `call()`, which is waiting; the text is there until this returns.
    unsafe {
        let bytes = std::slice::from_raw_parts(text.cast::<u8>(), length);
        *(*context.cast::<Context>()).said.borrow_mut() =
            String::from_utf8_lossy(bytes).into_owned();
    }
}

/// Calls the backend; returns what it said.
fn call(monitor: &dyn Monitor, work: impl FnOnce(&Caller) -> Code) -> CoreResult<String> {
    let context = Context {
        monitor,
        said: RefCell::default(),
    };
    let caller = Caller {
        context: std::ptr::from_ref(&context).cast_mut().cast(),
        cancelled,
        say,
    };
    let code = work(&caller);
    let said = context.said.into_inner();
    match code {
        Code::Done => Ok(said),
        Code::Interrupted => Err(CoreError::interrupted(
            "The computation was interrupted.",
            "",
        )),
        Code::Memory => Err(CoreError::memory(
            format!("The device has not enough memory: {said}."),
            "Set pin_memory = FALSE, lower options(neuralee.max_device_memory_gb = ), or free \
                memory on the device.",
        )),
        Code::Input => Err(CoreError::input(said, "")),
        Code::Failed => Err(CoreError::device(
            format!("libtorch failed: {said}."),
            "Use device = \"cpu\", and report this if it happens again.",
        )),
    }
}

/// A device of the backend.
#[derive(Debug)]
pub(crate) struct Torch {
    backend: Backend,
    /// Which GPU; negative for the processor.
    index: i32,
    threads: i32,
    resident: bool,
    /// Bytes that may be used there, where that is limited.
    limit: Option<u64>,
    /// Bytes that are reserved there.
    reserved: AtomicU64,
}

/// The functions of the backend.
#[derive(Clone, Copy)]
struct Backend(&'static Table);

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "libtorch backend, interface {}", self.0.abi)
    }
}

/// A device as R names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The file of the backend.
    path: String,
    /// Which GPU; negative for libtorch on the processor.
    index: i32,
    /// Whether the cells stay there.
    pin_memory: bool,
    /// Bytes that may be taken there.
    limit: Option<f64>,
}

impl Torch {
    /// From what R found out; `NULL` is the processor without libtorch.
    pub(crate) fn open(device: &Robj, threads: i32) -> Outcome<Option<Arc<dyn Device>>> {
        if device.is_null() {
            return Ok(None);
        }
        let options: Options = options::read(device)?;
        Ok(Some(Arc::new(Torch {
            backend: Backend(load(Path::new(&options.path))?),
            index: options.index,
            threads,
            resident: options.pin_memory,
            limit: options.limit.map(|bytes| bytes as u64),
            reserved: AtomicU64::new(0),
        })))
    }

    fn scratch(&self) -> u64 {
        if self.index < 0 {
            return SCRATCH_ON_CPU;
        }
        self.limit
            .map_or(SCRATCH_ON_CUDA, |limit| (limit / 8).min(SCRATCH_ON_CUDA))
    }

    fn args(&self) -> DeviceArgs {
        DeviceArgs {
            index: self.index,
            threads: self.threads,
            resident: self.resident,
            scratch: self.scratch() as usize,
        }
    }

    /// Refuses what would not fit beside what is reserved already.
    fn reserve(&self, bytes: u64, what: &str) -> CoreResult<()> {
        let bytes = if self.resident { bytes } else { 0 };
        let reserved = self.reserved.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let needed = reserved + 3 * self.scratch();
        match self.limit {
            Some(limit) if needed > limit => {
                let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
                Err(CoreError::memory(
                    format!(
                        "The {what} would take the memory on the device to about {:.1} GiB; \
                            {:.1} GiB may be used.",
                        gib(needed),
                        gib(limit)
                    ),
                    if self.resident {
                        "Set pin_memory = FALSE, which keeps the cells in main memory, or raise \
                            options(neuralee.max_device_memory_gb = )."
                    } else {
                        "Raise options(neuralee.max_device_memory_gb = ), or free memory on the \
                            device."
                    },
                ))
            }
            _ => Ok(()),
        }
    }

    /// Whether so many more bytes fit.
    fn has_room(&self, bytes: u64) -> bool {
        let needed = self.reserved.load(Ordering::Relaxed) + 3 * self.scratch() + bytes;
        self.limit.is_none_or(|limit| needed <= limit)
    }
}

impl ObjectiveDevice for Torch {
    fn objective(
        &self,
        inputs: Inputs,
        weights: Arc<Weights>,
        kernel: Kernel,
        d: usize,
        monitor: &dyn Monitor,
    ) -> CoreResult<Box<dyn RemoteObjective>> {
        let (n, entries) = (inputs.n() as u64, weights.entries() as u64);
        let rows = 8 * n * (inputs.columns() as u64 + 2);
        self.reserve(
            rows + 12 * entries + 64 * n * d as u64,
            "cells and their neighbours",
        )?;
        let mut objective = TorchObjective {
            backend: self.backend,
            handle: std::ptr::null_mut(),
            source: Box::new((inputs, weights)),
        };
        let (inputs, weights) = &*objective.source;
        let args = ObjectiveArgs {
            device: self.args(),
            n: inputs.n(),
            inputs: inputs.columns(),
            d,
            rows: Rows {
                context: std::ptr::from_ref(inputs).cast(),
                copy: copy_inputs,
            },
            total: inputs.total(),
            own_weight: inputs.own_weight(),
            weights: Entries {
                starts: View::new(weights.starts()),
                context: std::ptr::from_ref::<Weights>(weights).cast(),
                copy: copy_entries,
            },
            kernel: i32::from(kernel.id()),
            spring: kernel.pull(f64::INFINITY),
        };
        let handle = &mut objective.handle;
        // SAFETY: what the arguments point to stays with the handle.
        call(monitor, |caller| unsafe {
            (self.backend.0.objective_open)(caller, &args, handle)
        })?;
        Ok(Box::new(objective))
    }

    fn grid_bytes(&self) -> f64 {
        let most = if self.index < 0 { 2e9 } else { 8e9 };
        self.limit
            .map_or(most, |limit| most.min(limit as f64 / 4.0))
    }
}

impl Device for Torch {
    fn network(
        &self,
        points: Arc<Points<f32>>,
        network: &Network<f32>,
        monitor: &dyn Monitor,
    ) -> CoreResult<Box<dyn RemoteNetwork>> {
        let architecture = network.architecture();
        let n = points.n() as u64;
        self.reserve(4 * n * points.inputs() as u64, "inputs of the network")?;
        let widest = architecture.hidden.iter().max().copied().unwrap_or(0);
        let kept = 4 * n * (architecture.hidden.iter().sum::<usize>() + 2 * widest) as u64;
        let mut opened = TorchNetwork {
            backend: self.backend,
            handle: std::ptr::null_mut(),
            keeps: self.has_room(kept),
            n: points.n(),
            outputs: architecture.outputs,
            parameters: network.values.len(),
            points,
        };
        let epsilons: Vec<f64> = (0..architecture.hidden.len())
            .map(Moments::epsilon)
            .collect();
        let args = NetworkArgs {
            device: self.args(),
            n: opened.points.n(),
            rows: Rows {
                context: Arc::as_ptr(&opened.points).cast(),
                copy: copy_points,
            },
            inputs: architecture.inputs,
            hidden: View::new(&architecture.hidden),
            outputs: architecture.outputs,
            activation: match architecture.activation {
                Activation::Relu => 0,
                Activation::LeakyRelu => 1,
                Activation::Gelu => 2,
                Activation::Tanh => 3,
            },
            batch_norm: architecture.batch_norm,
            residual: architecture.residual,
            epsilons: View::new(&epsilons),
            script: View::new(architecture.program.as_ref().map_or(&[], |p| &p.bytes)),
        };
        let handle = &mut opened.handle;
        // SAFETY: what the arguments point to stays with the handle, or is only read at once.
        call(monitor, |caller| unsafe {
            (self.backend.0.network_open)(caller, &args, handle)
        })?;
        Ok(Box::new(opened))
    }

    fn program_parameters(
        &self,
        program: &[u8],
        inputs: usize,
        outputs: usize,
    ) -> CoreResult<Vec<f32>> {
        let args = NetworkArgs {
            device: self.args(),
            n: 0,
            rows: Rows {
                context: std::ptr::null(),
                copy: copy_points,
            },
            inputs,
            hidden: View::new(&[]),
            outputs,
            activation: 0,
            batch_norm: false,
            residual: false,
            epsilons: View::new(&[]),
            script: View::new(program),
        };
        let mut handle = std::ptr::null_mut();
        let table = self.backend.0;
        // SAFETY: the program lives as long as the calls; there are no cells to read.
        call(&(), |caller| unsafe {
            (table.network_open)(caller, &args, &mut handle)
        })?;
        let read = |values: &mut [f32]| {
            let values = ViewMut::new(values);
            // SAFETY: the handle is open, and the slice lives as long as the call.
            call(&(), |caller| unsafe {
                (table.network_parameters)(caller, handle, &values)
            })
        };
        let found = read(&mut []).and_then(|count| {
            let count = count
                .parse()
                .map_err(|_| CoreError::internal("No number.", ""))?;
            let mut values = vec![0.0; count];
            read(&mut values).map(|_| values)
        });
        // SAFETY: nobody uses it any more.
        unsafe { (table.network_close)(handle) }
        found
    }
}

unsafe extern "C" fn copy_inputs(context: *const c_void, first: usize, count: usize, to: *mut f64) {
    // SAFETY: the context of a handle that is open, and room for `count` rows.
    unsafe {
        let inputs = &*context.cast::<Inputs>();
        let rows = std::slice::from_raw_parts_mut(to, count * (inputs.columns() + 2));
        inputs.copy_rows(first, rows);
    }
}

unsafe extern "C" fn copy_entries(
    context: *const c_void,
    first: usize,
    count: usize,
    columns: *mut i64,
    values: *mut f64,
) {
    // SAFETY: the context of a handle that is open, and room for `count` entries.
    unsafe {
        let weights = &*context.cast::<Weights>();
        weights.copy_entries(
            first,
            std::slice::from_raw_parts_mut(columns, count),
            std::slice::from_raw_parts_mut(values, count),
        );
    }
}

unsafe extern "C" fn copy_points(context: *const c_void, first: usize, count: usize, to: *mut f32) {
    // SAFETY: the context of a handle that is open, and room for `count` rows.
    unsafe {
        let points = &*context.cast::<Points<f32>>();
        let width = points.inputs();
        let rows = std::slice::from_raw_parts_mut(to, count * width);
        rows.copy_from_slice(&points.values()[first * width..(first + count) * width]);
    }
}

/// E on a device.
struct TorchObjective {
    backend: Backend,
    handle: *mut c_void,
    /// What the handle reads.
    source: Box<(Inputs, Arc<Weights>)>,
}

// SAFETY: a handle may be used from any thread, one at a time.
unsafe impl Send for TorchObjective {}

impl std::fmt::Debug for TorchObjective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "objective of {} cells, {:?}",
            self.source.0.n(),
            self.backend
        )
    }
}

impl Drop for TorchObjective {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        unsafe { (self.backend.0.objective_close)(self.handle) }
    }
}

fn repulsion(summation: &Summation) -> Repulsion {
    Repulsion {
        h: summation.h,
        taps: View::new(&summation.taps),
    }
}

impl RemoteObjective for TorchObjective {
    fn evaluate(
        &self,
        x: &[f64],
        weight: RepulsionWeight,
        summation: &Summation,
        gradient: &mut [f64],
        monitor: &dyn Monitor,
    ) -> CoreResult<Energy> {
        let mut energies = [0.0; 2];
        let args = EvaluateArgs {
            x: View::new(x),
            weight: weight.number(),
            share: matches!(weight, RepulsionWeight::Share(_)),
            repulsion: repulsion(summation),
            gradient: ViewMut::new(gradient),
            energies: ViewMut::new(&mut energies),
        };
        // SAFETY: the slices live as long as the call.
        call(monitor, |caller| unsafe {
            (self.backend.0.objective_evaluate)(caller, self.handle, &args)
        })?;
        let [attraction, psi] = energies;
        let (repulsion, lambda) = weight.weigh(psi);
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
        (before, summed_before): (&[f64], &Summation),
        (now, summed_now): (&[f64], &Summation),
        lambda: f64,
        change: &mut [f64],
        monitor: &dyn Monitor,
    ) -> CoreResult<()> {
        let args = ChangeArgs {
            ids: View::new(sampled.ids),
            before: View::new(before),
            now: View::new(now),
            lambda,
            repulsions: [repulsion(summed_before), repulsion(summed_now)],
            total: sampled.total,
            scale: sampled.scale,
            change: ViewMut::new(change),
        };
        // SAFETY: the slices live as long as the call.
        call(monitor, |caller| unsafe {
            (self.backend.0.objective_change)(caller, self.handle, &args)
        })?;
        Ok(())
    }
}

/// A network on a device.
struct TorchNetwork {
    backend: Backend,
    handle: *mut c_void,
    /// Is there room for the hidden layers of all cells?
    keeps: bool,
    n: usize,
    outputs: usize,
    parameters: usize,
    points: Arc<Points<f32>>,
}

// SAFETY: a handle may be used from any thread, one at a time.
unsafe impl Send for TorchNetwork {}

impl std::fmt::Debug for TorchNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "network of {} cells, {:?}", self.n, self.backend)
    }
}

impl Drop for TorchNetwork {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        unsafe { (self.backend.0.network_close)(self.handle) }
    }
}

impl TorchNetwork {
    fn pass(
        &mut self,
        network: &Network<f32>,
        cells: Option<&[u32]>,
        dropout: Option<Dropout>,
        keep: bool,
        given: Option<&[Moments]>,
        monitor: &dyn Monitor,
    ) -> CoreResult<(Vec<Moments>, Vec<f32>)> {
        let architecture = network.architecture();
        let n = cells.map_or(self.n, <[u32]>::len);
        if architecture.batch_norm && n < 2 && given.is_none() {
            return Err(CoreError::input(
                "A batch has one cell, which has no variance to normalise by.",
                "Give batches of at least 2 cells, or batch_norm = FALSE.",
            ));
        }
        let widths: &[usize] = if architecture.batch_norm {
            &architecture.hidden
        } else {
            &[]
        };
        let mut flat: Vec<f64> = match given {
            Some(moments) => moments
                .iter()
                .flat_map(|m| m.mean.iter().chain(&m.variance).copied())
                .collect(),
            None => vec![0.0; 2 * widths.iter().sum::<usize>()],
        };
        // A program draws its own random numbers, from one seed for a step.
        let keys = dropout.map_or_else(Vec::new, |d| d.keys(architecture.hidden.len().max(1)));
        let mut x = vec![0.0f32; n * self.outputs];
        let args = ForwardArgs {
            parameters: View::new(&network.values),
            ids: View::new(cells.unwrap_or(&[])),
            dropout: DropoutArgs {
                share: dropout.map_or(0.0, |d| d.share),
                keys: View::new(&keys),
            },
            keep: keep && (cells.is_some() || self.keeps),
            given: given.is_some(),
            moments: ViewMut::new(&mut flat),
            x: ViewMut::new(&mut x),
        };
        // SAFETY: the slices live as long as the call.
        call(monitor, |caller| unsafe {
            (self.backend.0.network_forward)(caller, self.handle, &args)
        })?;
        let mut rest = flat.as_slice();
        let moments = widths.iter().map(|&width| {
            let (mean, later) = rest.split_at(width);
            let (variance, later) = later.split_at(width);
            rest = later;
            Moments {
                mean: mean.to_vec(),
                variance: variance.to_vec(),
            }
        });
        Ok((moments.collect(), x))
    }
}

impl RemoteNetwork for TorchNetwork {
    fn forward(
        &mut self,
        network: &Network<f32>,
        cells: Option<&[u32]>,
        dropout: Option<Dropout>,
        keep: bool,
        monitor: &dyn Monitor,
    ) -> CoreResult<(Vec<Moments>, Vec<f32>)> {
        self.pass(network, cells, dropout, keep, None, monitor)
    }

    fn backward(&mut self, dx: &[f32], monitor: &dyn Monitor) -> CoreResult<Vec<f32>> {
        let mut gradient = vec![0.0f32; self.parameters];
        let args = BackwardArgs {
            dx: View::new(dx),
            gradient: ViewMut::new(&mut gradient),
        };
        // SAFETY: the slices live as long as the call.
        call(monitor, |caller| unsafe {
            (self.backend.0.network_backward)(caller, self.handle, &args)
        })?;
        Ok(gradient)
    }

    fn map(&mut self, network: &Network<f32>, monitor: &dyn Monitor) -> CoreResult<Vec<f32>> {
        let moments = Some(network.moments.as_slice());
        Ok(self.pass(network, None, None, false, moments, monitor)?.1)
    }
}

/// What the backend in a file says of itself and of the devices: `name=value` lines.
#[extendr]
fn rs_torch_describe(path: &str) -> Outcome<String> {
    let table = load(Path::new(path))?;
    // SAFETY: the caller lives as long as the call.
    Ok(call(&(), |caller| unsafe { (table.describe)(caller) })?)
}

/// A libtorch in this process, and the backend that is open.
#[extendr]
fn rs_torch_loaded() -> List {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let backend = open.as_ref().map(|opened| match opened {
        Opened::Usable(path, _) | Opened::Refused(path, _) => path.display().to_string(),
    });
    list!(
        backend = crate::convert::or_null(backend),
        libtorch = crate::convert::or_null(foreign_libtorch()),
        abi = f64::from(ABI)
    )
}

extendr_module! {
    mod torch;
    fn rs_torch_describe;
    fn rs_torch_loaded;
}
