//! How many points and nodes are handled at once.

/// Points whose rows are collected and handled at once: they stay in the first-level cache.
pub(super) const BLOCK: usize = 32;

/// Lines of nodes that are handled at once: with `ORDER` nodes each and eight fields they
/// take half of the 32 registers of AVX-512.
pub(super) const LINES: usize = 4;

/// a b + c in one operation where the processor has it.
#[inline(always)]
pub(super) fn fused<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}
