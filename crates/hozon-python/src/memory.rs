//! The native type of functions whose results are kept in memory: `hozon.cache`, `hozon.lru_cache`.
//!
//! It is made with a vectorcall slot, so that a hit makes no tuple of the arguments, and is a method
//! descriptor, so that a method call makes no bound method. Its instances look like the function:
//! `functools.update_wrapper` fills their `__dict__`.

use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::computation::{Computation, Pins};
use crate::memory_call::{Core, Passed};
use crate::{memory_methods, names};

/// An instance, as CPython lays it out.
#[repr(C)]
struct MemoryObject {
    base: ffi::PyObject,
    vectorcall: Option<ffi::vectorcallfunc>,
    dict: *mut ffi::PyObject,
    weak_references: *mut ffi::PyObject,
    /// A box; null only before the object is given out and after it is gone.
    core: *mut Core,
}

static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The bit of a vectorcall's count that says that the caller lends a place before the arguments.
const ARGUMENTS_OFFSET: usize = 1 << (usize::BITS - 1);

// Flags of types, stable since 3.10, which the limited headers of 3.11 leave out in part.
const HAS_VECTORCALL: c_ulong = 1 << 11;
const IS_METHOD_DESCRIPTOR: c_ulong = 1 << 17;
const CANNOT_BE_INSTANTIATED: c_ulong = 1 << 7;
const IS_IMMUTABLE: c_ulong = 1 << 8;

/// Makes a function whose results are kept in memory.
///
/// `capacity` is the most results kept (None: all). A disabled one calls through.
#[pyfunction]
#[pyo3(signature = (function, capacity, disabled, pins))]
pub(crate) fn memory_of<'py>(
    py: Python<'py>,
    function: &Bound<'py, PyAny>,
    capacity: Option<usize>,
    disabled: bool,
    pins: Pins,
) -> PyResult<Bound<'py, PyAny>> {
    let computation = Computation::of(&names::unwrapped(function)?, pins)?;
    let core = Box::new(Core::new(function, computation, capacity, disabled));
    let class = memory_type(py)?;
    // SAFETY: the type is ours, so that what is allocated is a `MemoryObject`, zeroed behind its base.
    // Filling its fields runs no Python code, so nobody sees it without them.
    #[expect(unsafe_code, reason = "instances of a type with a vectorcall slot are made by hand")]
    unsafe {
        let object = Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(class.as_type_ptr(), 0))?;
        let memory = object.as_ptr().cast::<MemoryObject>();
        (*memory).vectorcall = Some(vectorcall);
        (*memory).core = Box::into_raw(core);
        Ok(object)
    }
}

/// Tells whether this is a function whose results are kept in memory.
pub(crate) fn is_memory(value: &Bound<'_, PyAny>) -> bool {
    TYPE.get(value.py()).is_some_and(|class| value.get_type().is(class))
}

/// Returns the type.
pub(crate) fn memory_type(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    TYPE.get_or_try_init(py, || make_type(py)).map(|class| class.bind(py).clone())
}

/// Runs a function of a slot or method: an error, or a panic, becomes a Python exception.
pub(crate) fn guarded(body: impl FnOnce(Python<'_>) -> PyResult<*mut ffi::PyObject>) -> *mut ffi::PyObject {
    Python::attach(|py| {
        let result = catch_unwind(AssertUnwindSafe(|| body(py))).unwrap_or_else(|_| {
            Err(PyRuntimeError::new_err("hozon failed: please report what the call was"))
        });
        result.unwrap_or_else(|error| {
            error.restore(py);
            ptr::null_mut()
        })
    })
}

/// Returns the part of an instance that is Rust's.
///
/// # Safety
///
/// `memory` is a living instance of the type, and outlives the reference.
#[expect(unsafe_code, reason = "instances are laid out by hand")]
pub(crate) unsafe fn core_of<'object>(memory: *mut ffi::PyObject) -> &'object Core {
    // SAFETY: the caller holds the instance, whose box lives as long.
    unsafe { &*(*memory.cast::<MemoryObject>()).core }
}

#[expect(unsafe_code, reason = "PyO3's classes have no vectorcall slot")]
fn make_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    let slots = vec![
        slot(ffi::Py_tp_call, call as *mut c_void),
        slot(ffi::Py_tp_descr_get, bind as *mut c_void),
        slot(ffi::Py_tp_repr, repr as *mut c_void),
        slot(ffi::Py_tp_traverse, traverse as *mut c_void),
        slot(ffi::Py_tp_clear, clear as *mut c_void),
        slot(ffi::Py_tp_dealloc, dealloc as *mut c_void),
        slot(ffi::Py_tp_doc, c"A function whose results are kept in memory.".as_ptr() as *mut c_void),
        slot(ffi::Py_tp_members, leaked(members())),
        slot(ffi::Py_tp_getset, leaked(attributes())),
        slot(ffi::Py_tp_methods, leaked(memory_methods::table())),
        slot(0, ptr::null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"hozon._hozon.Memory".as_ptr(),
        basicsize: size_of::<MemoryObject>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_HAVE_GC
            | HAS_VECTORCALL
            | IS_METHOD_DESCRIPTOR
            | CANNOT_BE_INSTANTIATED
            | IS_IMMUTABLE) as u32,
        slots: leaked(slots).cast(),
    };
    // SAFETY: the tables live for ever and end with an empty row; each function has its slot's signature.
    unsafe {
        let class = Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&raw mut spec))?;
        Ok(class.cast_into::<PyType>()?.unbind())
    }
}

fn slot(number: c_int, function: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot: number, pfunc: function }
}

/// A type's tables are read as long as the type lives: as long as the process.
fn leaked<T>(rows: Vec<T>) -> *mut c_void {
    Box::leak(rows.into_boxed_slice()).as_mut_ptr().cast()
}

fn members() -> Vec<ffi::PyMemberDef> {
    let member = |name: &'static CStr, offset: usize| ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: ptr::null(),
    };
    vec![
        member(c"__vectorcalloffset__", offset_of!(MemoryObject, vectorcall)),
        member(c"__dictoffset__", offset_of!(MemoryObject, dict)),
        member(c"__weaklistoffset__", offset_of!(MemoryObject, weak_references)),
        ffi::PyMemberDef::default(),
    ]
}

fn attributes() -> Vec<ffi::PyGetSetDef> {
    let dict = ffi::PyGetSetDef {
        name: c"__dict__".as_ptr(),
        get: Some(ffi::PyObject_GenericGetDict),
        set: Some(ffi::PyObject_GenericSetDict),
        doc: ptr::null(),
        closure: ptr::null_mut(),
    };
    vec![dict, ffi::PyGetSetDef::default()]
}

/// # Safety
///
/// Called by the interpreter, attached, with a living instance and its arguments.
#[expect(unsafe_code, reason = "a slot of the type")]
unsafe extern "C" fn vectorcall(
    memory: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller holds the instance and its arguments, and is attached. A hit's reference is
    // borrowed from the table; it is made our own before any other code runs.
    unsafe {
        let core = core_of(memory);
        let passed = Passed { arguments, count: count & !ARGUMENTS_OFFSET, names };
        if let Some(found) = core.quick_hit(Python::assume_attached(), &passed) {
            ffi::Py_IncRef(found);
            return found;
        }
        guarded(|py| core.call(py, &passed).map(Bound::into_ptr))
    }
}

/// A call with a tuple and a dict.
///
/// # Safety
///
/// Called by the interpreter, attached, with a living instance, a tuple, and a dict or null.
#[expect(unsafe_code, reason = "a slot of the type")]
unsafe extern "C" fn call(
    memory: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: see above; the vectors live until the call returns.
    guarded(|py| unsafe {
        let args = Bound::from_borrowed_ptr(py, args);
        let mut passed: Vec<Bound<'_, PyAny>> = args.try_iter()?.collect::<PyResult<_>>()?;
        let count = passed.len();
        let mut names = None;
        if let Some(kwargs) = Bound::from_borrowed_ptr_or_opt(py, kwargs) {
            let kwargs = kwargs.cast_into::<pyo3::types::PyDict>()?;
            if !kwargs.is_empty() {
                names = Some(pyo3::types::PyTuple::new(py, kwargs.keys())?);
                passed.extend(kwargs.values());
            }
        }
        let pointers: Vec<*mut ffi::PyObject> = passed.iter().map(Bound::as_ptr).collect();
        let names = names.as_ref().map_or(ptr::null_mut(), Bound::as_ptr);
        Ok(vectorcall(memory, pointers.as_ptr(), count, names)).and_then(|result| or_raised(py, result))
    })
}

/// # Safety
///
/// `result` is a new reference, or null with an exception set.
#[expect(unsafe_code, reason = "results of the C interface are null where an exception is set")]
unsafe fn or_raised(py: Python<'_>, result: *mut ffi::PyObject) -> PyResult<*mut ffi::PyObject> {
    if result.is_null() { Err(PyErr::fetch(py)) } else { Ok(result) }
}

/// Binds to an instance, as functions do.
///
/// # Safety
///
/// Called by the interpreter, attached, with a living instance, and an object or null.
#[expect(unsafe_code, reason = "a slot of the type")]
unsafe extern "C" fn bind(
    memory: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
    _class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: see above.
    guarded(|py| unsafe {
        let memory = Bound::from_borrowed_ptr(py, memory);
        if object.is_null() || object == ffi::Py_None() {
            return Ok(memory.into_ptr());
        }
        static METHOD: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let method = METHOD.import(py, "types", "MethodType")?;
        Ok(method.call1((memory, Bound::from_borrowed_ptr(py, object)))?.into_ptr())
    })
}

/// # Safety
///
/// Called by the interpreter, attached, with a living instance.
#[expect(unsafe_code, reason = "a slot of the type")]
unsafe extern "C" fn repr(memory: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: see above.
    guarded(|py| unsafe {
        let function = core_of(memory).function.bind(py).repr()?;
        let function = function.to_string_lossy();
        let shown = function.strip_prefix('<').and_then(|shown| shown.strip_suffix('>')).unwrap_or(&function);
        Ok(intern!(py, "<cached {}>").call_method1("format", (shown,))?.into_ptr())
    })
}

/// # Safety
///
/// Called by the garbage collector with an instance that has not been deallocated.
#[expect(unsafe_code, reason = "a slot of the type")]
unsafe extern "C" fn traverse(
    memory: *mut ffi::PyObject,
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: each reference that the instance holds is visited at most once, and no Python code runs.
    unsafe {
        let object = memory.cast::<MemoryObject>();
        let mut stopped = 0;
        let mut each = |reference: *mut ffi::PyObject| {
            if stopped == 0 && !reference.is_null() {
                stopped = visit(reference, argument);
            }
        };
        each(ffi::Py_TYPE(memory).cast());
        each((*object).dict);
        if !(*object).core.is_null() {
            (*(*object).core).visit(&mut each);
        }
        stopped
    }
}

/// # Safety
///
/// Called by the garbage collector with an instance that has not been deallocated.
#[expect(unsafe_code, reason = "a slot of the type")]
unsafe extern "C" fn clear(memory: *mut ffi::PyObject) -> c_int {
    // SAFETY: the dict is taken out before its reference is dropped, which may run Python code.
    unsafe {
        let object = memory.cast::<MemoryObject>();
        let dict = ptr::replace(&raw mut (*object).dict, ptr::null_mut());
        ffi::Py_XDECREF(dict);
        if let Some(core) = (*object).core.as_ref() {
            Python::try_attach(|_| core.break_cycles());
        }
    }
    0
}

/// # Safety
///
/// Called by the interpreter when the last reference is gone.
#[expect(unsafe_code, reason = "a slot of the type")]
unsafe extern "C" fn dealloc(memory: *mut ffi::PyObject) {
    // SAFETY: nobody else can reach the instance; what is in it is dropped before its memory is freed.
    unsafe {
        let object = memory.cast::<MemoryObject>();
        ffi::PyObject_GC_UnTrack(memory.cast());
        if !(*object).weak_references.is_null() {
            ffi::PyObject_ClearWeakRefs(memory);
        }
        clear(memory);
        let core = ptr::replace(&raw mut (*object).core, ptr::null_mut());
        if !core.is_null() {
            // An interpreter that is ending frees nothing of ours any more.
            Python::try_attach(|_| drop(Box::from_raw(core)));
        }
        let class = ffi::Py_TYPE(memory);
        ffi::PyObject_GC_Del(memory.cast());
        ffi::Py_DecRef(class.cast());
    }
}
