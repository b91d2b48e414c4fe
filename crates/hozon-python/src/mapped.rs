//! Restored bytes as a Python buffer: private to the value that holds it.

use std::ffi::{c_int, c_void};

use hozon_sys::Mapping;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Bytes restored from the store. Writes stay in this process and in this value.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct RestoredBuffer {
    mapping: Mapping,
    read_only: bool,
}

impl RestoredBuffer {
    pub(crate) fn new(mapping: Mapping, read_only: bool) -> Self {
        Self { mapping, read_only }
    }
}

#[pymethods]
impl RestoredBuffer {
    fn __len__(&self) -> usize {
        self.mapping.len()
    }

    #[expect(unsafe_code, reason = "the buffer protocol fills a structure of C")]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view was given"));
        }
        let this = slf.get();
        let length = ffi::Py_ssize_t::try_from(this.mapping.len())
            .map_err(|_| PyBufferError::new_err("the bytes are too many for a view"))?;
        // The address does not change for the mapping's life. Python may write through it: nobody in
        // Rust reads the mapping after it has been handed over here.
        let start = this.mapping.as_ptr().cast_mut().cast::<c_void>();
        // SAFETY: `view` is a valid Py_buffer by the protocol; `start` points to `length` bytes that
        // live as long as `slf`, to which the view takes a reference.
        let filled = unsafe {
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, c_int::from(this.read_only), flags)
        };
        if filled == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}
