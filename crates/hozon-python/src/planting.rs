//! The local modules that are loaded, and the cells that a shell has run, which put something on classes of
//! others, as their texts say.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hozon_syntax::may_plant;
use hozon_sys::Shortcuts;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyString};

use crate::code::{self, Source};
use crate::guards::loaded_modules;
use crate::places;

/// A module that puts something somewhere.
#[derive(Clone)]
pub(crate) struct Planting {
    pub(crate) namespace: Arc<Py<PyDict>>,
    pub(crate) source: Arc<Source>,
    /// It is a cell: what an earlier one has registered by the same name is replaced.
    pub(crate) is_cell: bool,
}

/// A module as it was loaded once: the addresses of the object and of its specification, which is another
/// one after a reload.
type Loaded = (usize, usize);

#[derive(Default)]
struct Known {
    foreign: HashSet<Loaded>,
    local: HashMap<String, Loaded>,
    planting: HashMap<String, Planting>,
    /// By the names of their texts, in the order in which they came.
    cells: Vec<(String, Option<Planting>)>,
}

/// The lock is only held with the interpreter attached and never while Python code runs.
static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// How many modules were loaded when they were last looked at.
static COUNT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// How many texts the line cache had when a shell's cells were last looked at.
static CELL_COUNT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Which set of planting modules and cells is known.
static GENERATION: AtomicU64 = AtomicU64::new(0);

fn lock() -> MutexGuard<'static, Option<Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns another number whenever other local modules or cells that put something somewhere are there.
/// `lines` is what [`lines_of_cells`] gave.
#[inline]
pub(crate) fn generation(modules: &Bound<'_, PyDict>, lines: Option<&Bound<'_, PyDict>>) -> PyResult<u64> {
    if modules.len() != COUNT.load(Ordering::Relaxed) {
        look_at(modules)?;
    }
    if let Some(lines) = lines
        && lines.len() != CELL_COUNT.load(Ordering::Relaxed)
    {
        look_at_cells(modules, lines)?;
    }
    Ok(GENERATION.load(Ordering::Relaxed))
}

/// Returns the line cache where the main program is a shell, whose cells have their text nowhere else.
pub(crate) fn lines_of_cells<'py>(modules: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(main) = namespace_of(modules, "__main__")? else { return Ok(None) };
    if main.contains("__file__")? {
        return Ok(None);
    }
    let Some(line_cache) = namespace_of(modules, "linecache")? else { return Ok(None) };
    Ok(line_cache.get_item("cache")?.and_then(|cache| cache.cast_into().ok()))
}

pub(crate) fn namespace_of<'py>(
    modules: &Bound<'py, PyDict>,
    name: &str,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let module = modules.get_item(name)?;
    Ok(module.and_then(|module| module.cast::<PyModule>().ok().map(|module| module.dict())))
}

/// Returns the planting modules that are loaded, in the order of their names, and the planting cells, the last
/// one first; and their generation.
pub(crate) fn planting(py: Python<'_>) -> PyResult<(Vec<Planting>, u64)> {
    let modules = loaded_modules(py)?;
    if modules.len() != COUNT.load(Ordering::Relaxed) || !local_ones_are_as_before(&modules)? {
        look_at(&modules)?;
    }
    let generation = generation(&modules, lines_of_cells(&modules)?.as_ref())?;
    let known = lock();
    let Some(known) = &*known else { return Ok((Vec::new(), generation)) };
    let mut found: Vec<(&String, &Planting)> = known.planting.iter().collect();
    found.sort_by_key(|(name, _)| *name);
    let cells = known.cells.iter().rev().filter_map(|(_, planting)| planting.as_ref());
    Ok((found.into_iter().map(|(_, planting)| planting).chain(cells).cloned().collect(), generation))
}

/// Tells whether the local modules that are known were neither reloaded nor replaced.
fn local_ones_are_as_before(modules: &Bound<'_, PyDict>) -> PyResult<bool> {
    let local: Vec<(String, Loaded)> = match &*lock() {
        Some(known) => known.local.iter().map(|(name, loaded)| (name.clone(), *loaded)).collect(),
        None => return Ok(false),
    };
    for (name, loaded) in local {
        let now = modules.get_item(name)?;
        if now.as_ref().and_then(loaded_as).is_none_or(|(now, _)| now != loaded) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Looks at the modules that were not loaded before.
fn look_at(modules: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = modules.py();
    let count = modules.len();
    let foreign_folders = places::foreign_folders(py)?;
    let mut known = lock().take().unwrap_or_default();
    let mut local = HashMap::new();
    let mut planting = HashMap::new();
    let mut has_changed = false;
    for (name, module) in modules.copy()?.iter() {
        let Some((loaded, namespace)) = loaded_as(&module) else { continue };
        if known.foreign.contains(&loaded) {
            continue;
        }
        let Some(file) = local_file(&namespace, &foreign_folders)? else {
            known.foreign.insert(loaded);
            continue;
        };
        let Ok(name) = name.extract::<String>() else { continue };
        if known.local.get(&name) == Some(&loaded) {
            planting.extend(known.planting.remove(&name).map(|it| (name.clone(), it)));
        } else if let Some(source) = planting_source(py, &file, &name)? {
            has_changed = true;
            let namespace = Arc::new(namespace.unbind());
            planting.insert(name.clone(), Planting { namespace, source, is_cell: false });
        }
        local.insert(name, loaded);
    }
    // What is left there is no longer loaded, or another module by now.
    has_changed |= !known.planting.is_empty();
    let gone = std::mem::replace(&mut known.planting, planting);
    known.local = local;
    let before = lock().replace(known);
    COUNT.store(count, Ordering::Relaxed);
    if has_changed {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    drop((gone, before));
    Ok(())
}

/// Looks at the cells that a shell has run since it was last looked at.
fn look_at_cells(modules: &Bound<'_, PyDict>, lines: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = modules.py();
    let count = lines.len();
    let Some(main) = namespace_of(modules, "__main__")? else { return Ok(()) };
    let namespace = Arc::new(main.unbind());
    let names: Vec<String> = py.import("hozon._sources")?.call_method0("cells")?.extract()?;
    let before = lock().as_mut().map(|known| std::mem::take(&mut known.cells)).unwrap_or_default();
    let mut before: HashMap<String, Option<Planting>> = before.into_iter().collect();
    let mut cells = Vec::with_capacity(names.len());
    let mut has_changed = false;
    for name in names {
        let planting = match before.remove(&name) {
            Some(known) => known,
            None => {
                let source = planting_source(py, &name, "__main__")?;
                has_changed |= source.is_some();
                source.map(|source| Planting { namespace: Arc::clone(&namespace), source, is_cell: true })
            }
        };
        cells.push((name, planting));
    }
    has_changed |= before.values().any(Option::is_some);
    lock().get_or_insert_default().cells = cells;
    CELL_COUNT.store(count, Ordering::Relaxed);
    if has_changed {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The namespace of a module and what tells its present load from others; None for what is no plain module:
/// lazy ones run code when they are asked.
fn loaded_as<'py>(module: &Bound<'py, PyAny>) -> Option<(Loaded, Bound<'py, PyDict>)> {
    let namespace = module.cast::<PyModule>().ok()?.dict();
    let specification = namespace.get_item(intern!(module.py(), "__spec__")).ok()??;
    Some(((module.as_ptr() as usize, specification.as_ptr() as usize), namespace))
}

/// The file of a module of local code; None for others. What is installed is not looked at, even where it came
/// from a person's folder: to find that out would cost more than all the rest.
fn local_file(namespace: &Bound<'_, PyDict>, foreign_folders: &[String]) -> PyResult<Option<String>> {
    let Some(file) = namespace.get_item(intern!(namespace.py(), "__file__"))? else { return Ok(None) };
    let Ok(file) = file.cast::<PyString>() else { return Ok(None) };
    let file = file.to_cow().unwrap_or_else(|_| file.to_string_lossy());
    let is_local = !file.starts_with('<') && !places::is_installed(&file, foreign_folders);
    Ok(is_local.then(|| file.into_owned()))
}

/// The source of a module, if it puts anything anywhere.
fn planting_source(py: Python<'_>, file: &str, name: &str) -> PyResult<Option<Arc<Source>>> {
    let text = py.import("hozon._sources")?.call_method1("text_of", (file, name))?;
    let Ok((text, _, _)) = text.extract::<(String, u64, u64)>() else { return Ok(None) };
    if Shortcuts::are_taken() && !may_plant(&text) {
        return Ok(None);
    }
    let source = code::source_of(py, file, name)?;
    Ok(source.filter(|source| !source.module.plants().is_empty()))
}
