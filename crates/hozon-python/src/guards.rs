//! Cheap checks that what a name meant when code was analysed is what it means now.
//!
//! A guard holds what it expects, so an address cannot have been given to another object.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

/// One thing that must not have changed.
pub(crate) enum Guard {
    /// A name in a module's namespace, or its absence there.
    Slot { namespace: Py<PyDict>, name: Py<PyString>, expected: Option<Py<PyAny>> },
    /// What a closed-over variable holds.
    Cell { cell: Py<PyAny>, expected: Option<Py<PyAny>> },
    /// The code and the defaults of a function (None: of the root itself, which is not held).
    Function { function: Option<Py<PyAny>>, parts: [Py<PyAny>; 3] },
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

    pub(crate) fn function(function: &Bound<'_, PyAny>, is_root: bool) -> PyResult<Self> {
        let parts = function_parts(function)?.map(Bound::unbind);
        Ok(Self::Function { function: (!is_root).then(|| function.clone().unbind()), parts })
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
            Self::Function { function, parts } => {
                let function = function.as_ref().map_or(root, |function| function.bind(py));
                let now = function_parts(function)?;
                Ok(now.iter().zip(parts).all(|(now, then)| now.is(then)))
            }
            Self::Class { class, bases, items } => {
                let class = class.as_ref().map_or(root, |class| class.bind(py));
                class_is_unchanged(class, bases, items)
            }
        }
    }
}

fn is_same(found: Option<&Bound<'_, PyAny>>, expected: Option<&Py<PyAny>>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => found.is(expected),
        (None, None) => true,
        _ => false,
    }
}

fn function_parts<'py>(function: &Bound<'py, PyAny>) -> PyResult<[Bound<'py, PyAny>; 3]> {
    let py = function.py();
    Ok([
        function.getattr(intern!(py, "__code__"))?,
        function.getattr(intern!(py, "__defaults__"))?,
        function.getattr(intern!(py, "__kwdefaults__"))?,
    ])
}

/// Returns what a cell holds, or None where the variable is unbound.
pub(crate) fn cell_contents<'py>(cell: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    cell.getattr(intern!(cell.py(), "cell_contents")).ok()
}

/// Returns the names and values of a class's own namespace.
pub(crate) fn class_items<'py>(
    class: &Bound<'py, PyType>,
) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>> {
    let namespace = class.getattr(intern!(class.py(), "__dict__"))?;
    let mut items = Vec::new();
    for item in namespace.call_method0(intern!(class.py(), "items"))?.try_iter()? {
        let (name, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item?.extract()?;
        if let Ok(name) = name.cast_into::<PyString>() {
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
