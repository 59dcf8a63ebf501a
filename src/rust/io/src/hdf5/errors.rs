//! HDF5's reaction to errors, which belongs to whoever else uses the library.

use std::ffi::c_void;

use hdf5_metno::sync::sync;
use hdf5_metno_sys::h5e::{H5E_auto2_t, H5Eget_auto2, H5Eset_auto2, H5E_DEFAULT};
use hdf5_metno_sys::LOCK;

/// While it lives, HDF5 reports errors of this thread by its answers alone; afterwards it does
/// again what it did before. R's rhdf5, which may use the same library, has it raise an R error, by
/// a jump that must not cross our code. It loses its errors where the reaction is not put back.
pub(crate) struct Silence {
    before: H5E_auto2_t,
    data: *mut c_void,
}

impl Silence {
    pub(crate) fn new() -> Self {
        let mut silence = Silence {
            before: None,
            data: std::ptr::null_mut(),
        };
        {
            // The first `sync` of a thread turns the reaction off by itself.
            let _guard = LOCK.lock();
            // SAFETY: both pointers are valid, and the lock is held.
            unsafe { H5Eget_auto2(H5E_DEFAULT, &mut silence.before, &mut silence.data) };
        }
        set(None, std::ptr::null_mut());
        silence
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        set(self.before, self.data);
    }
}

fn set(reaction: H5E_auto2_t, data: *mut c_void) {
    // SAFETY: no reaction, or what HDF5 itself said that it was.
    sync(|| unsafe { H5Eset_auto2(H5E_DEFAULT, reaction, data) });
}
