//! The random numbers of neuralee's core, as operations on whole-number tensors.

use tch::{Kind, Tensor};

const WEYL: i64 = 0x9e37_79b9_7f4a_7c15_u64 as i64;

/// z >> bits of numbers without a sign.
fn shifted(z: &Tensor, bits: i64) -> Tensor {
    let kept = (1i64 << (64 - bits)) - 1;
    z.bitwise_right_shift_tensor_scalar(bits).bitwise_and(kept)
}

/// The finaliser of SplitMix64; products wrap around.
fn mix(z: &Tensor) -> Tensor {
    let z = z.bitwise_xor_tensor(&shifted(z, 30)) * (0xbf58_476d_1ce4_e5b9_u64 as i64);
    let z = z.bitwise_xor_tensor(&shifted(&z, 27)) * (0x94d0_49bb_1331_11eb_u64 as i64);
    z.bitwise_xor_tensor(&shifted(&z, 31))
}

/// Uniform numbers on [0, 1) at these positions of a stream.
pub(crate) fn uniform(key: u64, positions: &Tensor) -> Tensor {
    let bits = mix(&((positions + 1) * WEYL + key as i64));
    shifted(&bits, 11).to_kind(Kind::Double) * (1.0 / (1u64 << 53) as f64)
}
