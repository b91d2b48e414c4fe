//! What functions with results in memory offer beside the call: `cache_info()` and the others.

use std::ffi::{CStr, c_int};
use std::ptr;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::memory::{core_of, guarded};
use crate::memory_call::{Core, Looked, Missing, Packed};
use crate::names;

/// The methods of the type.
pub(crate) fn table() -> Vec<ffi::PyMethodDef> {
    let rows: [(&'static CStr, Raw, &'static CStr); 12] = [
        (
            c"cache_info",
            raw::<Info>,
            c"Hits, misses, the most and the present number of results, seconds saved.",
        ),
        (c"cache_parameters", raw::<Parameters>, c"What the cache was made with: maxsize and typed."),
        (c"cache_clear", raw::<Clear>, c"Forgets all results and starts counting anew."),
        (c"cache_key", raw::<Key>, c"The key of a call, in hex digits."),
        (c"cache_forget", raw::<Forget>, c"Forgets the result of a call; tells whether there was one."),
        (
            c"cache_explain",
            raw::<Explain>,
            c"Why a call would run: what has changed since the last that did.",
        ),
        (c"_begin", raw::<Begin>, c"(result,) of a call; or what is needed to keep it; or None."),
        (c"_keep", raw::<Keep>, c"Keeps the result of a computation that was begun."),
        (c"_note_run", raw::<NoteRun>, c"Counts the run of a computation that was begun."),
        (c"__reduce__", raw::<Reduce>, c"Pickles by name, as functions do."),
        (c"__copy__", raw::<Itself>, c"A function is its own copy."),
        (c"__deepcopy__", raw::<Itself>, c"A function is its own copy."),
    ];
    let mut table: Vec<ffi::PyMethodDef> = rows
        .into_iter()
        .map(|(name, function, doc)| ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionWithKeywords: function },
            ml_flags: (ffi::METH_VARARGS | ffi::METH_KEYWORDS) as c_int,
            ml_doc: doc.as_ptr(),
        })
        .collect();
    table.push(ffi::PyMethodDef { ml_name: ptr::null(), ..ffi::PyMethodDef::zeroed() });
    table
}

type Raw = ffi::PyCFunctionWithKeywords;

/// One call of a method.
struct Called<'py> {
    memory: Bound<'py, PyAny>,
    core: &'py Core,
    packed: Packed<'py>,
}

/// A method of the type.
trait Method {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// # Safety
///
/// Called by the interpreter, attached, with a living instance, a tuple, and a dict or null.
#[expect(unsafe_code, reason = "methods of a type that is made by hand")]
unsafe extern "C" fn raw<M: Method>(
    memory: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: see above; the caller holds the instance until the method returns.
    guarded(|py| unsafe {
        let args = Bound::from_borrowed_ptr(py, args).cast_into::<PyTuple>()?;
        let kwargs = match Bound::from_borrowed_ptr_or_opt(py, kwargs) {
            Some(kwargs) => Some(kwargs.cast_into::<PyDict>()?),
            None => None,
        };
        let called = Called {
            memory: Bound::from_borrowed_ptr(py, memory),
            core: core_of(memory),
            packed: (args, kwargs),
        };
        Ok(M::run(py, called)?.into_ptr())
    })
}

impl<'py> Called<'py> {
    /// Python's own error of a call that does not fit.
    fn misfit(&self, py: Python<'py>) -> PyErr {
        let function = self.core.function.bind(py);
        let fitted = py.import("inspect").and_then(|inspect| {
            let signature = inspect.call_method1("signature", (function,))?;
            signature.call_method("bind", self.packed.0.clone(), self.packed.1.as_ref())
        });
        let name = names::text_attribute(function, "__qualname__");
        fitted.err().unwrap_or_else(|| PyTypeError::new_err(format!("the arguments do not fit {name}")))
    }
}

struct Info;
impl Method for Info {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        let facts = {
            let table = called.core.table.borrow();
            (table.hits, table.misses, table.capacity(), table.len(), table.seconds_saved)
        };
        py.import("hozon._memory")?.getattr("CacheInfo")?.call1(facts)
    }
}

struct Parameters;
impl Method for Parameters {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        let parameters = PyDict::new(py);
        parameters.set_item("maxsize", called.core.table.borrow().capacity())?;
        parameters.set_item("typed", true)?;
        Ok(parameters.into_any())
    }
}

struct Clear;
impl Method for Clear {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        called.core.clear();
        Ok(py.None().into_bound(py))
    }
}

struct Key;
impl Method for Key {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        let none = PyDict::new(py);
        let (args, kwargs) = &called.packed;
        let keyed = called.core.computation.keyed(py, args, kwargs.as_ref().unwrap_or(&none))?;
        let keyed = keyed.ok_or_else(|| called.misfit(py))?;
        Ok(keyed.key_text().into_pyobject(py)?.into_any())
    }
}

struct Forget;
impl Method for Forget {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        let forgotten = called.core.forget(py, &called.packed)?.ok_or_else(|| called.misfit(py))?;
        Ok(forgotten.into_pyobject(py)?.to_owned().into_any())
    }
}

struct Explain;
impl Method for Explain {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        let explained = called.core.explain(py, &called.packed)?.ok_or_else(|| called.misfit(py))?;
        Ok(explained.into_pyobject(py)?.into_any())
    }
}

struct Begin;
impl Method for Begin {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        let core = called.core;
        if core.disabled {
            return Ok(py.None().into_bound(py));
        }
        match core.begin(py, &called.packed)? {
            Looked::Hit(found) => Ok(PyTuple::new(py, [found])?.into_any()),
            Looked::Misfit => Ok(py.None().into_bound(py)),
            Looked::Missing(missing) => Ok(missing.into_pyobject(py)?.into_any()),
        }
    }
}

/// Counts the run of a computation that was begun; `_keep` follows if it ends well.
struct NoteRun;
impl Method for NoteRun {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (missing, args, kwargs): (Bound<'py, Missing>, Bound<'py, PyTuple>, Bound<'py, PyDict>) =
            called.packed.0.extract()?;
        called.core.note_run(py, missing.get(), &args, Some(&kwargs));
        Ok(py.None().into_bound(py))
    }
}

struct Keep;
impl Method for Keep {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (missing, result, seconds): (Bound<'py, Missing>, Bound<'py, PyAny>, f64) =
            called.packed.0.extract()?;
        called.core.keep(missing.get(), &result, seconds)?;
        Ok(py.None().into_bound(py))
    }
}

struct Reduce;
impl Method for Reduce {
    fn run<'py>(py: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("hozon._memory")?.call_method1("reduced", (called.memory,))
    }
}

struct Itself;
impl Method for Itself {
    fn run<'py>(_: Python<'py>, called: Called<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(called.memory)
    }
}
