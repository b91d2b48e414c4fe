//! How arguments bind to parameters: keywords against positions, and defaults, give one key.

use std::collections::BTreeSet;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyString, PyTuple};

const VARIABLE_POSITIONAL: u32 = 0x04;
const VARIABLE_KEYWORD: u32 = 0x08;

/// The parameters of a function; none are known of a callable that is no Python function.
pub(crate) struct Binding(Option<Parameters>);

struct Parameters {
    /// Positional parameters, then keyword-only ones.
    names: Vec<Py<PyString>>,
    positional: usize,
    positional_only: usize,
    /// The names of `*args` and `**kwargs`.
    rest: Option<String>,
    keywords: Option<String>,
}

/// One argument, bound.
pub(crate) struct Bound<'py> {
    /// The parameter, or where in `*args` or `**kwargs` it stands: `x`, `args[0]`, `kwargs[name]`.
    pub(crate) label: String,
    pub(crate) value: pyo3::Bound<'py, PyAny>,
    /// It is the parameter's default, the very object.
    pub(crate) is_default: bool,
}

impl Bound<'_> {
    /// Tells whether the argument is left out of keys: its parameter, or its own name in `**kwargs`.
    pub(crate) fn is_ignored(&self, ignored: &BTreeSet<String>) -> bool {
        let mut names = self.label.trim_end_matches(']').splitn(2, '[');
        names.any(|name| ignored.contains(name))
    }
}

impl Binding {
    pub(crate) fn of(function: &pyo3::Bound<'_, PyAny>) -> PyResult<Self> {
        if !function.is_instance_of::<PyFunction>() {
            return Ok(Self(None));
        }
        let code = function.getattr("__code__")?;
        let count = |name: &str| -> PyResult<usize> { code.getattr(name)?.extract() };
        let flags: u32 = code.getattr("co_flags")?.extract()?;
        let positional = count("co_argcount")?;
        let named = positional + count("co_kwonlyargcount")?;
        let variables: Vec<pyo3::Bound<'_, PyString>> = code.getattr("co_varnames")?.extract()?;
        let mut extra = variables[named..].iter().map(|name| name.to_string_lossy().into_owned());
        let rest = if flags & VARIABLE_POSITIONAL != 0 { extra.next() } else { None };
        let keywords = if flags & VARIABLE_KEYWORD != 0 { extra.next() } else { None };
        Ok(Self(Some(Parameters {
            names: variables[..named].iter().map(|name| name.clone().unbind()).collect(),
            positional,
            positional_only: count("co_posonlyargcount")?,
            rest,
            keywords,
        })))
    }

    /// Refuses names to ignore that no parameter has: a misspelt one would silently do nothing.
    pub(crate) fn check_ignored(&self, ignored: &BTreeSet<String>) -> PyResult<()> {
        let Some(parameters) = &self.0 else {
            let message = "ignore needs the names of parameters, which only Python functions have: write a function around this callable";
            return if ignored.is_empty() { Ok(()) } else { Err(PyValueError::new_err(message)) };
        };
        Python::attach(|py| {
            let mut known: BTreeSet<String> =
                parameters.names.iter().map(|name| name.bind(py).to_string_lossy().into_owned()).collect();
            known.extend(parameters.rest.iter().chain(&parameters.keywords).cloned());
            match ignored.difference(&known).next() {
                None => Ok(()),
                Some(_) if parameters.keywords.is_some() => Ok(()),
                Some(name) => Err(PyValueError::new_err(format!(
                    "ignore names `{name}`, but the function has no such parameter"
                ))),
            }
        })
    }

    /// Binds arguments in the order of the parameters; None where they do not fit, so that the call
    /// itself raises Python's own error.
    pub(crate) fn bind<'py>(
        &self,
        function: &pyo3::Bound<'py, PyAny>,
        args: &pyo3::Bound<'py, PyTuple>,
        kwargs: &pyo3::Bound<'py, PyDict>,
    ) -> PyResult<Option<Vec<Bound<'py>>>> {
        match &self.0 {
            Some(parameters) => parameters.bind(function, args, kwargs),
            None => Ok(Some(bind_unknown(args, kwargs)?)),
        }
    }
}

impl Parameters {
    fn bind<'py>(
        &self,
        function: &pyo3::Bound<'py, PyAny>,
        args: &pyo3::Bound<'py, PyTuple>,
        kwargs: &pyo3::Bound<'py, PyDict>,
    ) -> PyResult<Option<Vec<Bound<'py>>>> {
        let py = function.py();
        let given = args.len();
        if given > self.positional && self.rest.is_none() {
            return Ok(None);
        }
        let mut bound = Vec::with_capacity(self.names.len());
        let mut used = 0;
        for (index, name) in self.names.iter().enumerate() {
            let name = name.bind(py);
            let by_keyword = if index >= self.positional_only && !kwargs.is_empty() {
                kwargs.get_item(name)?
            } else {
                None
            };
            let by_position =
                if index < given.min(self.positional) { Some(args.get_item(index)?) } else { None };
            let default = self.default(function, index)?;
            let value = match (by_position, by_keyword) {
                (Some(_), Some(_)) => return Ok(None),
                (Some(value), None) => value,
                (None, Some(value)) => {
                    used += 1;
                    value
                }
                (None, None) => match &default {
                    Some(default) => default.clone(),
                    None => return Ok(None),
                },
            };
            let is_default = default.is_some_and(|default| default.is(&value));
            bound.push(Bound { label: name.to_string_lossy().into_owned(), value, is_default });
        }
        self.bind_rest(args, &mut bound)?;
        if used < kwargs.len() && !self.bind_keywords(py, kwargs, &mut bound)? {
            return Ok(None);
        }
        Ok(Some(bound))
    }

    fn bind_rest<'py>(&self, args: &pyo3::Bound<'py, PyTuple>, bound: &mut Vec<Bound<'py>>) -> PyResult<()> {
        let Some(rest) = &self.rest else { return Ok(()) };
        for (index, value) in args.iter().skip(self.positional).enumerate() {
            bound.push(Bound { label: format!("{rest}[{index}]"), value, is_default: false });
        }
        Ok(())
    }

    /// Adds what goes into `**kwargs`, by name: the order of keywords is no input. Tells whether there
    /// is a place for it.
    fn bind_keywords<'py>(
        &self,
        py: Python<'py>,
        kwargs: &pyo3::Bound<'py, PyDict>,
        bound: &mut Vec<Bound<'py>>,
    ) -> PyResult<bool> {
        let Some(keywords) = &self.keywords else { return Ok(false) };
        let mut extra = Vec::new();
        for (name, value) in kwargs.iter() {
            let is_taken = |known: &Py<PyString>| known.bind(py).as_any().eq(&name).unwrap_or(false);
            let taken = self.names[self.positional_only..].iter().any(is_taken);
            if !taken {
                extra.push((name.extract::<String>()?, value));
            }
        }
        extra.sort_by(|left, right| left.0.cmp(&right.0));
        for (name, value) in extra {
            bound.push(Bound { label: format!("{keywords}[{name}]"), value, is_default: false });
        }
        Ok(true)
    }

    /// The default of a parameter, read only where the call may need it.
    fn default<'py>(
        &self,
        function: &pyo3::Bound<'py, PyAny>,
        index: usize,
    ) -> PyResult<Option<pyo3::Bound<'py, PyAny>>> {
        let py = function.py();
        if index >= self.positional {
            let defaults = function.getattr(intern!(py, "__kwdefaults__"))?;
            let Ok(defaults) = defaults.cast_into::<PyDict>() else { return Ok(None) };
            return defaults.get_item(self.names[index].bind(py));
        }
        let defaults = function.getattr(intern!(py, "__defaults__"))?;
        let Ok(defaults) = defaults.cast_into::<PyTuple>() else { return Ok(None) };
        let first = self.positional - defaults.len();
        if index < first { Ok(None) } else { defaults.get_item(index - first).map(Some) }
    }
}

fn bind_unknown<'py>(
    args: &pyo3::Bound<'py, PyTuple>,
    kwargs: &pyo3::Bound<'py, PyDict>,
) -> PyResult<Vec<Bound<'py>>> {
    let mut bound: Vec<Bound<'py>> = args
        .iter()
        .enumerate()
        .map(|(index, value)| Bound { label: format!("args[{index}]"), value, is_default: false })
        .collect();
    let mut named: Vec<(String, pyo3::Bound<'py, PyAny>)> =
        kwargs.iter().map(|(name, value)| Ok((name.extract()?, value))).collect::<PyResult<_>>()?;
    named.sort_by(|left, right| left.0.cmp(&right.0));
    bound.extend(named.into_iter().map(|(name, value)| Bound {
        label: format!("kwargs[{name}]"),
        value,
        is_default: false,
    }));
    Ok(bound)
}
