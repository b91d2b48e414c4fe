//! The key of a call in memory: the bytes of its arguments where they are plain, no digest needed.

use std::ffi::{c_int, c_longlong};

use pyo3::ffi;
use smallvec::SmallVec;

/// What a key's bytes say: the state of the code and its values, then the call.
pub(crate) type KeyBytes = SmallVec<[u8; 96]>;

/// The state that a key was made in. 128 bits of a digest: no two states will ever agree.
pub(crate) type StateTag = [u8; 16];

/// How the call is written after the state's tag.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// The arguments as they were passed.
    Passed = 0,
    /// The arguments as they bind to the parameters.
    Bound = 1,
    /// The digests of the arguments.
    Digested = 2,
}

/// Longer texts and bytes go by their digest.
const MOST_BYTES: usize = 512;

const NONE: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;
const BYTES: u8 = 6;
const NAMES: u8 = 7;

/// Begins a key.
#[inline]
pub(crate) fn begin(tag: &StateTag, form: Form) -> KeyBytes {
    let mut head = [form as u8; 17];
    head[..16].copy_from_slice(tag);
    KeyBytes::from_slice(&head)
}

/// The most arguments of a [`ScalarKey`].
const MOST_SCALARS: usize = 6;

/// A key of a few numbers, which never leaves the stack. The bytes are those that [`push`] writes.
pub(crate) struct ScalarKey {
    bytes: [u8; 17 + 9 * MOST_SCALARS],
    length: usize,
}

impl ScalarKey {
    /// Writes a call by position; None where an argument is no number, boolean or None, or there are many.
    ///
    /// # Safety
    ///
    /// There are `count` living objects, and the interpreter is attached.
    #[inline]
    #[expect(unsafe_code, reason = "the hot path of a hit reads the arguments where the caller put them")]
    pub(crate) unsafe fn of(
        tag: &StateTag,
        arguments: *const *mut ffi::PyObject,
        count: usize,
    ) -> Option<Self> {
        if count > MOST_SCALARS {
            return None;
        }
        let mut key = Self { bytes: [Form::Passed as u8; 17 + 9 * MOST_SCALARS], length: 17 };
        key.bytes[..16].copy_from_slice(tag);
        // SAFETY: each reading follows a check of the exact type of a living object.
        unsafe {
            for index in 0..count {
                let value = *arguments.add(index);
                if ffi::PyLong_CheckExact(value) != 0 {
                    let mut overflow: c_int = 0;
                    let number = ffi::PyLong_AsLongLongAndOverflow(value, &raw mut overflow);
                    if overflow != 0 {
                        return None;
                    }
                    key.push_eight(INT, number.to_le_bytes());
                } else if ffi::PyFloat_CheckExact(value) != 0 {
                    key.push_eight(FLOAT, ffi::PyFloat_AsDouble(value).to_bits().to_le_bytes());
                } else {
                    key.push_one(constant(value)?);
                }
            }
        }
        Some(key)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    #[inline]
    fn push_eight(&mut self, mark: u8, bytes: [u8; 8]) {
        self.push_one(mark);
        self.bytes[self.length..self.length + 8].copy_from_slice(&bytes);
        self.length += 8;
    }

    #[inline]
    fn push_one(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }
}

/// The mark of a constant: None, False or True.
#[inline]
#[expect(unsafe_code, reason = "see push")]
fn constant(value: *mut ffi::PyObject) -> Option<u8> {
    // SAFETY: the constants live for ever; they are only compared.
    unsafe {
        if value == ffi::Py_None() {
            Some(NONE)
        } else if value == ffi::Py_False() {
            Some(FALSE)
        } else {
            (value == ffi::Py_True()).then_some(TRUE)
        }
    }
}

/// Adds an argument; tells whether it is plain.
///
/// # Safety
///
/// `value` is a living object, and the interpreter is attached.
#[inline]
#[expect(unsafe_code, reason = "the hot path of a hit reads the arguments where the caller put them")]
pub(crate) unsafe fn push(key: &mut KeyBytes, value: *mut ffi::PyObject) -> bool {
    // SAFETY: each reading follows a check of the exact type of a living object.
    unsafe {
        if ffi::PyLong_CheckExact(value) != 0 {
            return push_int(key, value);
        }
        if ffi::PyUnicode_CheckExact(value) != 0 {
            return push_text(key, value);
        }
        if ffi::PyFloat_CheckExact(value) != 0 {
            key.push(FLOAT);
            key.extend_from_slice(&ffi::PyFloat_AsDouble(value).to_bits().to_le_bytes());
            return true;
        }
        let Some(mark) = constant(value) else {
            return ffi::PyBytes_CheckExact(value) != 0 && push_bytes(key, value);
        };
        key.push(mark);
        true
    }
}

/// # Safety
///
/// `value` is an int, and the interpreter is attached.
#[inline]
#[expect(unsafe_code, reason = "see push")]
unsafe fn push_int(key: &mut KeyBytes, value: *mut ffi::PyObject) -> bool {
    let mut overflow: c_int = 0;
    // SAFETY: an exact int runs no code of the user's, and overflow sets no exception.
    let number: c_longlong = unsafe { ffi::PyLong_AsLongLongAndOverflow(value, &raw mut overflow) };
    let mut written = [INT; 9];
    written[1..].copy_from_slice(&number.to_le_bytes());
    key.extend_from_slice(&written);
    overflow == 0
}

/// # Safety
///
/// `value` is a str, and the interpreter is attached.
#[expect(unsafe_code, reason = "see push")]
unsafe fn push_text(key: &mut KeyBytes, value: *mut ffi::PyObject) -> bool {
    let mut length: ffi::Py_ssize_t = 0;
    // SAFETY: it is a str; the text lives as long as it does.
    unsafe {
        if ffi::PyUnicode_GetLength(value) > MOST_BYTES as ffi::Py_ssize_t {
            return false;
        }
        let text = ffi::PyUnicode_AsUTF8AndSize(value, &raw mut length);
        if text.is_null() {
            // A lone surrogate.
            ffi::PyErr_Clear();
            return false;
        }
        push_sized(key, TEXT, std::slice::from_raw_parts(text.cast(), length as usize))
    }
}

/// # Safety
///
/// `value` is a bytes object, and the interpreter is attached.
#[expect(unsafe_code, reason = "see push")]
unsafe fn push_bytes(key: &mut KeyBytes, value: *mut ffi::PyObject) -> bool {
    // SAFETY: it is a bytes object, which never changes.
    unsafe {
        let length = ffi::PyBytes_Size(value) as usize;
        push_sized(key, BYTES, std::slice::from_raw_parts(ffi::PyBytes_AsString(value).cast(), length))
    }
}

fn push_sized(key: &mut KeyBytes, kind: u8, bytes: &[u8]) -> bool {
    if bytes.len() > MOST_BYTES * 4 {
        return false;
    }
    key.push(kind);
    key.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    key.extend_from_slice(bytes);
    true
}

/// Adds the mark behind which keywords are named.
#[inline]
pub(crate) fn push_names_mark(key: &mut KeyBytes) {
    key.push(NAMES);
}

/// Adds a name.
pub(crate) fn push_name(key: &mut KeyBytes, name: &str) {
    push_sized(key, TEXT, name.as_bytes());
}
