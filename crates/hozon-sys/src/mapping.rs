//! Private bytes of a file.

use memmap2::MmapMut;

/// The bytes of a file, private to their holder: mapped copy-on-write, or copied to the heap.
///
/// The first byte is aligned to 64. Writes are seen through this mapping alone and never reach the
/// file. A mapped file must not be shortened while it is mapped; blobs are only ever replaced.
#[derive(Debug)]
pub struct Mapping(Bytes);

#[derive(Debug)]
enum Bytes {
    Mapped(MmapMut),
    Heap { lines: Vec<Line>, length: usize },
}

/// A cache line: the alignment that vector code likes best.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl Mapping {
    /// Copies `bytes` to aligned memory.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let (whole, rest) = bytes.as_chunks::<64>();
        let mut lines: Vec<Line> = Vec::with_capacity(bytes.len().div_ceil(64));
        lines.extend(whole.iter().map(|line| Line(*line)));
        if !rest.is_empty() {
            let mut last = [0; 64];
            last[..rest.len()].copy_from_slice(rest);
            lines.push(Line(last));
        }
        Self(Bytes::Heap { lines, length: bytes.len() })
    }

    pub(crate) fn mapped(mapped: MmapMut) -> Self {
        Self(Bytes::Mapped(mapped))
    }

    /// Returns the address of the first byte, aligned to 64. It stays the same for the mapping's life.
    pub fn as_ptr(&self) -> *const u8 {
        match &self.0 {
            Bytes::Mapped(mapped) => mapped.as_ptr(),
            Bytes::Heap { lines, .. } => lines.as_ptr().cast(),
        }
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Bytes::Mapped(mapped) => mapped.len(),
            Bytes::Heap { length, .. } => *length,
        }
    }

    /// Tells whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether the bytes are a mapped file rather than a copy.
    pub fn is_mapped(&self) -> bool {
        matches!(self.0, Bytes::Mapped(_))
    }

    /// Returns the bytes.
    #[expect(unsafe_code, reason = "lines are viewed as the bytes that they are")]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Bytes::Mapped(mapped) => mapped,
            // SAFETY: `lines` holds at least `length` initialized bytes without padding, borrowed from self.
            Bytes::Heap { lines, length } => unsafe {
                std::slice::from_raw_parts(lines.as_ptr().cast(), *length)
            },
        }
    }

    /// Returns the bytes for writing.
    #[expect(unsafe_code, reason = "lines are viewed as the bytes that they are")]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Bytes::Mapped(mapped) => mapped,
            // SAFETY: as in `as_slice`, and the borrow of self is exclusive.
            Bytes::Heap { lines, length } => unsafe {
                std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), *length)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_aligned_equal_and_writable() {
        for length in [0, 1, 63, 64, 65, 1000] {
            let bytes: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let mut copy = Mapping::copy_of(&bytes);
            assert_eq!(copy.as_slice(), bytes);
            assert_eq!((copy.as_ptr() as usize % 64, copy.len()), (0, length));
            copy.as_mut_slice().fill(9);
            assert!(copy.as_slice().iter().all(|byte| *byte == 9));
        }
    }
}
