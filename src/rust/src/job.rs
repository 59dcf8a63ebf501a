//! Runs a long computation beside R: it can be interrupted and reports progress, and R's
//! API is only ever touched from R's own thread.

use std::os::raw::{c_int, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use extendr_api::prelude::*;
use neuralee_core::monitor::Monitor;
use neuralee_core::threads::with_threads;
use neuralee_core::{Error as CoreError, Result as CoreResult};

use crate::convert::Outcome;

/// How often R's thread looks for an interrupt and shows progress.
const POLL: Duration = Duration::from_millis(50);

extern "C-unwind" {
    fn R_CheckUserInterrupt();
    fn R_ToplevelExec(run: unsafe extern "C-unwind" fn(*mut c_void), data: *mut c_void) -> c_int;
}

/// Runs `work` on a thread of its own with a rayon pool of `threads` workers. R's thread meanwhile
/// waits, looks for Ctrl-C and calls `progress(stage, done, total)`, an R function or `NULL`. The
/// function may return `FALSE` to stop the work; it must catch its own errors. A panic of the work
/// becomes an internal error.
///
/// `work` cannot hold an R object (they are not `Send`): borrow slices before and build
/// the answer from what it returns.
pub fn run<T: Send>(
    threads: i32,
    progress: &Robj,
    work: impl FnOnce(&dyn Monitor) -> CoreResult<T> + Send,
) -> Outcome<T> {
    let threads = usize::try_from(threads).unwrap_or(0);
    let board = Board::default();
    let outcome = std::thread::scope(|scope| {
        let (finished, waiting) = channel();
        let board = &board;
        scope.spawn(move || {
            let run = || with_threads(threads, || work(board)).and_then(|result| result);
            let result = catch_unwind(AssertUnwindSafe(run))
                .unwrap_or_else(|panic| Err(stopped_with(&*panic)));
            // R's thread only stops listening once it has this message.
            let _ = finished.send(result);
        });
        let mut shown = None;
        loop {
            match waiting.recv_timeout(POLL) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => {
                    if interrupted() || !board.show(progress, &mut shown) {
                        board.cancelled.store(true, Ordering::Relaxed);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(CoreError::internal("The computation gave no answer.", ""));
                }
            }
        }
    });
    let result = outcome?;
    // Work that ended before it looked must not swallow the interrupt.
    if board.cancelled.load(Ordering::Relaxed) {
        return Err(CoreError::interrupted("The computation was interrupted.", "").into());
    }
    Ok(result)
}

/// Runs `work` on R's own thread, without a pool: for calls into HDF5, whose library R's packages
/// may share. Such a package may leave a call by R's long jump, as rhdf5 does when an error is
/// raised. The library's lock then stays with R's thread, and any other would wait for ever. `work`
/// looks for Ctrl-C and shows progress whenever it asks its monitor.
pub fn run_here<T>(
    progress: &Robj,
    work: impl FnOnce(&dyn Monitor) -> CoreResult<T>,
) -> Outcome<T> {
    let here = Here {
        progress: RThread(progress),
        thread: std::thread::current().id(),
        board: Board::default(),
        looked: Mutex::new((Instant::now(), None)),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&here)));
    let result = outcome.unwrap_or_else(|panic| Err(stopped_with(&*panic)))?;
    here.check()?;
    Ok(result)
}

/// A board that R's thread looks at itself.
struct Here<'a> {
    progress: RThread<'a>,
    thread: ThreadId,
    board: Board,
    looked: Mutex<(Instant, Option<(&'static str, usize)>)>,
}

/// An R object that only R's thread touches.
struct RThread<'a>(&'a Robj);

// SAFETY: `Here::cancelled`, the only reader, compares the thread first.
unsafe impl Sync for RThread<'_> {}

impl Monitor for Here<'_> {
    fn cancelled(&self) -> bool {
        if std::thread::current().id() == self.thread {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let (at, shown) = &mut *looked;
            if at.elapsed() >= POLL {
                if interrupted() || !self.board.show(self.progress.0, shown) {
                    self.board.cancelled.store(true, Ordering::Relaxed);
                }
                *at = Instant::now();
            }
        }
        self.board.cancelled()
    }

    fn stage(&self, name: &'static str, total: usize) {
        self.board.stage(name, total);
    }

    fn advance(&self, amount: usize) {
        self.board.advance(amount);
    }
}

fn stopped_with(panic: &(dyn std::any::Any + Send)) -> CoreError {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("an unknown panic");
    CoreError::internal(
        format!("The computation stopped with: {message}."),
        "This is a bug; please report it with the call that led here.",
    )
}

/// True once when the user pressed Ctrl-C. R leaves its check by a long jump, which
/// `R_ToplevelExec` catches before it can cross a frame that owns anything.
fn interrupted() -> bool {
    unsafe extern "C-unwind" fn check(_: *mut c_void) {
        unsafe { R_CheckUserInterrupt() }
    }
    unsafe { R_ToplevelExec(check, std::ptr::null_mut()) == 0 }
}

/// Where the workers write how far they are, and R's thread that they should stop.
#[derive(Default)]
struct Board {
    cancelled: AtomicBool,
    done: AtomicUsize,
    stage: Mutex<(&'static str, usize)>,
}

impl Board {
    /// Calls `progress` if anything changed since `shown`; false if the work should stop.
    fn show(&self, progress: &Robj, shown: &mut Option<(&'static str, usize)>) -> bool {
        if progress.is_null() {
            return true;
        }
        let (stage, total) = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.done.load(Ordering::Relaxed).min(total);
        if stage.is_empty() || shown.replace((stage, done)) == Some((stage, done)) {
            return true;
        }
        let arguments = pairlist!(stage, done as f64, total as f64);
        progress
            .call(arguments)
            .is_ok_and(|answer| answer.as_bool() != Some(false))
    }
}

impl Monitor for Board {
    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn stage(&self, name: &'static str, total: usize) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *stage = (name, total);
        self.done.store(0, Ordering::Relaxed);
    }

    fn advance(&self, amount: usize) {
        self.done.fetch_add(amount, Ordering::Relaxed);
    }
}
