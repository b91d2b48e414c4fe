//! From a running function or class to its definition in source, or to its bytecode where there is none.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hozon_format::{Digest, Hasher};
use hozon_syntax::{Definition, Dialect, Fragment, Import, Module, Position, Read, analyse};
use hozon_sys::{Os, System};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::names;
use crate::private::as_written;
use crate::walk::{Walked, Walker};

/// What is known of a function's or class's code.
pub(crate) struct CodeFacts {
    pub(crate) digest: Digest,
    pub(crate) reads: Vec<Read>,
    pub(crate) imports: Vec<Import>,
    pub(crate) decorators: Vec<Fragment>,
    pub(crate) uses_dynamic_names: bool,
    /// What runs code that the text does not show.
    pub(crate) unseen: Vec<String>,
    /// The attributes that it uses of whatever it has at hand, sorted.
    pub(crate) attributes: Arc<[String]>,
    /// `utils.py:12`, for people.
    pub(crate) place: Option<String>,
    /// The source text, for differences shown to people.
    pub(crate) text: Option<String>,
    /// The file and lines that it stands on; none without source.
    pub(crate) lines: Option<(String, u32, u32)>,
}

/// A source text as it was read, analysed.
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) module: Module,
    stamp: (u64, u64),
}

struct Caches {
    sources: HashMap<String, Arc<Source>>,
    /// By the address of the code object, which is held.
    facts: HashMap<usize, (Py<PyAny>, Arc<CodeFacts>)>,
}

/// The lock is only held with the interpreter attached and never while Python code runs.
static CACHES: Mutex<Option<Caches>> = Mutex::new(None);

/// The most code objects remembered: programs that make code in a loop must not fill memory.
const MOST_CODE_OBJECTS: usize = 16_384;

fn caches() -> MutexGuard<'static, Option<Caches>> {
    CACHES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn new_caches() -> Caches {
    Caches { sources: HashMap::new(), facts: HashMap::new() }
}

/// Returns the analysed source that the interpreter knows under a file name; None where there is none,
/// or where it is not Python that the parser knows.
pub(crate) fn source_of(py: Python<'_>, file: &str, module_name: &str) -> PyResult<Option<Arc<Source>>> {
    let found = py.import("hozon._sources")?.call_method1("text_of", (file, module_name))?;
    if found.is_none() {
        return Ok(None);
    }
    let (text, modified, size): (String, u64, u64) = match found.extract() {
        Ok(found) => found,
        // A text with lone surrogates is no source.
        Err(_) => return Ok(None),
    };
    let known = caches().as_ref().and_then(|caches| caches.sources.get(file).cloned());
    if let Some(known) = known.filter(|known| known.stamp == (modified, size) && known.text == text) {
        return Ok(Some(known));
    }
    let Ok(module) = py.detach(|| analyse(&text, Dialect::Python)) else { return Ok(None) };
    let source = Arc::new(Source { file: file.to_owned(), text, module, stamp: (modified, size) });
    caches().get_or_insert_with(new_caches).sources.insert(file.to_owned(), source.clone());
    Ok(Some(source))
}

impl Source {
    /// `utils.py:12`.
    pub(crate) fn place(&self, line: u32) -> String {
        format!("{}:{line}", file_name(&self.file))
    }

    fn lines(&self, first: u32, last: u32) -> String {
        let count = (last.saturating_sub(first) + 1) as usize;
        let lines: Vec<&str> = self.text.lines().skip(first.saturating_sub(1) as usize).take(count).collect();
        lines.join("\n")
    }

    fn facts(&self, definition: &Definition) -> CodeFacts {
        CodeFacts {
            digest: definition.body.digest,
            reads: definition.body.reads.clone(),
            imports: definition.body.imports.clone(),
            decorators: definition.decorators.clone(),
            uses_dynamic_names: definition.body.uses_dynamic_names,
            unseen: definition.body.unseen.clone(),
            attributes: Arc::clone(&definition.body.attributes),
            place: Some(self.place(definition.line)),
            text: Some(self.lines(definition.first_line, definition.last_line)),
            lines: Some((self.file.clone(), definition.first_line, definition.last_line)),
        }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Returns what is known of a function's code.
pub(crate) fn of_function<'py>(
    walker: &mut Walker<'py>,
    function: &Bound<'py, PyAny>,
) -> Walked<Arc<CodeFacts>> {
    let py = function.py();
    let code = function.getattr(intern!(py, "__code__"))?;
    let address = code.as_ptr() as usize;
    let known =
        caches().as_ref().and_then(|caches| caches.facts.get(&address).map(|(_, facts)| facts.clone()));
    if let Some(facts) = known {
        return Ok(facts);
    }
    let module_name = names::text_attribute(function, "__module__");
    let facts = match from_source(&code, &module_name)? {
        Some(facts) => Arc::new(facts),
        None => Arc::new(from_bytecode(walker, &code)?),
    };
    let overflow = {
        let mut caches = caches();
        let facts_by_code = &mut caches.get_or_insert_with(new_caches).facts;
        let full = facts_by_code.len() >= MOST_CODE_OBJECTS;
        let overflow = if full { std::mem::take(facts_by_code) } else { HashMap::new() };
        facts_by_code.insert(address, (code.unbind(), facts.clone()));
        overflow
    };
    drop(overflow);
    Ok(facts)
}

fn from_source(code: &Bound<'_, PyAny>, module_name: &str) -> PyResult<Option<CodeFacts>> {
    let py = code.py();
    let file = names::text_attribute(code, "co_filename");
    let Some(source) = source_of(py, &file, module_name)? else { return Ok(None) };
    if !source.is_source_of(code)? {
        return Ok(None);
    }
    let name = names::text_attribute(code, "co_name");
    let line: u32 = code.getattr("co_firstlineno")?.extract()?;
    let position: Option<(u32, u32)> =
        py.import("hozon._sources")?.call_method1("first_position", (code,))?.extract()?;
    let position = position.map(|(line, column)| Position { line, column });
    let found = source.module.function_at(&name, line, position);
    let found = found.or_else(|| source.module.function_at(as_written(&name), line, position));
    Ok(found.map(|definition| source.facts(definition)))
}

impl Source {
    /// Tells whether a code object was compiled from this text, and not from what the file held before.
    pub(crate) fn is_source_of(&self, code: &Bound<'_, PyAny>) -> PyResult<bool> {
        let arguments = (code, self.file.as_str(), self.text.as_str(), self.stamp.0, self.stamp.1);
        code.py().import("hozon._sources")?.call_method1("made_from", arguments)?.extract()
    }
}

/// Tells results of unsettled sources of this process from those of any other.
static PROCESS_SALT: OnceLock<[u8; 16]> = OnceLock::new();

impl Source {
    /// The digest of something whose loaded state no code object proves. If the file has changed since
    /// the process started, what was loaded may have been another text: then the digest holds in this
    /// process only.
    pub(crate) fn unproved(&self, py: Python<'_>, digest: Digest) -> PyResult<Digest> {
        let arguments = (self.file.as_str(), self.stamp.0);
        if py.import("hozon._sources")?.call_method1("is_settled", arguments)?.extract()? {
            return Ok(digest);
        }
        Ok(of_this_process(&digest))
    }
}

/// Returns a digest that is another one in every process.
pub(crate) fn of_this_process(digest: &Digest) -> Digest {
    let salt = PROCESS_SALT.get_or_init(|| {
        let mut bytes = [0; 16];
        // Without randomness the number of the process and the time must do.
        if Os.fill_random(&mut bytes).is_err() {
            bytes[..8].copy_from_slice(&Os.now_ms().to_le_bytes());
            bytes[8..12].copy_from_slice(&Os.process_id().to_le_bytes());
        }
        bytes
    });
    Hasher::in_domain("hozon 2026 code 1: unsettled source").update(digest.as_bytes()).update(salt).finish()
}

fn from_bytecode<'py>(walker: &mut Walker<'py>, code: &Bound<'py, PyAny>) -> Walked<CodeFacts> {
    let sources = code.py().import("hozon._sources")?;
    let parts = sources.call_method1("bytecode_parts", (code,))?;
    let reads: Vec<Vec<String>> = sources.call_method1("bytecode_reads", (code,))?.extract()?;
    let attributes: Vec<String> = sources.call_method1("bytecode_names", (code,))?.extract()?;
    let line: u32 = code.getattr("co_firstlineno")?.extract()?;
    let file = names::text_attribute(code, "co_filename");
    let parts = walker.digest(&parts)?;
    Ok(CodeFacts {
        digest: Hasher::in_domain("hozon 2026 code 1: bytecode").update(parts.as_bytes()).finish(),
        reads: reads.into_iter().map(|path| Read { path, bare: true }).collect(),
        imports: Vec::new(),
        decorators: Vec::new(),
        uses_dynamic_names: false,
        unseen: Vec::new(),
        attributes: attributes.into(),
        place: Some(format!("{}:{line}", file_name(&file))),
        text: None,
        lines: None,
    })
}

/// Returns what is known of a class's code; None where its source is not to be had.
///
/// A class object does not know its line (before 3.13), so the methods tell: they know theirs. Where
/// several classes of one name remain, all of them count.
pub(crate) fn of_class(class: &Bound<'_, PyType>) -> PyResult<Option<CodeFacts>> {
    let py = class.py();
    let module_name = names::text_attribute(class, "__module__");
    let codes = method_codes(class)?;
    let files: Vec<String> = match codes.first() {
        Some(code) => vec![names::text_attribute(code, "co_filename")],
        None => class_files(py, &module_name)?,
    };
    let qualified_name = names::text_attribute(class, "__qualname__");
    for file in files {
        let Some(source) = source_of(py, &file, &module_name)? else { continue };
        if let Some(code) = codes.first()
            && !source.is_source_of(code)?
        {
            return Ok(None);
        }
        let lines: Vec<u32> = codes
            .iter()
            .filter(|code| names::text_attribute(code, "co_filename") == file)
            .map(|code| code.getattr("co_firstlineno").and_then(|line| line.extract()))
            .collect::<PyResult<_>>()?;
        let mut candidates = source.module.class_candidates(&qualified_name);
        if candidates.is_empty() {
            candidates = source.module.class_candidates(as_written(&qualified_name));
        }
        let holds_a_method = |class: &&&Definition| {
            lines.iter().any(|line| (class.first_line..=class.last_line).contains(line))
        };
        let mut chosen: Vec<&Definition> = candidates.iter().filter(holds_a_method).copied().collect();
        if chosen.is_empty() {
            chosen = candidates;
        }
        if let Some(mut facts) = merged(&source, &chosen) {
            if codes.is_empty() {
                facts.digest = source.unproved(py, facts.digest)?;
            }
            return Ok(Some(facts));
        }
    }
    Ok(None)
}

fn merged(source: &Source, definitions: &[&Definition]) -> Option<CodeFacts> {
    let mut facts = source.facts(definitions.first()?);
    if definitions.len() > 1 {
        let mut hasher = Hasher::in_domain("hozon 2026 code 1: one of several classes");
        for definition in definitions {
            hasher.update(definition.body.digest.as_bytes());
            facts.reads.extend_from_slice(&definition.body.reads);
            facts.imports.extend_from_slice(&definition.body.imports);
        }
        facts.digest = hasher.finish();
        let attributes = definitions.iter().flat_map(|definition| definition.body.attributes.iter().cloned());
        facts.attributes = attributes.collect::<BTreeSet<_>>().into_iter().collect();
        facts.reads.sort();
        facts.reads.dedup();
    }
    Some(facts)
}

/// The code objects of the methods that stand in the class's body, as far as their names tell.
fn method_codes<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let prefix = format!("{}.", names::text_attribute(class, "__qualname__"));
    let mut codes = Vec::new();
    for (_, value) in crate::guards::class_items(class)? {
        for function in crate::reach_class::functions_of(&value)? {
            let Some(code) = function.getattr_opt("__code__")? else { continue };
            let own = names::text_attribute(&code, "co_qualname").starts_with(&prefix);
            if own && !names::text_attribute(&code, "co_filename").starts_with("<string") {
                codes.push(code);
            }
        }
    }
    Ok(codes)
}

/// Where the source of a class without methods may be: its module's file, or the cells of a notebook,
/// newest first.
fn class_files(py: Python<'_>, module_name: &str) -> PyResult<Vec<String>> {
    py.import("hozon._sources")?.call_method1("files_of_module", (module_name,))?.extract()
}
