//! Walks Python values into the value protocol: the digest of a value.
//!
//! The walk depends on nothing but the value: not on identity, interning, sharing or hash order. What
//! has no digest refuses with the way to it (`argument x: list[3]: sqlite3.Connection`).

use std::collections::{BTreeSet, HashMap, HashSet};

use hozon_format::{Digest, MAX_DEPTH, Tag, ValueWriter};
use hozon_key::pins::Pin;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyCFunction, PyComplex, PyDict, PyFloat, PyFrozenSet, PyFunction, PyInt,
    PyList, PyModule, PyRange, PySet, PySlice, PyString, PyTuple, PyType,
};

use crate::buffers;
use crate::process_state::{self, Aspects};
use crate::reach::{self, Origin};
use crate::{hooks, local_pins, names, places, shown};

/// Why a value has no digest.
pub(crate) enum Refusal {
    /// The value, or something in it, cannot be digested: the type's name, why, and the steps to it
    /// (innermost first).
    Undigestible { type_name: String, why: String, steps: Vec<String> },
    /// An exception that is not about digests: an interrupt, above all.
    Raised(PyErr),
}

/// Of a longer way to a refused value, only the first and the last steps are told.
const MOST_STEPS: usize = 24;

pub(crate) type Walked<T> = Result<T, Refusal>;

impl From<PyErr> for Refusal {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl Refusal {
    pub(crate) fn of(value: &Bound<'_, PyAny>, why: impl Into<String>) -> Self {
        Self::Undigestible {
            type_name: names::type_name(&value.get_type()),
            why: why.into(),
            steps: Vec::new(),
        }
    }

    /// Reads an exception that a value's own code raised while it was walked.
    fn from_value_code(value: &Bound<'_, PyAny>, error: PyErr) -> Self {
        let py = value.py();
        if error.is_instance_of::<PyException>(py) {
            Self::of(value, shown::said(&error, py))
        } else {
            Self::Raised(error)
        }
    }

    /// Adds the name of the input that the refused value is or is in.
    pub(crate) fn named(self, name: &str) -> Self {
        self.inside(|| name.to_owned())
    }

    fn inside(self, step: impl FnOnce() -> String) -> Self {
        match self {
            Self::Undigestible { type_name, why, mut steps } => {
                if steps.len() >= MOST_STEPS {
                    "…".clone_into(&mut steps[MOST_STEPS / 2]);
                    steps.remove(MOST_STEPS / 2 + 1);
                }
                steps.push(step());
                Self::Undigestible { type_name, why, steps }
            }
            raised => raised,
        }
    }
}

/// Objects that refer back to those around them have no place in the memo: they are walked from every side,
/// and the ways between them can be more than anybody could walk. Beyond this many repeated visits, which take
/// about a second, or 16 for each object, a value is refused.
const MOST_REVISITS: usize = 100_000;

/// One walk: of one value, or of several that enter one key.
pub(crate) struct Walker<'py> {
    py: Python<'py>,
    /// How local code counts: by what it says, or by a version.
    pub(crate) local_pin: Pin,
    /// The module of the computation: its code counts as it is written, whatever the pin.
    pub(crate) home: String,
    writer: ValueWriter,
    /// Digests of nodes that are referenced from several places. The references keep the addresses valid.
    shared: HashMap<usize, (Bound<'py, PyAny>, Digest)>,
    /// Addresses of the open nodes, outermost first.
    ancestors: Vec<usize>,
    /// The outermost ancestor that a cycle has led back to since the node was opened.
    lowest_cycle: usize,
    /// Addresses of nodes that were walked and have no place in the memo. (Nothing holds them: only their
    /// number counts.)
    knotted: HashSet<usize>,
    /// How often nodes were walked that had been walked before.
    revisits: usize,
    /// What has no digest is left out of the walk under way. Whether it has been is in `left_out`.
    leaves_out: bool,
    /// Something was left out since the node was opened: its digest is not the value's.
    left_out: bool,
    /// How many of the open nodes are of libraries: these are told as a whole, or left out as a whole.
    closed: usize,
    /// Functions and classes whose code is being digested now, outermost first.
    pub(crate) in_progress: Vec<usize>,
    /// Set when an unfinished function or class was met: digests made meanwhile hold only here.
    pub(crate) met_unfinished: bool,
    /// Top-level packages of the non-local types and functions that were met.
    pub(crate) touched: BTreeSet<String>,
    /// The state of the process that what was met may read without naming it.
    pub(crate) aspects: Aspects,
    /// What was found in values that runs code which cannot be followed.
    pub(crate) unseen: BTreeSet<String>,
    /// The namespace of the notebook, if what is digested is a notebook's: code in it counts without what
    /// it reads there, which is known by name.
    pub(crate) notebook: Option<Bound<'py, PyDict>>,
    /// Names of the notebook that code reads when it runs.
    pub(crate) deferred: BTreeSet<String>,
    /// Where the local code and values stand that were reached.
    pub(crate) origins: BTreeSet<Origin>,
    /// How many modules were imported to see what they hold.
    pub(crate) modules_loaded: usize,
    code_digests: HashMap<usize, (Bound<'py, PyAny>, Digest)>,
}

impl<'py> Walker<'py> {
    pub(crate) fn new(py: Python<'py>, local_pin: Pin, home: &str) -> Self {
        Self {
            py,
            local_pin,
            home: home.to_owned(),
            writer: ValueWriter::new(),
            shared: HashMap::new(),
            ancestors: Vec::new(),
            lowest_cycle: usize::MAX,
            knotted: HashSet::new(),
            revisits: 0,
            leaves_out: false,
            left_out: false,
            closed: 0,
            in_progress: Vec::new(),
            met_unfinished: false,
            touched: BTreeSet::new(),
            aspects: Aspects::NONE,
            unseen: BTreeSet::new(),
            notebook: None,
            deferred: BTreeSet::new(),
            origins: BTreeSet::new(),
            modules_loaded: 0,
            code_digests: HashMap::new(),
        }
    }

    /// Notes that a module was imported: its code may have changed what was looked at before.
    pub(crate) fn module_was_loaded(&mut self) {
        self.modules_loaded += 1;
        self.shared.clear();
        self.code_digests.clear();
    }

    /// Notes that something of a foreign module was met: a name such as `datetime:datetime`, or the module's.
    pub(crate) fn touch(&mut self, package: String, name: &str) -> PyResult<()> {
        self.aspects.add(process_state::read_by(self.py, &package, name)?);
        self.touched.insert(package);
        Ok(())
    }

    pub(crate) fn python(&self) -> Python<'py> {
        self.py
    }

    /// Returns the digest of a value. May be called again while a walk is under way (a function's
    /// closed-over values are digested apart from the value that holds the function).
    pub(crate) fn digest(&mut self, value: &Bound<'py, PyAny>) -> Walked<Digest> {
        self.digest_in(value, false)
    }

    /// Returns the digest of what can be told of a value that has none: an object's attributes beside its
    /// lock. None where nothing can.
    pub(crate) fn digest_of_parts(&mut self, value: &Bound<'py, PyAny>) -> Walked<Option<Digest>> {
        match self.digest_in(value, true) {
            Ok(digest) => Ok(Some(digest)),
            Err(Refusal::Undigestible { .. }) => Ok(None),
            Err(raised) => Err(raised),
        }
    }

    fn digest_in(&mut self, value: &Bound<'py, PyAny>, leaves_out: bool) -> Walked<Digest> {
        let outer = (self.leaves_out, self.left_out, self.closed);
        (self.leaves_out, self.left_out, self.closed) = (leaves_out, false, 0);
        let result = self.digest_apart(value);
        (self.leaves_out, self.left_out, self.closed) = outer;
        result
    }

    fn digest_apart(&mut self, value: &Bound<'py, PyAny>) -> Walked<Digest> {
        let outer_writer = std::mem::take(&mut self.writer);
        let outer_ancestors = std::mem::take(&mut self.ancestors);
        let outer_cycle = std::mem::replace(&mut self.lowest_cycle, usize::MAX);
        let result = self.write(value).map(|()| self.writer.take_digest(0));
        self.writer = outer_writer;
        self.ancestors = outer_ancestors;
        self.lowest_cycle = outer_cycle;
        result
    }

    fn write(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        if self.write_leaf(value)? {
            return Ok(());
        }
        if self.ancestors.len() >= MAX_DEPTH || stack_is_short() {
            let depth = self.ancestors.len();
            return Err(Refusal::of(value, format!("it is nested more than {depth} levels deep")));
        }
        // A node that stands in several places, or in itself, is held by its parent, by another
        // holder and by this walk. Nodes with one holder need neither memo nor check.
        if references(value) <= 2 {
            return self.write_node(value);
        }
        self.write_shared(value)
    }

    fn write_shared(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        let address = value.as_ptr() as usize;
        if let Some((_, digest)) = self.shared.get(&address) {
            self.writer.reference(Tag::Node, digest);
            return Ok(());
        }
        if let Some(level) = self.ancestors.iter().rposition(|ancestor| *ancestor == address) {
            self.lowest_cycle = self.lowest_cycle.min(level);
            self.writer.cycle((self.ancestors.len() - level) as u64);
            return Ok(());
        }
        let level = self.ancestors.len();
        let outer_cycle = std::mem::replace(&mut self.lowest_cycle, usize::MAX);
        let outer_unfinished = std::mem::replace(&mut self.met_unfinished, false);
        let outer_left_out = std::mem::replace(&mut self.left_out, false);
        self.write_node(value)?;
        let self_contained = self.lowest_cycle >= level && !self.met_unfinished && !self.left_out;
        if let (true, Some(digest)) = (self_contained, self.writer.last_node()) {
            self.shared.insert(address, (value.clone(), digest));
        } else if !self.knotted.insert(address) {
            self.revisits += 1;
            if self.revisits > MOST_REVISITS.max(16 * self.knotted.len()) {
                let why = "the objects in it refer to each other in more ways than can be walked";
                return Err(Refusal::of(value, why));
            }
        }
        // A cycle that ends at this node is no matter of the nodes around it.
        let escaped = if self.lowest_cycle < level { self.lowest_cycle } else { usize::MAX };
        self.lowest_cycle = outer_cycle.min(escaped);
        self.met_unfinished |= outer_unfinished;
        self.left_out |= outer_left_out;
        Ok(())
    }

    /// Writes scalars, texts and bytes; tells whether it did.
    fn write_leaf(&mut self, value: &Bound<'py, PyAny>) -> Walked<bool> {
        if value.is_exact_instance_of::<PyString>() {
            self.write_text(value)?;
        } else if value.is_exact_instance_of::<PyInt>() {
            self.write_int(value)?;
        } else if value.is_exact_instance_of::<PyFloat>() {
            self.writer.float(value.extract()?);
        } else if value.is_none() {
            self.writer.mark(Tag::None);
        } else if value.is_exact_instance_of::<PyBool>() {
            self.writer.bool(value.extract()?);
        } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            self.writer.sized(Tag::Bytes, bytes.as_bytes());
        } else if value.is_exact_instance_of::<PyComplex>() {
            let complex = value.cast::<PyComplex>().map_err(PyErr::from)?;
            self.writer.complex(complex.getattr("real")?.extract()?, complex.getattr("imag")?.extract()?);
        } else if value.is(self.py.Ellipsis()) {
            self.writer.mark(Tag::Ellipsis);
        } else if value.is(self.py.NotImplemented()) {
            self.writer.mark(Tag::NotImplemented);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn write_text(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        let text = value.cast::<PyString>().map_err(PyErr::from)?;
        match text.to_str() {
            Ok(text) => self.writer.text(text),
            // Lone surrogates have no UTF-8.
            Err(_) => {
                let encoded = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
                let encoded = encoded.cast::<PyBytes>().map_err(PyErr::from)?;
                self.writer.sized(Tag::SurrogateText, encoded.as_bytes());
            }
        }
        Ok(())
    }

    fn write_int(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        if let Ok(small) = value.extract::<i64>() {
            self.writer.int(small);
            return Ok(());
        }
        let negative = value.lt(0)?;
        let magnitude = value.abs()?;
        let length = magnitude.call_method0("bit_length")?.extract::<usize>()?.div_ceil(8);
        let bytes = magnitude.call_method1("to_bytes", (length, "little"))?;
        self.writer.big_int(negative, bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
        Ok(())
    }

    fn write_node(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        self.ancestors.push(value.as_ptr() as usize);
        let position = self.writer.position();
        let is_closed = self.leaves_out && !places::is_open(value)?;
        self.closed += usize::from(is_closed);
        let result = self.write_container(value);
        self.closed -= usize::from(is_closed);
        if result.is_err() {
            self.writer.unwind(position.0, position.1);
        }
        self.ancestors.pop();
        match result {
            Err(Refusal::Undigestible { type_name, .. }) if self.may_leave_out() => {
                self.left_out = true;
                self.writer.begin(Tag::Wrapper);
                self.writer.global("", &type_name);
                self.writer.end();
                Ok(())
            }
            result => result,
        }
    }

    /// The value as a whole is not left out, nor is a part of what a library made.
    fn may_leave_out(&self) -> bool {
        self.leaves_out && self.closed == 0 && !self.ancestors.is_empty()
    }

    fn write_container(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        if let Ok(list) = value.cast_exact::<PyList>() {
            self.write_items(Tag::List, list.iter())
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.write_items(Tag::Tuple, tuple.iter())
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.write_dict(dict)
        } else if value.is_exact_instance_of::<PySet>() {
            self.write_set(Tag::Set, value)
        } else if value.is_exact_instance_of::<PyFrozenSet>() {
            self.write_set(Tag::FrozenSet, value)
        } else if let Ok(bytes) = value.cast_exact::<PyByteArray>() {
            self.writer.begin(Tag::ByteArray);
            self.writer.sized(Tag::Bytes, &bytes.to_vec());
            self.writer.end();
            Ok(())
        } else if value.is_exact_instance_of::<PySlice>() || value.is_exact_instance_of::<PyRange>() {
            self.write_bounds(value)
        } else {
            self.write_other(value)
        }
    }

    fn write_items(&mut self, tag: Tag, items: impl Iterator<Item = Bound<'py, PyAny>>) -> Walked<()> {
        self.writer.begin(tag);
        for (index, item) in items.enumerate() {
            self.write(&item).map_err(|refusal| refusal.inside(|| format!("[{index}]")))?;
        }
        self.writer.end();
        Ok(())
    }

    fn write_dict(&mut self, dict: &Bound<'py, PyDict>) -> Walked<()> {
        self.writer.begin(Tag::Dict);
        for (key, item) in dict.iter() {
            self.write(&key)?;
            self.write(&item).map_err(|refusal| refusal.inside(|| shown::step(&key)))?;
        }
        self.writer.end();
        Ok(())
    }

    /// The order of a set is the order of its items' digests, whatever the hash seed was.
    fn write_set(&mut self, tag: Tag, set: &Bound<'py, PyAny>) -> Walked<()> {
        let mut digests = Vec::with_capacity(set.len()?);
        for item in set.try_iter()? {
            self.writer.begin(Tag::SetItem);
            self.write(&item?)?;
            digests.push(self.writer.close());
        }
        digests.sort_unstable();
        self.writer.begin(tag);
        digests.iter().for_each(|digest| self.writer.reference(Tag::Node, digest));
        self.writer.end();
        Ok(())
    }

    fn write_bounds(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        let tag = if value.is_exact_instance_of::<PySlice>() { Tag::Slice } else { Tag::Range };
        self.writer.begin(tag);
        for name in ["start", "stop", "step"] {
            self.write(&value.getattr(name)?)?;
        }
        self.writer.end();
        Ok(())
    }

    fn write_other(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        if let Some(original) = crate::watch::original_of(value) {
            return self.write_other(&original);
        }
        if value.is_instance_of::<PyFunction>() || value.is_instance_of::<PyType>() {
            return self.write_code(value);
        }
        if value.is_instance_of::<PyModule>() {
            return self.write_module(value);
        }
        if value.is_instance_of::<PyCFunction>() {
            return self.write_builtin(value);
        }
        let class = value.get_type();
        if let Some((shape, aspects)) = hooks::shape_function(&class)? {
            self.aspects.add(aspects);
            return self.write_shape(value, &shape);
        }
        self.write_reduced(value)
    }

    /// A function or class: by its code if it is local, else by its name, and by what of the program's own it was
    /// made around.
    fn write_code(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        let value = &names::unwrapped(value)?;
        if let Some(package) = reach::foreign_package(value)? {
            let module: String = names::text_attribute(value, "__module__");
            let qualified_name = names::qualified_name(value);
            self.touch(package, &format!("{module}:{qualified_name}"))?;
            // The names alone are a leaf; as a node it has a place in the memo like any other.
            self.writer.begin(Tag::Wrapper);
            self.writer.global(&module, &qualified_name);
            for content in reach::made_around(value)? {
                self.write(&content)?;
            }
            self.writer.end();
            return Ok(());
        }
        let digest = match local_pins::name_at_pin(self, value)? {
            Some(name) => Digest::of(name.as_bytes()),
            None => self.code_digest(value)?,
        };
        self.writer.begin(Tag::Wrapper);
        self.writer.reference(Tag::Code, &digest);
        self.writer.end();
        Ok(())
    }

    fn code_digest(&mut self, value: &Bound<'py, PyAny>) -> Walked<Digest> {
        let address = value.as_ptr() as usize;
        if let Some((_, digest)) = self.code_digests.get(&address) {
            return Ok(*digest);
        }
        if let Some(level) = self.in_progress.iter().rposition(|open| *open == address) {
            self.met_unfinished = true;
            let levels = (self.in_progress.len() - level) as u64;
            return Ok(Digest::of(&levels.to_le_bytes()));
        }
        let outer_unfinished = std::mem::replace(&mut self.met_unfinished, false);
        let digest = reach::code_digest(self, value)?;
        if !self.met_unfinished {
            self.code_digests.insert(address, (value.clone(), digest));
        }
        self.met_unfinished |= outer_unfinished;
        Ok(digest)
    }

    fn write_module(&mut self, module: &Bound<'py, PyAny>) -> Walked<()> {
        self.writer.begin(Tag::Module);
        match reach::module_package(module)? {
            Some(package) => {
                let name = names::text_attribute(module, "__name__");
                self.writer.text(&name);
                self.touch(package, &name)?;
            }
            None => {
                let digest = match local_pins::name_at_pin(self, module)? {
                    Some(name) => Digest::of(name.as_bytes()),
                    None => self.code_digest(module)?,
                };
                self.writer.reference(Tag::Code, &digest);
            }
        }
        self.writer.end();
        Ok(())
    }

    /// A function written in C: by name, and by the object that it is bound to, if any.
    fn write_builtin(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        let owner = value.getattr("__self__")?;
        let name = names::qualified_name(value);
        self.writer.begin(Tag::BoundMethod);
        if owner.is_none() || owner.is_instance_of::<PyModule>() {
            let module = names::text_attribute(value, "__module__");
            self.writer.global(&module, &name);
            self.touch(names::top_level(&module).to_owned(), &format!("{module}:{name}"))?;
            self.write_machine_code(&module)?;
        } else {
            self.writer.text(&name);
            self.write(&owner).map_err(|refusal| refusal.inside(|| format!(".{name}.__self__")))?;
        }
        self.writer.end();
        Ok(())
    }

    fn write_machine_code(&mut self, module: &str) -> Walked<()> {
        if let Some(digest) = places::compiled_digest(self.python(), module)? {
            self.writer.reference(Tag::Code, &digest);
        }
        Ok(())
    }

    /// A value whose library or user says what it is made of: `(kind, part, part, ...)`.
    fn write_shape(&mut self, value: &Bound<'py, PyAny>, shape: &Bound<'py, PyAny>) -> Walked<()> {
        let parts = shape.call1((value,)).map_err(|error| Refusal::from_value_code(value, error))?;
        self.writer.begin(Tag::Shaped);
        self.write_part(&parts)?;
        self.writer.end();
        Ok(())
    }

    /// Parts of a shape: tuples of parts, buffers, or any values.
    fn write_part(&mut self, part: &Bound<'py, PyAny>) -> Walked<()> {
        if let Ok(parts) = part.cast_exact::<PyTuple>() {
            self.writer.begin(Tag::Tuple);
            for part in parts.iter() {
                self.write_part(&part)?;
            }
            self.writer.end();
            return Ok(());
        }
        if buffers::write_buffer(&mut self.writer, part)
            .map_err(|error| Refusal::from_value_code(part, error))?
        {
            return Ok(());
        }
        self.write(part)
    }

    /// Anything else: by what `__reduce_ex__` says it is made of, walked as structure.
    fn write_reduced(&mut self, value: &Bound<'py, PyAny>) -> Walked<()> {
        if names::is_bare_object(value) {
            return Err(Refusal::of(
                value,
                "it is a bare object(), which only its identity tells from others",
            ));
        }
        let reduced = value
            .call_method1("__reduce_ex__", (4,))
            .map_err(|error| Refusal::from_value_code(value, error))?;
        self.writer.begin(Tag::Reduced);
        if let Ok(name) = reduced.cast::<PyString>() {
            let module = names::text_attribute(value, "__module__");
            let top = names::top_level(&module).to_owned();
            if places::of_module(self.py, &module)? == places::Place::Local {
                self.touched.insert(top);
            } else {
                self.touch(top, &format!("{module}:{}", name.to_string_lossy()))?;
            }
            self.writer.global(&module, &name.to_string_lossy());
            self.write_machine_code(&module)?;
        } else {
            let parts = reduced
                .cast::<PyTuple>()
                .map_err(|_| Refusal::of(value, "its __reduce_ex__ gives neither a str nor a tuple"))?;
            for (index, part) in parts.iter().enumerate() {
                self.write_reduced_part(index, &part)
                    .map_err(|refusal| refusal.inside(|| names::type_name(&value.get_type())))?;
            }
        }
        self.writer.end();
        Ok(())
    }

    /// Items 3 and 4 of a reduction are iterators, of list items and of dict items.
    fn write_reduced_part(&mut self, index: usize, part: &Bound<'py, PyAny>) -> Walked<()> {
        if index < 3 || part.is_none() {
            return self.write(part);
        }
        self.writer.begin(Tag::List);
        if index < 5 {
            for item in part.try_iter()? {
                self.write(&item?)?;
            }
        } else {
            self.write(part)?;
        }
        self.writer.end();
        Ok(())
    }
}

/// Tells whether this thread's stack could not take a few more levels and the Python code in them.
fn stack_is_short() -> bool {
    const NEEDED: usize = 160 * 1024;
    stacker::remaining_stack().is_some_and(|left| left < NEEDED)
}

fn references(value: &Bound<'_, PyAny>) -> isize {
    // SAFETY: the pointer is of a living object, which `value` holds.
    #[expect(unsafe_code, reason = "the count of references has no safe reading")]
    unsafe {
        pyo3::ffi::Py_REFCNT(value.as_ptr())
    }
}
