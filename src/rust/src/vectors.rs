//! Long vectors that R uses and Rust owns.
//!
//! A vector that R allocates is copied into, and makes R look for garbage first, which takes half a
//! second once Bioconductor's packages are loaded. R 3.5's alternative representation lets it use
//! our memory instead. To R code and to C code (`INTEGER()`, `REAL()`) it is a vector as any other.
//! It is saved as such, and what R copies of it is R's own.

use std::ffi::c_void;
use std::os::raw::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

use extendr_api::prelude::*;
use extendr_ffi::{
    cetype_t, R_ClearExternalPtr, R_ExternalPtrAddr, R_MakeExternalPtr, R_NaString, R_NilValue,
    R_RegisterCFinalizerEx, R_altrep_class_t, R_altrep_data1, R_make_altinteger_class,
    R_make_altreal_class, R_new_altrep, R_set_altrep_Length_method, R_set_altvec_Dataptr_method,
    R_set_altvec_Dataptr_or_null_method, R_xlen_t, Rboolean, Rf_allocVector, Rf_mkCharLenCE,
    Rf_protect, Rf_unprotect, SET_STRING_ELT, SEXP, SEXPTYPE,
};
use neuralee_core::memory;

/// Bytes from which a vector stays ours.
const LONG: usize = 1 << 22;

/// Bytes that R uses of ours. R does not count them when it decides to look for garbage.
static OWNED_BYTES: AtomicUsize = AtomicUsize::new(0);

extern "C-unwind" {
    fn R_gc();
}

/// A type of R's vectors.
pub trait Number: Copy + Send + Sync + 'static {
    /// R's own vector with these values.
    fn copied(values: &[Self]) -> Robj;
    /// The class of vectors that are ours.
    fn class() -> R_altrep_class_t;
}

/// Classes are made once in a session; R keeps them.
struct Class(R_altrep_class_t);

// SAFETY: only R's thread has R objects made.
unsafe impl Send for Class {}
// SAFETY: as above.
unsafe impl Sync for Class {}

impl Number for i32 {
    fn copied(values: &[i32]) -> Robj {
        values.into()
    }

    fn class() -> R_altrep_class_t {
        static CLASS: OnceLock<Class> = OnceLock::new();
        CLASS
            .get_or_init(|| {
                let (name, package) = (c"owned_integer", c"neuralee");
                let none = std::ptr::null_mut();
                // SAFETY: we are on R's thread, and the names are C strings.
                let class =
                    unsafe { R_make_altinteger_class(name.as_ptr(), package.as_ptr(), none) };
                set_methods::<i32>(class);
                Class(class)
            })
            .0
    }
}

impl Number for f64 {
    fn copied(values: &[f64]) -> Robj {
        values.into()
    }

    fn class() -> R_altrep_class_t {
        static CLASS: OnceLock<Class> = OnceLock::new();
        CLASS
            .get_or_init(|| {
                let (name, package) = (c"owned_real", c"neuralee");
                let none = std::ptr::null_mut();
                // SAFETY: we are on R's thread, and the names are C strings.
                let class = unsafe { R_make_altreal_class(name.as_ptr(), package.as_ptr(), none) };
                set_methods::<f64>(class);
                Class(class)
            })
            .0
    }
}

fn set_methods<T: Number>(class: R_altrep_class_t) {
    // SAFETY: the class was just made, and the functions are for its vectors.
    unsafe {
        R_set_altrep_Length_method(class, Some(length::<T>));
        R_set_altvec_Dataptr_method(class, Some(data::<T>));
        R_set_altvec_Dataptr_or_null_method(class, Some(data_or_null::<T>));
    }
}

/// The values of a vector of ours.
unsafe fn values<'a, T: Number>(vector: SEXP) -> &'a mut Vec<T> {
    // SAFETY: R calls the methods of a class for its vectors only, one at a time, and a vector
    // holds the pointer that `to_r` made.
    unsafe { &mut *R_ExternalPtrAddr(R_altrep_data1(vector)).cast::<Vec<T>>() }
}

unsafe extern "C" fn length<T: Number>(vector: SEXP) -> R_xlen_t {
    // SAFETY: as for `values`.
    unsafe { values::<T>(vector) }.len() as R_xlen_t
}

unsafe extern "C" fn data<T: Number>(vector: SEXP, _: Rboolean) -> *mut c_void {
    // SAFETY: as for `values`.
    unsafe { values::<T>(vector) }.as_mut_ptr().cast()
}

unsafe extern "C" fn data_or_null<T: Number>(vector: SEXP) -> *const c_void {
    // SAFETY: as for `values`.
    unsafe { values::<T>(vector) }.as_ptr().cast()
}

unsafe extern "C" fn release<T: Number>(pointer: SEXP) {
    // SAFETY: the pointer is of a box that `to_r` gave up, and it is cleared so that this
    // happens once.
    unsafe {
        let address = R_ExternalPtrAddr(pointer).cast::<Vec<T>>();
        if !address.is_null() {
            R_ClearExternalPtr(pointer);
            let values = Box::from_raw(address);
            OWNED_BYTES.fetch_sub(size_of_val(&values[..]), Ordering::Relaxed);
        }
    }
}

/// An R vector with these values; long ones are not copied.
pub fn to_r<T: Number>(values: Vec<T>) -> Robj {
    let bytes = size_of_val(&values[..]);
    if bytes < LONG {
        return T::copied(&values);
    }
    let class = T::class();
    let values = Box::into_raw(Box::new(values));
    OWNED_BYTES.fetch_add(bytes, Ordering::Relaxed);
    // SAFETY: we are on R's thread; what R makes is protected until the vector holds it, and
    // the vector by the value that is returned.
    unsafe {
        let pointer = Rf_protect(R_MakeExternalPtr(values.cast(), R_NilValue, R_NilValue));
        R_RegisterCFinalizerEx(pointer, Some(release::<T>), Rboolean::TRUE);
        let vector = Rf_protect(R_new_altrep(class, pointer, R_NilValue));
        let robj = Robj::from_sexp(vector);
        Rf_unprotect(2);
        robj
    }
}

/// An R vector of these texts, of which some may be `NA`. Texts one by one, as values of
/// extendr, would take it a hundred times as long to protect.
pub fn texts_to_r<'a>(texts: impl ExactSizeIterator<Item = Option<&'a str>>) -> Robj {
    // SAFETY: we are on R's thread. The vector is protected while texts are made, each is in it
    // before the next is made, and none is of 2 GB.
    unsafe {
        let vector = Rf_protect(Rf_allocVector(SEXPTYPE::STRSXP, texts.len() as R_xlen_t));
        for (i, text) in texts.enumerate() {
            let text = match text {
                Some(text) => {
                    let bytes = text.as_ptr().cast();
                    Rf_mkCharLenCE(bytes, text.len() as c_int, cetype_t::CE_UTF8)
                }
                None => R_NaString,
            };
            SET_STRING_ELT(vector, i as R_xlen_t, text);
        }
        let robj = Robj::from_sexp(vector);
        Rf_unprotect(1);
        robj
    }
}

/// Has R look for garbage where it may hold much memory of ours: a quarter of what is free.
pub fn collect_garbage() {
    let bytes = OWNED_BYTES.load(Ordering::Relaxed) as u64;
    if bytes > 0 && memory::available().is_some_and(|free| bytes > free / 4) {
        // SAFETY: we are on R's thread, with no R object in hand that is not protected.
        unsafe { R_gc() };
    }
}

/// Whether R uses the vector's values where Rust has them.
#[extendr]
fn rs_is_owned(vector: Robj) -> bool {
    // SAFETY: the vector is an R object.
    unsafe { extendr_ffi::ALTREP(vector.get()) as c_int != 0 }
}

extendr_module! {
    mod vectors;
    fn rs_is_owned;
}
