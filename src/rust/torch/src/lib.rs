//! Elastic embedding and its network as operations on libtorch's tensors, behind the C
//! interface of `neuralee-torch-abi`.
//!
//! The equations are those of neuralee's core, whose results these are held against: the
//! objective in double precision, the network in single. What a call needs of memory beside
//! its operands is cut into chunks of rows ([`call::chunk`]), so that it does not grow with the
//! cells.
//!
//! Tensor operations panic where libtorch throws; [`answer`] turns that into a code and a
//! sentence, so that nothing unwinds into the caller.

mod attraction;
mod call;
mod cuda;
mod exact;
mod grid;
mod inputs;
mod kernel;
mod network;
mod objective;
mod random;
mod script;

use std::any::Any;
use std::os::raw::{c_char, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use call::{Failure, Outcome};
use network::Network;
use neuralee_torch_abi::{
    BackwardArgs, Caller, ChangeArgs, Code, EvaluateArgs, ForwardArgs, NetworkArgs, ObjectiveArgs,
    Table, ViewMut, ABI,
};
use objective::Objective;

fn say(caller: &Caller, text: &str) {
    // SAFETY: the text lives while it is read.
    unsafe { (caller.say)(caller.context, text.as_ptr().cast::<c_char>(), text.len()) }
}

/// Runs a call to its end, whatever happens in it.
fn answer(caller: &Caller, work: impl FnOnce() -> Outcome<()>) -> Code {
    static QUIET: Once = Once::new();
    // This library has a standard library of its own: the hook is nobody else's.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| ())));
    match catch_unwind(AssertUnwindSafe(|| tch::no_grad(work))) {
        Ok(Ok(())) => Code::Done,
        Ok(Err(Failure::Interrupted)) => Code::Interrupted,
        Ok(Err(Failure::Input(reason))) => {
            say(caller, &reason);
            Code::Input
        }
        Err(panic) => {
            let reason = words(&*panic);
            say(caller, &reason);
            if reason.contains("out of memory") || reason.contains("can't allocate memory") {
                Code::Memory
            } else {
                Code::Failed
            }
        }
    }
}

/// What libtorch said, without the list of C++ frames.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("libtorch failed.");
    let text = text
        .split_once("Torch(\"")
        .map_or(text, |(_, reason)| reason);
    let text = text
        .split("\\nException raised from")
        .next()
        .unwrap_or(text);
    text.trim_end_matches("\")")
        .replace("\\n", " ")
        .replace("\\\"", "\"")
}

extern "C" fn describe(caller: &Caller) -> Code {
    answer(caller, || {
        say(caller, &cuda::describe());
        Ok(())
    })
}

/// Makes a handle.
fn open<T>(caller: &Caller, handle: &mut *mut c_void, make: impl FnOnce() -> Outcome<T>) -> Code {
    *handle = std::ptr::null_mut();
    answer(caller, || {
        *handle = Box::into_raw(Box::new(make()?)).cast();
        Ok(())
    })
}

/// Calls a method of a handle.
///
/// # Safety
/// `handle` is one of a `T` that is open, and nobody else uses it.
unsafe fn with<T>(
    caller: &Caller,
    handle: *mut c_void,
    work: impl FnOnce(&mut T) -> Outcome<()>,
) -> Code {
    match handle.cast::<T>().as_mut() {
        Some(object) => answer(caller, || work(object)),
        None => {
            say(caller, "There is no handle.");
            Code::Failed
        }
    }
}

/// # Safety
/// `handle` is one of a `T` that is open, or null.
unsafe fn close<T>(handle: *mut c_void) {
    if !handle.is_null() {
        let object = Box::from_raw(handle.cast::<T>());
        let _ = catch_unwind(AssertUnwindSafe(|| drop(object)));
    }
}

unsafe extern "C" fn objective_open(
    caller: &Caller,
    args: &ObjectiveArgs,
    handle: &mut *mut c_void,
) -> Code {
    open(caller, handle, || Objective::open(caller, args))
}

unsafe extern "C" fn objective_evaluate(
    caller: &Caller,
    handle: *mut c_void,
    args: &EvaluateArgs,
) -> Code {
    with(caller, handle, |objective: &mut Objective| {
        objective.evaluate(caller, args)
    })
}

unsafe extern "C" fn objective_change(
    caller: &Caller,
    handle: *mut c_void,
    args: &ChangeArgs,
) -> Code {
    with(caller, handle, |objective: &mut Objective| {
        objective.change(caller, args)
    })
}

unsafe extern "C" fn objective_close(handle: *mut c_void) {
    close::<Objective>(handle);
}

unsafe extern "C" fn network_open(
    caller: &Caller,
    args: &NetworkArgs,
    handle: &mut *mut c_void,
) -> Code {
    open(caller, handle, || Network::open(caller, args))
}

unsafe extern "C" fn network_parameters(
    caller: &Caller,
    handle: *mut c_void,
    values: &ViewMut<f32>,
) -> Code {
    with(caller, handle, |network: &mut Network| {
        let found = network.initial_parameters();
        let values = values.slice();
        if values.is_empty() {
            say(caller, &found.len().to_string());
        } else {
            values.copy_from_slice(&found);
        }
        Ok(())
    })
}

unsafe extern "C" fn network_forward(
    caller: &Caller,
    handle: *mut c_void,
    args: &ForwardArgs,
) -> Code {
    with(caller, handle, |network: &mut Network| {
        network.forward(caller, args)
    })
}

unsafe extern "C" fn network_backward(
    caller: &Caller,
    handle: *mut c_void,
    args: &BackwardArgs,
) -> Code {
    with(caller, handle, |network: &mut Network| {
        network.backward(caller, args)
    })
}

unsafe extern "C" fn network_close(handle: *mut c_void) {
    close::<Network>(handle);
}

static TABLE: Table = Table {
    abi: ABI,
    describe,
    objective_open,
    objective_evaluate,
    objective_change,
    objective_close,
    network_open,
    network_parameters,
    network_forward,
    network_backward,
    network_close,
};

/// The functions of this backend; all that is exported.
#[no_mangle]
pub extern "C" fn neuralee_torch_backend() -> *const Table {
    &TABLE
}
