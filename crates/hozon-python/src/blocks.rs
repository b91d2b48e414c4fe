//! `with` blocks: what the body takes and gives, and the key of one run of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use hozon_key::NodeKind;
use hozon_syntax::{Block, EscapeKind, Position, ScopeKind};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::code;
use crate::computation::{Keyed, Pins};
use crate::errors;
use crate::private;
use crate::reach::{self, Reached};
use crate::reach_build::{Builder, Scope};
use crate::walk::{Walked, Walker};
use crate::watch::Suspended;

/// Blocks that were found, by file, text and position: finding one parses the text again.
static FOUND: Mutex<Option<Blocks>> = Mutex::new(None);

type Blocks = HashMap<(String, hozon_format::Digest, Position), Arc<Block>>;

/// A `with` statement whose body may be skipped.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct BlockSite {
    block: Arc<Block>,
    /// The code object that the statement stands in.
    code: Py<PyAny>,
    /// `analysis.py:12`.
    #[pyo3(get)]
    place: String,
}

/// Finds the block that a context manager at a position belongs to; None where the source is not to be
/// had or has no `with` statement there. Raises `SourceChanged` where the code that runs is of an
/// earlier text.
#[pyfunction]
pub(crate) fn block_site(
    py: Python<'_>,
    code: &Bound<'_, PyAny>,
    file: &str,
    module_name: &str,
    line: u32,
    column: u32,
) -> PyResult<Option<BlockSite>> {
    let Some(source) = code::source_of(py, file, module_name)? else { return Ok(None) };
    if !source.is_source_of(code)? {
        return Err(errors::raise(py, "SourceChanged", (source.place(line),)));
    }
    let known = (file.to_owned(), source.module.whole().digest, Position { line, column });
    let found = FOUND
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        .and_then(|all| all.get(&known).cloned());
    let block = match found {
        Some(block) => block,
        None => match py.detach(|| source.module.block_at(line, Some(column))) {
            Ok(block) => Arc::new(block),
            Err(_) => return Ok(None),
        },
    };
    FOUND.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(known, block.clone());
    Ok(Some(BlockSite { place: source.place(line), block, code: code.clone().unbind() }))
}

#[pymethods]
impl BlockSite {
    /// Names that the body may give a value: of the scope around it, `global` ones, `nonlocal` ones.
    #[getter]
    fn binds(&self) -> (Vec<String>, Vec<String>, Vec<String>) {
        (self.block.binds.clone(), self.block.global_binds.clone(), self.block.nonlocal_binds.clone())
    }

    /// Names that the block binds or deletes and that its code has by another name, which marimo gives
    /// private names of cells: as they are written, and as they are called.
    #[getter]
    fn renamed(&self, py: Python<'_>) -> PyResult<Vec<(String, String)>> {
        let block = &self.block;
        let names = block.binds.iter().chain(&block.deletes).chain(&block.global_binds);
        let names = names.chain(&block.target_names).chain(&block.other_target_names);
        private::renamed_in(self.code.bind(py), names)
    }

    /// Names that the body may delete.
    #[getter]
    fn deletes(&self) -> Vec<String> {
        self.block.deletes.clone()
    }

    /// Line and column (bytes of UTF-8) of the start and of the end of the body.
    #[getter]
    fn extent(&self) -> (u32, u32, u32, u32) {
        let (start, end) = (self.block.body_start, self.block.body_end);
        (start.line, start.column, end.line, end.column)
    }

    /// How many managers of the statement are entered after this one.
    #[getter]
    fn managers_after(&self) -> usize {
        self.block.managers_after
    }

    /// The kind of scope: "module", "function" or "class".
    #[getter]
    fn scope(&self) -> &'static str {
        match self.block.scope {
            ScopeKind::Module => "module",
            ScopeKind::Function => "function",
            ScopeKind::Class => "class",
        }
    }

    /// Where control may leave the body in a way that a hit cannot follow: word and line.
    fn escapes(&self) -> Vec<(&'static str, u32)> {
        let word = |kind| match kind {
            EscapeKind::Return => Some("return"),
            EscapeKind::Break => Some("break"),
            EscapeKind::Continue => Some("continue"),
            EscapeKind::Yield => Some("yield"),
            _ => None,
        };
        self.block.escapes.iter().filter_map(|escape| Some((word(escape.kind)?, escape.line))).collect()
    }

    /// The key of one run of the body. `may_stay` names variables whose earlier value the body may leave
    /// them.
    fn keyed<'py>(
        &self,
        py: Python<'py>,
        globals: Bound<'py, PyDict>,
        locals: Option<Bound<'py, PyAny>>,
        may_stay: Vec<String>,
        name: String,
        pins: Pins,
    ) -> PyResult<Keyed> {
        let _own_work = Suspended::new();
        let mut scope = Scope::of_globals(globals);
        scope.code = Some(self.code.bind(py).clone());
        if let Some(locals) = locals {
            scope.locals = items(&locals)?;
        }
        let label = format!("block {name:?}");
        self.make_key(py, &scope, &may_stay, name, pins)
            .map_err(|refusal| errors::undigestible(py, refusal, errors::Input::Variable, &label))
    }
}

fn items<'py>(mapping: &Bound<'py, PyAny>) -> PyResult<BTreeMap<String, Bound<'py, PyAny>>> {
    let mut found = BTreeMap::new();
    for item in mapping.call_method0("items")?.try_iter()? {
        let (name, value): (String, Bound<'py, PyAny>) = item?.extract()?;
        found.insert(name, value);
    }
    Ok(found)
}

impl BlockSite {
    fn analyse<'py>(
        &self,
        mut builder: Builder<'_, 'py>,
        scope: &Scope<'py>,
        may_stay: &[String],
    ) -> Walked<Reached> {
        let number = builder.add_definition(NodeKind::Computation, "body".to_owned());
        builder.reached.definitions[number].own = self.block.body.digest;
        builder.reached.definitions[number].place = Some(self.place.clone());
        let mut edges = Vec::new();
        builder.fragment_edges(&self.block.body, scope, &mut edges)?;
        for name in may_stay {
            builder.earlier_edge(scope, name, &mut edges)?;
        }
        builder.reached.definitions[number].edges = edges;
        builder.run_pending()?;
        Ok(builder.reached)
    }

    fn make_key<'py>(
        &self,
        py: Python<'py>,
        scope: &Scope<'py>,
        may_stay: &[String],
        name: String,
        pins: Pins,
    ) -> Walked<Keyed> {
        let home = scope
            .globals
            .get_item("__name__")?
            .and_then(|name| name.extract::<String>().ok())
            .unwrap_or_default();
        let mut walker = Walker::new(py, pins.local, &home);
        let root = py.None().into_bound(py);
        let mut reached = reach::once_all_is_loaded(&mut walker, |walker| {
            self.analyse(Builder::new(walker, &root), scope, may_stay)
        })?;
        reached.packages = walker.touched.clone();
        reached.aspects = walker.aspects;
        reach::seal_code(&mut reached);
        Keyed::new(py, walker, Arc::new(reached), Vec::new(), Some(name), pins)
    }
}
