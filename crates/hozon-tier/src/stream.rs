//! Bytes of a blob on their way, counted and digested.

use std::io::{self, Write};

use hozon_format::{Digest, Hasher};

use crate::TierError;

/// Passes bytes on to a sink, never more than were announced, and tells at the end whether they were the
/// right ones.
pub struct Checked<'a> {
    sink: &'a mut dyn Write,
    hasher: Hasher,
    left: u64,
}

impl std::fmt::Debug for Checked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checked({} bytes to come)", self.left)
    }
}

impl<'a> Checked<'a> {
    /// Expects `length` bytes.
    pub fn new(sink: &'a mut dyn Write, length: u64) -> Self {
        Self { sink, hasher: Hasher::plain(), left: length }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Wrong` if they are too many: then none of them is passed on; `Local` if the sink fails.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), TierError> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(TierError::Wrong("a blob is longer than its entry says"))?;
        self.hasher.update(bytes);
        self.sink.write_all(bytes).map_err(TierError::Local)
    }

    /// Says that all have come.
    ///
    /// # Errors
    /// `Wrong` if they are too few, or not those of `digest`.
    pub fn finish(self, digest: &Digest) -> Result<(), TierError> {
        if self.left > 0 {
            return Err(TierError::Wrong("a blob is shorter than its entry says"));
        }
        match self.hasher.finish() == *digest {
            true => Ok(()),
            false => Err(TierError::Wrong("the bytes of a blob are not those of its digest")),
        }
    }
}

/// Reads up to `buffer.len()` bytes, fewer only at the end.
pub(crate) fn fill(reader: &mut dyn io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
