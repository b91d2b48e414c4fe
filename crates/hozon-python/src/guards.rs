//! Cheap checks that what a name meant when code was analysed is what it means now.
//!
//! A guard holds what it expects, so an address cannot have been given to another object.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use crate::{names, places, planting, reach_class};

/// One thing that must not have changed.
pub(crate) enum Guard {
    /// A name in a module's namespace, or its absence there.
    Slot { namespace: Py<PyDict>, name: Py<PyString>, expected: Option<Py<PyAny>> },
    /// What a closed-over variable holds.
    Cell { cell: Py<PyAny>, expected: Option<Py<PyAny>> },
    /// The code and the defaults of a function (None: of the root itself, which is not held).
    Function {
        function: Option<Py<PyAny>>,
        parts: [Py<PyAny>; 3],
        /// The defaults of keyword-only parameters: their dict can change in place.
        keyword_defaults: Vec<(Py<PyAny>, Py<PyAny>)>,
    },
    /// What a class that is not the program's own holds itself by a name.
    Attribute { class: Py<PyType>, name: Py<PyString>, expected: Option<Py<PyAny>> },
    /// Which local modules are loaded, and which cells a shell has run, that put something on others' classes.
    Planting { modules: Py<PyDict>, lines: Option<Py<PyDict>>, generation: u64 },
    /// What is registered with abstract classes, of all the process: `abc.get_cache_token()`.
    Registered { token: Py<PyAny> },
    /// The attributes and bases of a class (None: of the root itself).
    Class { class: Option<Py<PyAny>>, bases: Py<PyAny>, items: Vec<(Py<PyString>, Py<PyAny>)> },
}

impl Guard {
    pub(crate) fn slot<'py>(
        namespace: &Bound<'py, PyDict>,
        name: &str,
        expected: Option<&Bound<'py, PyAny>>,
    ) -> Self {
        Self::Slot {
            namespace: namespace.clone().unbind(),
            name: PyString::intern(namespace.py(), name).unbind(),
            expected: expected.map(|object| object.clone().unbind()),
        }
    }

    pub(crate) fn attribute<'py>(
        class: &Bound<'py, PyType>,
        name: &str,
        expected: Option<&Bound<'py, PyAny>>,
    ) -> Self {
        Self::Attribute {
            class: class.clone().unbind(),
            name: PyString::intern(class.py(), name).unbind(),
            expected: expected.map(|object| object.clone().unbind()),
        }
    }

    pub(crate) fn registered(py: Python<'_>) -> PyResult<Self> {
        Ok(Self::Registered { token: reach_class::registration_token(py)?.unbind() })
    }

    pub(crate) fn function(function: &Bound<'_, PyAny>, is_root: bool) -> PyResult<Self> {
        let parts = function_parts(function)?;
        let keyword_defaults = match parts[2].cast::<PyDict>() {
            Ok(defaults) => defaults.iter().map(|(name, value)| (name.unbind(), value.unbind())).collect(),
            Err(_) => Vec::new(),
        };
        let function = (!is_root).then(|| function.clone().unbind());
        Ok(Self::Function { function, parts: parts.map(Bound::unbind), keyword_defaults })
    }

    pub(crate) fn class(class: &Bound<'_, PyType>, is_root: bool) -> PyResult<Self> {
        let mut items = Vec::new();
        for (name, value) in class_items(class)? {
            items.push((name.unbind(), value.unbind()));
        }
        let bases = class.getattr(intern!(class.py(), "__bases__"))?.unbind();
        Ok(Self::Class { class: (!is_root).then(|| class.clone().into_any().unbind()), bases, items })
    }

    /// Returns the name that the guard watches, if it is one of this namespace.
    pub(crate) fn name_in(&self, namespace: &Bound<'_, PyAny>) -> Option<String> {
        match self {
            Self::Slot { namespace: own, name, .. } if own.is(namespace) => Some(name.to_string()),
            _ => None,
        }
    }

    /// Tells whether the guard holds; `root` is the object that the analysis started from.
    pub(crate) fn holds(&self, root: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = root.py();
        match self {
            Self::Slot { namespace, name, expected } => {
                let found = namespace.bind(py).get_item(name.bind(py))?;
                Ok(is_same(found.as_ref(), expected.as_ref()))
            }
            Self::Cell { cell, expected } => {
                let found = cell_contents(cell.bind(py));
                Ok(is_same(found.as_ref(), expected.as_ref()))
            }
            Self::Attribute { class, name, expected } => {
                let found = own_attribute(class.bind(py), name.bind(py).to_str()?)?;
                Ok(is_same(found.as_ref(), expected.as_ref()))
            }
            Self::Planting { modules, lines, generation } => {
                let lines = lines.as_ref().map(|lines| lines.bind(py));
                Ok(planting::generation(modules.bind(py), lines)? == *generation)
            }
            Self::Registered { token } => reach_class::registration_token(py)?.eq(token.bind(py)),
            Self::Function { function, parts, keyword_defaults } => {
                let function = function.as_ref().map_or(root, |function| function.bind(py));
                if let Some(holds) = direct::has_parts(function, parts)
                    && (!holds || keyword_defaults.is_empty())
                {
                    return Ok(holds);
                }
                let now = function_parts(function)?;
                if !now.iter().zip(parts).all(|(now, then)| now.is(then)) {
                    return Ok(false);
                }
                let Ok(defaults) = now[2].cast::<PyDict>() else { return Ok(true) };
                Ok(defaults.len() == keyword_defaults.len()
                    && defaults
                        .iter()
                        .zip(keyword_defaults)
                        .all(|(now, then)| now.0.is(&then.0) && now.1.is(&then.1)))
            }
            Self::Class { class, bases, items } => {
                let class = class.as_ref().map_or(root, |class| class.bind(py));
                class_is_unchanged(class, bases, items)
            }
        }
    }
}

impl Guard {
    /// The function or class that is guarded; None for names, and where that is no object.
    pub(crate) fn definition<'py>(&self, root: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let (Self::Function { function: object, .. } | Self::Class { class: object, .. }) = self else {
            return None;
        };
        let definition =
            object.as_ref().map_or_else(|| root.clone(), |object| object.bind(root.py()).clone());
        (!definition.is_none()).then_some(definition)
    }

    /// Calls `visit` for each reference that the guard holds.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(*mut pyo3::ffi::PyObject)) {
        match self {
            Self::Slot { namespace, name, expected } => {
                visit(namespace.as_ptr());
                visit(name.as_ptr());
                expected.iter().for_each(|object| visit(object.as_ptr()));
            }
            Self::Cell { cell, expected } => {
                visit(cell.as_ptr());
                expected.iter().for_each(|object| visit(object.as_ptr()));
            }
            Self::Function { function, parts, keyword_defaults } => {
                function.iter().chain(parts).for_each(|object| visit(object.as_ptr()));
                for (name, value) in keyword_defaults {
                    visit(name.as_ptr());
                    visit(value.as_ptr());
                }
            }
            Self::Attribute { class, name, expected } => {
                visit(class.as_ptr());
                visit(name.as_ptr());
                expected.iter().for_each(|object| visit(object.as_ptr()));
            }
            Self::Planting { modules, lines, .. } => {
                visit(modules.as_ptr());
                lines.iter().for_each(|lines| visit(lines.as_ptr()));
            }
            Self::Registered { token } => visit(token.as_ptr()),
            Self::Class { class, bases, items } => {
                class.iter().for_each(|object| visit(object.as_ptr()));
                visit(bases.as_ptr());
                for (name, value) in items {
                    visit(name.as_ptr());
                    visit(value.as_ptr());
                }
            }
        }
    }
}

/// Where code that was reached may bind names for good.
#[derive(Default)]
pub(crate) struct Bindable<'py> {
    pub(crate) namespaces: Vec<Bound<'py, PyAny>>,
    pub(crate) cells: Vec<Bound<'py, PyAny>>,
}

impl<'py> Bindable<'py> {
    /// Adds the places of one guard. `root` is what the analysis started from.
    pub(crate) fn add(
        &mut self,
        py: Python<'py>,
        guard: &Guard,
        root: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        match guard {
            Guard::Slot { namespace, .. } => self.add_namespace(namespace.bind(py).as_any())?,
            Guard::Cell { cell, .. } => add_once(&mut self.cells, cell.bind(py)),
            Guard::Attribute { .. } | Guard::Planting { .. } | Guard::Registered { .. } => {}
            Guard::Function { .. } | Guard::Class { .. } => {
                let Some(definition) = guard.definition(root.unwrap_or(&py.None().into_bound(py))) else {
                    return Ok(());
                };
                if let Some(namespace) = definition.getattr_opt(intern!(py, "__globals__"))? {
                    self.add_namespace(&namespace)?;
                }
                if let Some(closure) = definition.getattr_opt(intern!(py, "__closure__"))?
                    && !closure.is_none()
                {
                    for cell in closure.try_iter()? {
                        add_once(&mut self.cells, &cell?);
                    }
                }
            }
        }
        Ok(())
    }

    /// What libraries bind in their own modules is their own matter; which modules are loaded binds no name.
    fn add_namespace(&mut self, namespace: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = namespace.py();
        if namespace.is(&loaded_modules(py)?) {
            return Ok(());
        }
        let name = namespace.cast::<PyDict>()?.get_item(intern!(py, "__name__"))?;
        let name = name.and_then(|name| name.extract::<String>().ok()).unwrap_or_default();
        if matches!(places::of_module(py, &name)?, places::Place::Local) {
            add_once(&mut self.namespaces, namespace);
        }
        Ok(())
    }
}

/// Returns `sys.modules`.
pub(crate) fn loaded_modules(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    Ok(py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?.cast_into()?)
}

fn add_once<'py>(list: &mut Vec<Bound<'py, PyAny>>, object: &Bound<'py, PyAny>) {
    if !list.iter().any(|known| known.is(object)) {
        list.push(object.clone());
    }
}

fn is_same(found: Option<&Bound<'_, PyAny>>, expected: Option<&Py<PyAny>>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => found.is(expected),
        (None, None) => true,
        _ => false,
    }
}

/// Returns the code, the defaults and the keyword defaults of a function.
fn function_parts<'py>(function: &Bound<'py, PyAny>) -> PyResult<[Bound<'py, PyAny>; 3]> {
    let py = function.py();
    if let Some(parts) = direct::function_parts(function) {
        return Ok(parts);
    }
    Ok([
        function.getattr(intern!(py, "__code__"))?,
        function.getattr(intern!(py, "__defaults__"))?,
        function.getattr(intern!(py, "__kwdefaults__"))?,
    ])
}

/// Returns what a cell holds, or None where the variable is unbound.
pub(crate) fn cell_contents<'py>(cell: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if let Some(contents) = direct::cell_contents(cell) {
        return contents;
    }
    cell.getattr(intern!(cell.py(), "cell_contents")).ok()
}

/// Returns what a class holds itself by a name, bases and metaclass not asked.
pub(crate) fn own_attribute<'py>(
    class: &Bound<'py, PyType>,
    name: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    let namespace = py
        .get_type::<PyType>()
        .call_method1(intern!(py, "__getattribute__"), (class, intern!(py, "__dict__")))?;
    if namespace.contains(name)? { Ok(Some(namespace.get_item(name)?)) } else { Ok(None) }
}

/// What Python and libraries note in a class when its instances are taken apart: no attribute of the
/// program's.
const NOTES: [&str; 1] = ["__slotnames__"];

/// Returns the names and values of a class's own namespace.
pub(crate) fn class_items<'py>(
    class: &Bound<'py, PyType>,
) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>> {
    let namespace = class.getattr(intern!(class.py(), "__dict__"))?;
    let mut items = Vec::new();
    for item in namespace.call_method0(intern!(class.py(), "items"))?.try_iter()? {
        let (name, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item?.extract()?;
        let Ok(name) = name.cast_into::<PyString>() else { continue };
        let is_note = NOTES.iter().any(|note| name == *note);
        if !is_note && !is_taken_from_base(class, &namespace, &name, &value)? {
            items.push((name, value));
        }
    }
    Ok(items)
}

fn class_is_unchanged(
    class: &Bound<'_, PyAny>,
    bases: &Py<PyAny>,
    items: &[(Py<PyString>, Py<PyAny>)],
) -> PyResult<bool> {
    let py = class.py();
    let class = class.cast::<PyType>()?;
    if !class.getattr(intern!(py, "__bases__"))?.is(bases) {
        return Ok(false);
    }
    let now = class_items(class)?;
    let pairs = now.iter().zip(items);
    let unchanged = pairs
        .into_iter()
        .all(|((name, value), (old_name, old_value))| value.is(old_value) && name.is(old_name));
    Ok(now.len() == items.len() && unchanged)
}

/// Tells whether this is the `__init__` that a protocol's subclass takes from a base when it is first
/// called: that of the base counts already.
fn is_taken_from_base(
    class: &Bound<'_, PyType>,
    namespace: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let own = format!("{}.__init__", names::text_attribute(class, "__qualname__"));
    Ok(name == "__init__"
        && namespace.contains("_is_protocol")?
        && names::text_attribute(value, "__qualname__") != own)
}

/// Reads functions and cells without attribute look-ups, which would cost a hit in memory more than all
/// the rest.
///
/// CPython exports these functions in every release from 3.11 on; only its headers for extensions that
/// serve several releases leave them out, and so does the library that those link with on Windows.
#[cfg(not(windows))]
mod direct {
    use pyo3::ffi;
    use pyo3::prelude::*;
    use pyo3::types::PyFunction;

    #[expect(unsafe_code, reason = "functions of the interpreter that its limited headers leave out")]
    // SAFETY: the signatures are those of CPython's headers, unchanged since before 3.11.
    unsafe extern "C" {
        fn PyFunction_GetCode(function: *mut ffi::PyObject) -> *mut ffi::PyObject;
        fn PyFunction_GetDefaults(function: *mut ffi::PyObject) -> *mut ffi::PyObject;
        fn PyFunction_GetKwDefaults(function: *mut ffi::PyObject) -> *mut ffi::PyObject;
        fn PyCell_Get(cell: *mut ffi::PyObject) -> *mut ffi::PyObject;
        static mut PyCell_Type: ffi::PyTypeObject;
    }

    /// None where it is no function.
    pub(super) fn function_parts<'py>(function: &Bound<'py, PyAny>) -> Option<[Bound<'py, PyAny>; 3]> {
        if !function.is_exact_instance_of::<PyFunction>() {
            return None;
        }
        let py = function.py();
        let readers: [unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject; 3] =
            [PyFunction_GetCode, PyFunction_GetDefaults, PyFunction_GetKwDefaults];
        Some(readers.map(|read| {
            // SAFETY: it is a function, and the readers give borrowed references, or null for None.
            #[expect(unsafe_code, reason = "see above")]
            unsafe { Bound::from_borrowed_ptr_or_opt(py, read(function.as_ptr())) }
                .unwrap_or_else(|| py.None().into_bound(py))
        }))
    }

    /// Tells whether a function has these very parts, without taking references; None where it is no
    /// function.
    #[inline]
    pub(super) fn has_parts(function: &Bound<'_, PyAny>, parts: &[Py<PyAny>; 3]) -> Option<bool> {
        if !function.is_exact_instance_of::<PyFunction>() {
            return None;
        }
        // SAFETY: it is a function; what the readers give, null for None, is only compared.
        #[expect(unsafe_code, reason = "see above")]
        unsafe {
            let function = function.as_ptr();
            let is = |now: *mut ffi::PyObject, then: &Py<PyAny>| {
                now == then.as_ptr() || (now.is_null() && then.as_ptr() == ffi::Py_None())
            };
            Some(
                is(PyFunction_GetCode(function), &parts[0])
                    && is(PyFunction_GetDefaults(function), &parts[1])
                    && is(PyFunction_GetKwDefaults(function), &parts[2]),
            )
        }
    }

    /// None where it is no cell; inside it, None where the cell is empty.
    #[expect(clippy::option_option, reason = "two questions, two answers")]
    pub(super) fn cell_contents<'py>(cell: &Bound<'py, PyAny>) -> Option<Option<Bound<'py, PyAny>>> {
        // SAFETY: the type is checked before the cell is read; the reader gives a new reference or null,
        // and sets no exception for a cell.
        #[expect(unsafe_code, reason = "see above")]
        unsafe {
            if ffi::Py_TYPE(cell.as_ptr()) != &raw mut PyCell_Type {
                return None;
            }
            Some(Bound::from_owned_ptr_or_opt(cell.py(), PyCell_Get(cell.as_ptr())))
        }
    }
}

#[cfg(windows)]
mod direct {
    use pyo3::prelude::*;

    pub(super) fn function_parts<'py>(_: &Bound<'py, PyAny>) -> Option<[Bound<'py, PyAny>; 3]> {
        None
    }

    pub(super) fn has_parts(_: &Bound<'_, PyAny>, _: &[Py<PyAny>; 3]) -> Option<bool> {
        None
    }

    #[expect(clippy::option_option, reason = "two questions, two answers")]
    pub(super) fn cell_contents<'py>(_: &Bound<'py, PyAny>) -> Option<Option<Bound<'py, PyAny>>> {
        None
    }
}
