//! The one way in which fields are laid out in bytes: little-endian integers, length-prefixed bytes.

/// Appends fields to a byte vector.
#[derive(Default, Debug, Clone)]
pub struct Writer(Vec<u8>);

/// Takes fields from bytes, checking every length against what is there before anything is allocated.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A field reaches past the end.
    #[error("the bytes end inside a field")]
    Truncated,
    /// Bytes are left over after the last field.
    #[error("there are bytes after the last field")]
    Trailing,
    /// A text field is not UTF-8.
    #[error("a text field is not UTF-8")]
    NotUtf8,
    /// A field holds a value that it cannot have.
    #[error("a field holds a value that it cannot have")]
    BadValue,
}

impl Writer {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts with nothing, and room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    /// Appends a 16-bit integer.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Appends a 32-bit integer.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Appends a 64-bit integer.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Appends bytes with their length, a u64, before them.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.u64(value.len() as u64).raw(value)
    }

    /// Appends a text as its UTF-8 bytes with their length.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// Appends bytes as they are: the reader must know their number.
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.0.extend_from_slice(value);
        self
    }

    /// Returns what has been written.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// Returns how many bytes have been written.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Result<u8, WireError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Takes a 16-bit integer.
    pub fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Takes a 32-bit integer.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes a 64-bit integer.
    pub fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Takes length-prefixed bytes, borrowed.
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.u64()?).map_err(|_| WireError::Truncated)?;
        self.raw(length)
    }

    /// Takes a length-prefixed text, borrowed.
    pub fn text(&mut self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::NotUtf8)
    }

    /// Takes `length` bytes as they are.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Takes a fixed number of bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(WireError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Takes a count of items that follow, each of at least `least_bytes` (one or more) bytes.
    ///
    /// A count that the rest cannot hold is refused here, so that no caller allocates for it.
    pub fn count(&mut self, least_bytes: usize) -> Result<usize, WireError> {
        let count = usize::try_from(self.u64()?).map_err(|_| WireError::Truncated)?;
        if count > self.0.len() / least_bytes.max(1) { Err(WireError::Truncated) } else { Ok(count) }
    }

    /// Takes a byte that is 0 or 1.
    pub fn flag(&mut self) -> Result<bool, WireError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::BadValue),
        }
    }

    /// Takes a count and that many items, each of at least `least_bytes` bytes.
    pub fn list<T, E: From<WireError>>(
        &mut self,
        least_bytes: usize,
        mut read_item: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let count = self.count(least_bytes)?;
        (0..count).map(|_| read_item(self)).collect()
    }

    /// Tells how many bytes are left.
    pub fn remaining(&self) -> usize {
        self.0.len()
    }

    /// Refuses bytes after the last field.
    pub fn end(&self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError::Trailing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_round_trip() {
        let bytes = Writer::new().u8(1).u16(2).u32(3).u64(4).bytes(b"x").text("é").raw(b"end").finish();
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.u8(), reader.u16(), reader.u32(), reader.u64()), (Ok(1), Ok(2), Ok(3), Ok(4)));
        assert_eq!((reader.bytes(), reader.text()), (Ok(&b"x"[..]), Ok("é")));
        assert_eq!(reader.end(), Err(WireError::Trailing));
        assert_eq!((reader.raw(3), reader.end()), (Ok(&b"end"[..]), Ok(())));
    }

    #[test]
    fn lengths_beyond_the_end_are_refused_without_allocating() {
        for length in [1, 2, u64::MAX - 1, u64::MAX, 1 << 31, 1 << 63] {
            let bytes = Writer::new().u64(length).finish();
            assert_eq!(Reader::new(&bytes).bytes(), Err(WireError::Truncated));
            assert_eq!(Reader::new(&bytes).count(1), Err(WireError::Truncated));
        }
    }
}
