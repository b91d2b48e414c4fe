//! Hashes the bytes of Python buffers without copying them, and without the interpreter lock.

use hozon_format::{Digest, Hasher, INLINE_BYTES, Tag, ValueWriter};
use hozon_sys::Shortcuts;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;

/// Below this, handing over the interpreter lock costs more than the hash.
const DETACH_FROM: usize = 64 * 1024;

/// Marks the bytes of a C-contiguous buffer as a part of a shape.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct RawBuffer {
    buffer: Py<PyAny>,
}

#[pymethods]
impl RawBuffer {
    #[new]
    fn new(buffer: Py<PyAny>) -> Self {
        Self { buffer }
    }
}

/// Marks bytes that come in pieces, `length` in all, as a part of a shape: equal to their concatenation.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct PiecedBuffer {
    length: usize,
    pieces: Py<PyAny>,
}

#[pymethods]
impl PiecedBuffer {
    #[new]
    fn new(length: usize, pieces: Py<PyAny>) -> Self {
        Self { length, pieces }
    }
}

/// Writes a part of a shape if it is a buffer; tells whether it was.
pub(crate) fn write_buffer(writer: &mut ValueWriter, part: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(raw) = part.cast_exact::<RawBuffer>() {
        write_raw(writer, raw.get().buffer.bind(part.py()))?;
    } else if let Ok(pieced) = part.cast_exact::<PiecedBuffer>() {
        write_pieces(writer, pieced.get(), part.py())?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn write_raw(writer: &mut ValueWriter, object: &Bound<'_, PyAny>) -> PyResult<()> {
    let buffer = PyUntypedBuffer::get(object)?;
    let bytes = bytes_of(&buffer, object.py())?;
    if bytes.len() <= INLINE_BYTES {
        writer.sized(Tag::Buffer, bytes);
    } else {
        let digest = digest_of(object.py(), bytes);
        writer.sized_by_digest(Tag::Buffer, bytes.len() as u64, &digest);
    }
    Ok(())
}

fn write_pieces(writer: &mut ValueWriter, pieced: &PiecedBuffer, py: Python<'_>) -> PyResult<()> {
    let mut short = Vec::new();
    let mut hasher = Hasher::plain();
    let mut length = 0;
    for piece in pieced.pieces.bind(py).try_iter()? {
        let buffer = PyUntypedBuffer::get(&piece?)?;
        let bytes = bytes_of(&buffer, py)?;
        length += bytes.len();
        if pieced.length <= INLINE_BYTES {
            short.extend_from_slice(bytes);
        } else {
            py.detach(|| {
                hasher.update_large(bytes);
            });
        }
    }
    if length != pieced.length {
        return Err(PyBufferError::new_err(format!(
            "pieces of {length} bytes, {} were announced",
            pieced.length
        )));
    }
    if length <= INLINE_BYTES {
        writer.sized(Tag::Buffer, &short);
    } else {
        writer.sized_by_digest(Tag::Buffer, length as u64, &hasher.finish());
    }
    Ok(())
}

fn digest_of(py: Python<'_>, bytes: &[u8]) -> Digest {
    let is_large = match Shortcuts::chosen() {
        Shortcuts::WherePaying => bytes.len() >= DETACH_FROM,
        chosen => chosen == Shortcuts::Always,
    };
    if is_large { py.detach(|| Digest::of_large(bytes)) } else { Digest::of(bytes) }
}

/// Lends the bytes of a contiguous buffer.
pub(crate) fn bytes_of<'a>(buffer: &'a PyUntypedBuffer, _attached: Python<'_>) -> PyResult<&'a [u8]> {
    if !buffer.is_c_contiguous() {
        return Err(PyBufferError::new_err("the buffer is not C-contiguous"));
    }
    if buffer.len_bytes() == 0 {
        return Ok(&[]);
    }
    // SAFETY: the buffer is held, so its memory stays; it is contiguous, so `len_bytes` bytes are
    // there. Another thread of the program may write into it meanwhile, as it may under any reader of
    // buffers: the digest is then of neither value, which the check for changed inputs reports.
    #[expect(unsafe_code, reason = "a buffer's bytes are lent without a copy")]
    let bytes = unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes()) };
    Ok(bytes)
}
