//! A function of Python's with a look at its calls: what stands in for it while something is watched.

use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::recorder;

/// Stands in for a function and tells of its calls. It adds no frame to tracebacks, equals the
/// function in sets such as `os.supports_follow_symlinks`, and pickles as the function.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct Observed {
    original: Py<PyAny>,
    before: Option<Py<PyAny>>,
    after: Option<Py<PyAny>>,
    suspends: bool,
    becomes: Option<Py<PyAny>>,
}

#[pymethods]
impl Observed {
    /// Returns the function that it stands for.
    pub(crate) fn original<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.original.bind(py).clone()
    }

    /// While calls of this thread are recorded, `before(arguments, keywords)` is called first; if it
    /// returns True, or `suspends` is True, nothing that the call does is recorded. Then
    /// `after(arguments, keywords, error)` is called. What these raise is lost. The result is what
    /// `becomes(result, arguments)` makes of it.
    #[new]
    #[pyo3(signature = (original, before=None, after=None, suspends=false, becomes=None))]
    fn new(
        original: Py<PyAny>,
        before: Option<Py<PyAny>>,
        after: Option<Py<PyAny>>,
        suspends: bool,
        becomes: Option<Py<PyAny>>,
    ) -> Self {
        Self { original, before, after, suspends, becomes }
    }

    #[pyo3(signature = (*arguments, **keywords))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !recorder::listens() {
            return self.original.bind(py).call(arguments, keywords);
        }
        let suspends = self.suspends || self.asks_to_suspend(arguments, keywords);
        if suspends {
            recorder::suspend_thread();
        }
        let result = self.original.bind(py).call(arguments, keywords);
        if suspends {
            recorder::resume_thread();
        }
        if let Some(after) = &self.after {
            let error = result.as_ref().err().map(|error| error.value(py));
            let _ = after.bind(py).call1((arguments, keywords, error));
        }
        match &self.becomes {
            Some(becomes) => becomes.bind(py).call1((result?, arguments)),
            None => result,
        }
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: Option<&Bound<'py, PyAny>>,
        _owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        // A function of C's that is found on an instance does not bind.
        match instance.filter(|_| slf.get().original.bind(py).hasattr("__get__").unwrap_or(false)) {
            Some(instance) => py.import("types")?.getattr("MethodType")?.call1((slf, instance)),
            None => Ok(slf.clone().into_any()),
        }
    }

    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.original.bind(py).getattr(name)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.original.bind(py).repr()?.to_string_lossy().into_owned())
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.original.bind(py).hash()
    }

    fn __richcmp__(&self, py: Python<'_>, other: &Bound<'_, PyAny>, operator: CompareOp) -> PyResult<bool> {
        let other = match other.cast::<Self>() {
            Ok(other) => other.get().original.bind(py).clone(),
            Err(_) => other.clone(),
        };
        let same = self.original.bind(py).eq(other)?;
        match operator {
            CompareOp::Eq => Ok(same),
            CompareOp::Ne => Ok(!same),
            _ => Err(pyo3::exceptions::PyTypeError::new_err("functions have no order")),
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Py<PyAny>,))> {
        let original = py.import("hozon._hozon")?.getattr("unobserved")?;
        Ok((original, (self.original.clone_ref(py),)))
    }
}

impl Observed {
    fn asks_to_suspend(&self, arguments: &Bound<'_, PyTuple>, keywords: Option<&Bound<'_, PyDict>>) -> bool {
        let Some(before) = &self.before else { return false };
        let answer = before.bind(arguments.py()).call1((arguments, keywords));
        answer.is_ok_and(|answer| answer.is_truthy().unwrap_or(false))
    }
}

/// The function that an `Observed` stands in for: what it is to a key.
pub(crate) fn original_of<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let observed = value.cast_exact::<Observed>().ok()?;
    Some(observed.get().original.bind(value.py()).clone())
}

/// Gives a function back: an `Observed` pickles as this call.
#[pyfunction]
pub(crate) fn unobserved(original: Py<PyAny>) -> Py<PyAny> {
    original
}
