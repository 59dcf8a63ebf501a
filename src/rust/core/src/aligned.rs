//! Buffers that start at a cache line.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector register.
const LINE_BYTES: usize = 64;

/// Doubles in a cache line.
pub const LINE: usize = LINE_BYTES / 8;

/// Zeros that begin at a cache line: a vector load of eight numbers of a row then
/// touches one line, not two.
#[derive(Debug, Clone, Default)]
pub struct Aligned<T> {
    buffer: Vec<T>,
    start: usize,
    length: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `length` zeros.
    pub fn zeros(length: usize) -> Self {
        let spare = LINE_BYTES / size_of::<T>() - 1;
        let buffer = vec![T::default(); length + spare];
        // An offset that does not exist is unbounded; then any start is right.
        let start = buffer.as_ptr().align_offset(LINE_BYTES).min(spare);
        Aligned {
            buffer,
            start,
            length,
        }
    }

    /// Gives it another length; what it held is lost, and its memory kept where it is
    /// enough.
    pub fn resize(&mut self, length: usize) {
        if self.start + length > self.buffer.len() {
            *self = Aligned::zeros(length);
        }
        self.length = length;
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.buffer[self.start..self.start + self.length]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..self.start + self.length]
    }
}

/// Asks the memory for numbers that are wanted soon; the processor goes on meanwhile.
#[inline(always)]
pub fn prefetch<T>(numbers: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(LINE_BYTES / size_of::<T>()) {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        // SAFETY: every x86-64 has the instruction, and it reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}
