//! What every call needs: whether to go on, where it computes, and numbers there and back.

use neuralee_torch_abi::{Caller, DeviceArgs};
use tch::{Device, Kind, Tensor};

/// Why a call came to nothing.
pub(crate) enum Failure {
    Interrupted,
    Input(String),
}

pub(crate) type Outcome<T> = Result<T, Failure>;

/// Asks the caller whether to go on.
pub(crate) fn check(caller: &Caller) -> Outcome<()> {
    // SAFETY: the caller's promise.
    if unsafe { (caller.cancelled)(caller.context) } {
        return Err(Failure::Interrupted);
    }
    Ok(())
}

pub(crate) fn device(args: &DeviceArgs) -> Device {
    match usize::try_from(args.index) {
        Ok(index) => Device::Cuda(index),
        Err(_) => Device::Cpu,
    }
}

/// Ranges of `n` rows of which each takes about `bytes` for one row, within the scratch memory.
pub(crate) fn chunk(
    n: usize,
    bytes: usize,
    scratch: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let rows = (scratch / bytes.max(1)).clamp(1, n.max(1));
    (0..n)
        .step_by(rows)
        .map(move |first| (first, rows.min(n - first)))
}

/// A matrix of numbers of the host, by rows.
pub(crate) fn matrix<T: tch::kind::Element>(
    values: &[T],
    columns: usize,
    device: Device,
) -> Tensor {
    Tensor::from_slice(values)
        .view([-1, columns as i64])
        .to_device(device)
}

/// Which rows, as an index.
pub(crate) fn index(ids: &[u32], device: Device) -> Tensor {
    let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    Tensor::from_slice(&ids).to_device(device)
}

/// The numbers of a tensor, in order.
pub(crate) fn fetch<T: tch::kind::Element>(tensor: &Tensor, kind: Kind, to: &mut [T]) {
    let here = tensor.to_device(Device::Cpu).to_kind(kind).contiguous();
    here.copy_data(to, to.len());
}
