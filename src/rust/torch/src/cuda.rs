//! What is known of libtorch and the devices.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_uint};

use libloading::{Library, Symbol};

/// The `name=value` lines of the interface.
pub(crate) fn describe() -> String {
    // libtorch_cuda asks the driver; without it there are no devices.
    let built = tch::utils::has_cuda();
    let devices = if built {
        tch::Cuda::device_count().max(0)
    } else {
        0
    };
    let mut lines = vec![
        format!("libtorch={}", env!("NEURALEE_LIBTORCH_VERSION")),
        format!("cuda={built}"),
        format!("devices={devices}"),
    ];
    if devices > 0 {
        if let Some(known) = driver(devices as c_int) {
            for (i, (name, total)) in known.into_iter().enumerate() {
                lines.push(format!("name.{i}={name}"));
                lines.push(format!("total.{i}={total}"));
            }
        }
    }
    lines.join("\n")
}

/// Names and bytes of the devices from the driver's own library, which has no version in its
/// name and whose functions stay as they are.
fn driver(devices: c_int) -> Option<Vec<(String, usize)>> {
    // SAFETY: the driver's documented functions, with the types of its header.
    unsafe {
        let library = Library::new("libcuda.so.1").ok()?;
        let init: Symbol<unsafe extern "C" fn(c_uint) -> c_int> = library.get(b"cuInit\0").ok()?;
        let get: Symbol<unsafe extern "C" fn(*mut c_int, c_int) -> c_int> =
            library.get(b"cuDeviceGet\0").ok()?;
        let name: Symbol<unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int> =
            library.get(b"cuDeviceGetName\0").ok()?;
        let total: Symbol<unsafe extern "C" fn(*mut usize, c_int) -> c_int> =
            library.get(b"cuDeviceTotalMem_v2\0").ok()?;
        if init(0) != 0 {
            return None;
        }
        (0..devices)
            .map(|i| {
                let (mut device, mut bytes, mut text) = (0, 0usize, [0 as c_char; 256]);
                let known = get(&mut device, i) == 0
                    && name(text.as_mut_ptr(), 255, device) == 0
                    && total(&mut bytes, device) == 0;
                known.then(|| {
                    let name = CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned();
                    (name, bytes)
                })
            })
            .collect()
    }
}
