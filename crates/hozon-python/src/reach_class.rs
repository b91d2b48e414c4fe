//! What a class reaches: its bases, its metaclass, its methods' defaults and closures, its attributes.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyType};

use crate::code::CodeFacts;
use crate::names;

/// Names in a class's namespace that Python itself puts there, or that the class's source says all of.
const NOT_INPUTS: [&str; 24] = [
    "__module__",
    "__qualname__",
    "__doc__",
    "__dict__",
    "__weakref__",
    "__annotations__",
    "__annotate__",
    "__annotate_func__",
    "__annotations_cache__",
    "__firstlineno__",
    "__static_attributes__",
    "__abstractmethods__",
    "_abc_impl",
    "__slots__",
    "__parameters__",
    "__orig_bases__",
    "__type_params__",
    "__dataclass_fields__",
    "__dataclass_params__",
    "__classcell__",
    "__slotnames__",
    "__hash__",
    "__subclasshook__",
    "__init_subclass__",
];

/// Tells whether an attribute of a class is an input beside the class's source.
pub(crate) fn is_input(name: &str) -> bool {
    // The last two are methods where a class defines them, and then inputs.
    !NOT_INPUTS[..NOT_INPUTS.len() - 2].contains(&name)
}

/// Returns the Python functions that an attribute of a class is made of.
pub(crate) fn functions_of<'py>(value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = value.py();
    let value = names::unwrapped(value)?;
    if value.is_instance_of::<PyFunction>() {
        return Ok(vec![value]);
    }
    let class = value.get_type();
    let class_name = names::type_name(&class);
    if class_name == "functools.singledispatchmethod" {
        return functions_of_dispatcher(&value);
    }
    let attributes: &[&str] = match class_name.as_str() {
        "staticmethod" | "classmethod" => &["__func__"],
        "property" => &["fget", "fset", "fdel"],
        "functools.cached_property" | "functools.partialmethod" => &["func"],
        "functools._lru_cache_wrapper" => &["__wrapped__"],
        _ => return Ok(Vec::new()),
    };
    let mut functions = Vec::new();
    for attribute in attributes {
        if let Some(function) = value.getattr_opt(*attribute)? {
            functions.extend(functions_of(&function)?);
        }
    }
    let _ = py;
    Ok(functions)
}

/// The implementations of a method that is chosen by its argument's type, in the order of their types' names.
fn functions_of_dispatcher<'py>(method: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let registry = method.getattr("dispatcher")?.getattr("registry")?;
    let mut found: Vec<(String, Bound<'py, PyAny>)> = Vec::new();
    for item in registry.call_method0("items")?.try_iter()? {
        let (class, function): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item?.extract()?;
        found.push((full_name(&class), function));
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found
        .into_iter()
        .map(|(_, function)| functions_of(&function))
        .collect::<PyResult<Vec<_>>>()
        .map(|all| all.concat())
}

/// Tells whether others can be registered with a class.
pub(crate) fn is_abstract(class: &Bound<'_, PyType>) -> PyResult<bool> {
    class.getattr(intern!(class.py(), "__dict__"))?.contains("_abc_impl")
}

/// Is another one after each registration with any abstract class.
pub(crate) fn registration_token(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import(intern!(py, "_abc"))?.call_method0(intern!(py, "get_cache_token"))
}

/// The classes that were registered with an abstract base class, in the order of their names.
pub(crate) fn registered_with<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let registry = class.py().import("_abc")?.call_method1("_get_dump", (class,))?.get_item(0)?;
    let mut found = Vec::new();
    for reference in registry.try_iter()? {
        let registered = reference?.call0()?;
        if !registered.is_none() {
            found.push(registered);
        }
    }
    found.sort_by_cached_key(full_name);
    Ok(found)
}

fn full_name(class: &Bound<'_, PyAny>) -> String {
    format!("{}.{}", names::text_attribute(class, "__module__"), names::qualified_name(class))
}

/// Tells whether a function stands in the source of the class, which then says all of its code.
pub(crate) fn is_covered(function: &Bound<'_, PyAny>, facts: Option<&CodeFacts>) -> PyResult<bool> {
    let Some((file, first, last)) = facts.and_then(|facts| facts.lines.as_ref()) else { return Ok(false) };
    let Some(code) = function.getattr_opt(intern!(function.py(), "__code__"))? else { return Ok(false) };
    let line: u32 = code.getattr(intern!(function.py(), "co_firstlineno"))?.extract()?;
    Ok(names::text_attribute(&code, "co_filename") == *file && (*first..=*last).contains(&line))
}

/// Tells whether a function was generated from the class's own fields: its source says all of it.
pub(crate) fn is_generated(class: &Bound<'_, PyType>, function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(code) = function.getattr_opt(intern!(class.py(), "__code__"))? else { return Ok(false) };
    let file = names::text_attribute(&code, "co_filename");
    let by_fields = ["__dataclass_fields__", "_fields", "__attrs_attrs__"];
    let has_fields = by_fields.iter().any(|name| class.hasattr(*name).unwrap_or(false));
    // Python's own module puts functions of its own there, which are others in each release.
    let by_dataclasses =
        ["/dataclasses.py", "/reprlib.py"].iter().any(|end| file.replace('\\', "/").ends_with(end));
    Ok(has_fields && (file.starts_with('<') || by_dataclasses) || file.starts_with("<attrs generated"))
}

/// Tells whether an attribute is the machinery of slots and built-in types, which holds no value.
pub(crate) fn is_machinery(value: &Bound<'_, PyAny>) -> bool {
    matches!(
        names::type_name(&value.get_type()).as_str(),
        "member_descriptor"
            | "getset_descriptor"
            | "wrapper_descriptor"
            | "method_descriptor"
            | "classmethod_descriptor"
            | "builtin_function_or_method"
            | "_collections._tuplegetter"
            | "enum.property"
            | "types.DynamicClassAttribute"
    )
}
