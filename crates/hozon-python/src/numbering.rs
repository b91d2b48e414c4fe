//! Numbers the objects that a computation gets and may change in place, as they are before it runs.
//!
//! What is known of a class, its *kind*, is for Python to say (`_mutable.py`). Lists, dicts, tuples and
//! plain instances, which are nearly all that there are, are looked into here; others by their kinds.

use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Range;

use pyo3::exceptions::PyIndexError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyIterator, PyList, PySet, PyString, PyTuple, PyType};

/// In the order of what is met: another input begins.
const INPUT_BEGINS: i64 = -1;

/// Objects by the order in which they are met, each with what it held.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct Numbering {
    objects: Vec<Object>,
    /// What the objects held that are looked into here, one after another.
    held: Vec<Py<PyAny>>,
    numbers: Numbers,
    met: Vec<i64>,
    /// The input that leads to more objects than are followed.
    #[pyo3(get)]
    too_many: Option<usize>,
}

/// Numbers by address: the objects are kept, so that no other takes the place of one.
type Numbers = HashMap<usize, usize, foldhash::fast::RandomState>;

struct Object {
    object: Py<PyAny>,
    kind: Py<PyAny>,
    way: Way,
    /// The first input that leads to it.
    input: usize,
    /// What is its own of `held`.
    held: Range<usize>,
    /// What the kind has kept, of an object that is not looked into here.
    snapshot: Option<Py<PyAny>>,
}

/// How an object is looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A tuple, or of a class that adds nothing to it: its items, for good.
    Fixed,
    /// A list: its items.
    List,
    /// A dict: its keys and values, in turn.
    Dict,
    /// A set of atoms: its items, which lead to nothing.
    Set,
    /// An instance that has nothing but its `__dict__`: its class, then names and values in turn.
    Instance,
    /// By its kind alone.
    Kind,
}

impl Way {
    fn of_word(word: &str) -> Self {
        match word {
            "fixed" => Self::Fixed,
            "list" => Self::List,
            "dict" => Self::Dict,
            "set" => Self::Set,
            "instance" => Self::Instance,
            _ => Self::Kind,
        }
    }
}

/// What is known of the objects of one class.
enum Class<'py> {
    /// They never change, nor does anything that they hold.
    Atom,
    Known {
        kind: Bound<'py, PyAny>,
        way: Way,
        /// Whether other objects of the class may be of another kind.
        depends_on_value: bool,
    },
}

#[pymethods]
impl Numbering {
    /// Numbers what the inputs lead to. `snapshots`: so that it can be told afterwards what has changed.
    #[new]
    fn new(
        py: Python<'_>,
        inputs: Vec<Bound<'_, PyAny>>,
        snapshots: bool,
        most_objects: usize,
    ) -> PyResult<Self> {
        let mut walk = Walk::new(py, snapshots, most_objects)?;
        for (input, value) in inputs.into_iter().enumerate() {
            if !walk.input(input, value)? {
                walk.done.too_many = Some(input);
                break;
            }
        }
        Ok(walk.done)
    }

    /// The numbers in the order in which the objects are met, again and again; -1 begins an input.
    fn met(&self) -> Vec<i64> {
        self.met.clone()
    }

    fn objects<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyAny>> {
        self.objects.iter().map(|object| object.object.bind(py).clone()).collect()
    }

    /// The names of the classes of the kinds.
    fn kind_names<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyString>>> {
        self.objects.iter().map(|object| object.kind.bind(py).get_type().name()).collect()
    }

    /// For each object, the first input that leads to it.
    fn first_inputs(&self) -> Vec<usize> {
        self.objects.iter().map(|object| object.input).collect()
    }

    fn number_of(&self, value: &Bound<'_, PyAny>) -> Option<usize> {
        self.numbers.get(&address(value)).copied()
    }

    fn object<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.at(number)?.object.bind(py).clone())
    }

    fn kind<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.at(number)?.kind.bind(py).clone())
    }

    /// What the kind needs to tell whether an object has changed.
    fn snapshot<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Bound<'py, PyAny>> {
        let object = self.at(number)?;
        let held = &self.held[object.held.clone()];
        let (content, attributes) = match object.way {
            Way::List => (PyList::new(py, held)?.into_any(), PyDict::new(py)),
            Way::Dict => (dict_of(py, held)?.into_any(), PyDict::new(py)),
            Way::Set => (PySet::new(py, held)?.into_any(), PyDict::new(py)),
            Way::Instance => (py.None().into_bound(py), dict_of(py, &held[1..])?),
            Way::Fixed | Way::Kind => return Ok(object.snapshot.clone_ref_or_none(py)),
        };
        let class = match object.way {
            Way::Instance => held[0].bind(py).clone(),
            _ => object.object.bind(py).get_type().into_any(),
        };
        Ok((class, (content, attributes, PyDict::new(py))).into_pyobject(py)?.into_any())
    }

    /// Of the objects that these inputs lead to first: those that may have changed. The kinds know whether.
    fn suspects(&self, py: Python<'_>, inputs: HashSet<usize>) -> PyResult<Vec<usize>> {
        let mut suspects = Vec::new();
        for (number, object) in self.objects.iter().enumerate() {
            if inputs.contains(&object.input) && !self.is_as_it_was(py, object)? {
                suspects.push(number);
            }
        }
        Ok(suspects)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for object in &self.objects {
            visit.call(&object.object)?;
            visit.call(&object.kind)?;
            visit.call(&object.snapshot)?;
        }
        self.held.iter().try_for_each(|held| visit.call(held))
    }
}

impl Numbering {
    fn at(&self, number: usize) -> PyResult<&Object> {
        self.objects.get(number).ok_or_else(|| PyIndexError::new_err("no object has this number"))
    }

    fn is_as_it_was(&self, py: Python<'_>, object: &Object) -> PyResult<bool> {
        let held = &self.held[object.held.clone()];
        let value = object.object.bind(py);
        Ok(match object.way {
            Way::Fixed => true,
            Way::List => value.cast_exact::<PyList>().is_ok_and(|list| holds(list.iter(), held)),
            Way::Dict => value.cast_exact::<PyDict>().is_ok_and(|dict| holds(flat(dict), held)),
            // In another order it may still be the same: its kind knows.
            Way::Set => value.cast_exact::<PySet>().is_ok_and(|set| holds(set.iter(), held)),
            Way::Instance => {
                value.get_type().as_any().is(&held[0])
                    && namespace_of(value)?.is_some_and(|now| holds(flat(&now), &held[1..]))
            }
            Way::Kind => false,
        })
    }
}

/// Tells whether these are the very objects that were held.
fn holds<'py>(mut now: impl Iterator<Item = Bound<'py, PyAny>>, held: &[Py<PyAny>]) -> bool {
    held.iter().all(|before| now.next().is_some_and(|now| now.is(before))) && now.next().is_none()
}

fn flat<'py>(dict: &Bound<'py, PyDict>) -> impl Iterator<Item = Bound<'py, PyAny>> + use<'py> {
    dict.iter().flat_map(|(key, value)| [key, value])
}

fn dict_of<'py>(py: Python<'py>, pairs: &[Py<PyAny>]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    pairs.chunks_exact(2).try_for_each(|pair| dict.set_item(&pair[0], &pair[1]))?;
    Ok(dict)
}

/// The attributes of an instance, past what its class overrides; None where they stand in no plain dict.
fn namespace_of<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let py = value.py();
    let object = py.get_type::<PyAny>();
    let found = object.call_method1(intern!(py, "__getattribute__"), (value, intern!(py, "__dict__")))?;
    Ok(found.cast_into_exact::<PyDict>().ok())
}

fn address(value: &Bound<'_, PyAny>) -> usize {
    value.as_ptr() as usize
}

trait OrNone {
    fn clone_ref_or_none<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny>;
}

impl OrNone for Option<Py<PyAny>> {
    fn clone_ref_or_none<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.as_ref().map_or_else(|| py.None().into_bound(py), |held| held.bind(py).clone())
    }
}

/// What is still to be met: of what is held here, or of what a kind gives.
enum Pending<'py> {
    Held(Range<usize>),
    Given(Bound<'py, PyIterator>),
}

struct Walk<'py> {
    py: Python<'py>,
    /// `_mutable.py`.
    kinds: Bound<'py, PyModule>,
    snapshots: bool,
    most_objects: usize,
    /// By the address of the class, which is kept.
    classes: HashMap<usize, (Bound<'py, PyType>, Class<'py>), foldhash::fast::RandomState>,
    pending: Vec<Pending<'py>>,
    done: Numbering,
}

impl<'py> Walk<'py> {
    fn new(py: Python<'py>, snapshots: bool, most_objects: usize) -> PyResult<Self> {
        Ok(Self {
            py,
            kinds: py.import(intern!(py, "hozon._mutable"))?,
            snapshots,
            most_objects,
            classes: HashMap::default(),
            pending: Vec::new(),
            done: Numbering {
                objects: Vec::new(),
                held: Vec::new(),
                numbers: Numbers::default(),
                met: Vec::new(),
                too_many: None,
            },
        })
    }

    /// Goes through all that an input leads to; false if it is too much.
    fn input(&mut self, input: usize, value: Bound<'py, PyAny>) -> PyResult<bool> {
        self.done.met.push(INPUT_BEGINS);
        let mut next = Some(value);
        while let Some(value) = next {
            if !self.visit(input, &value)? {
                return Ok(false);
            }
            next = self.next()?;
        }
        Ok(true)
    }

    /// The next child of the innermost object that has one left.
    fn next(&mut self) -> PyResult<Option<Bound<'py, PyAny>>> {
        while let Some(innermost) = self.pending.last_mut() {
            let child = match innermost {
                Pending::Held(places) => {
                    places.next().map(|place| self.done.held[place].bind(self.py).clone())
                }
                Pending::Given(children) => children.next().transpose()?,
            };
            if child.is_some() {
                return Ok(child);
            }
            self.pending.pop();
        }
        Ok(None)
    }

    fn visit(&mut self, input: usize, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let class = self.class_of(value)?;
        let Class::Known { kind, way, depends_on_value } = class else { return Ok(true) };
        let (kind, way, depends_on_value) = (kind.clone(), *way, *depends_on_value);
        if self.done.met.len() >= self.most_objects {
            return Ok(false);
        }
        if let Some(number) = self.done.numbers.get(&address(value)) {
            self.done.met.push(as_met(*number));
            return Ok(true);
        }
        // Equal constants may be one object or several, as the interpreter likes.
        if self.is_constant(value)? {
            return Ok(true);
        }
        let (kind, way) = match way {
            Way::Set if self.is_set_of_atoms(value)? => (kind, way),
            _ if depends_on_value => (kind.call_method1(intern!(self.py, "of_value"), (value,))?, Way::Kind),
            _ => (kind, way),
        };
        let is_input = self.pending.is_empty();
        let object = self.looked_into(value, kind, way, is_input)?;
        let number = self.done.objects.len();
        self.done.numbers.insert(address(value), number);
        self.done.met.push(as_met(number));
        self.done.objects.push(Object { input, ..object });
        Ok(true)
    }

    fn class_of(&mut self, value: &Bound<'py, PyAny>) -> PyResult<&Class<'py>> {
        let address = value.get_type_ptr() as usize;
        if !self.classes.contains_key(&address) {
            let class = self.new_class(value)?;
            self.classes.insert(address, (value.get_type(), class));
        }
        Ok(&self.classes[&address].1)
    }

    fn new_class(&self, value: &Bound<'py, PyAny>) -> PyResult<Class<'py>> {
        if self.kinds.call_method1(intern!(self.py, "is_atom"), (value,))?.is_truthy()? {
            return Ok(Class::Atom);
        }
        let kind = self.kinds.call_method1(intern!(self.py, "kind_of_class"), (value.get_type(),))?;
        let depends_on_value = kind.getattr(intern!(self.py, "depends_on_value"))?.is_truthy()?;
        let way = kind.getattr(intern!(self.py, "way"))?;
        let way = Way::of_word(way.extract()?);
        Ok(Class::Known { kind, way, depends_on_value })
    }

    /// The kind of a class of sets is that of sets of atoms; others have no order to go by.
    fn is_set_of_atoms(&mut self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        // Told of classes, Python code runs: another thread may change the set meanwhile.
        let items: Vec<_> = value.try_iter()?.collect::<PyResult<_>>()?;
        for item in items {
            if !matches!(self.class_of(&item)?, Class::Atom) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells whether a value is made of nothing but tuples, frozen sets and atoms, and so for good.
    fn is_constant(&mut self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        if !value.is_exact_instance_of::<PyTuple>() && !value.is_exact_instance_of::<PyFrozenSet>() {
            return Ok(false);
        }
        // Nearly all are flat: those need no list of what is open.
        let mut open = Vec::new();
        let mut met = HashSet::new();
        if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            for item in tuple.iter() {
                if !matches!(self.class_of(&item)?, Class::Atom) {
                    open.push(item);
                }
            }
        } else {
            open.push(value.clone());
        }
        while let Some(value) = open.pop() {
            if let Ok(tuple) = value.cast_exact::<PyTuple>() {
                if met.insert(address(&value)) {
                    open.extend(tuple.iter());
                }
            } else if value.is_exact_instance_of::<PyFrozenSet>() {
                if !self.kinds.call_method1(intern!(self.py, "is_constant"), (value,))?.is_truthy()? {
                    return Ok(false);
                }
            } else if !matches!(self.class_of(&value)?, Class::Atom) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps what an object holds, and lets it be met next.
    fn looked_into(
        &mut self,
        value: &Bound<'py, PyAny>,
        kind: Bound<'py, PyAny>,
        way: Way,
        is_input: bool,
    ) -> PyResult<Object> {
        let first = self.done.held.len();
        let mut snapshot = None;
        let way = match way {
            Way::Fixed => self.hold(value.cast::<PyTuple>()?.iter(), way),
            Way::List => self.hold(value.cast::<PyList>()?.iter(), way),
            Way::Dict => self.hold(flat(value.cast::<PyDict>()?), way),
            Way::Set => self.hold_leaf(value.cast::<PySet>()?.iter(), way),
            Way::Instance if self.instance(value)? => way,
            Way::Instance | Way::Kind => {
                snapshot = self.by_kind(value, &kind, is_input)?;
                Way::Kind
            }
        };
        let held = first..self.done.held.len();
        Ok(Object { object: value.clone().unbind(), kind: kind.unbind(), way, input: 0, held, snapshot })
    }

    fn hold(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>, way: Way) -> Way {
        let first = self.done.held.len();
        let way = self.hold_leaf(items, way);
        self.pending.push(Pending::Held(first..self.done.held.len()));
        way
    }

    fn hold_leaf(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>, way: Way) -> Way {
        self.done.held.extend(items.map(Bound::unbind));
        way
    }

    /// Its attributes are met in the order of their names, whatever order they were set in. False where the
    /// order is not known here: of names that are no texts, or no UTF-8.
    fn instance(&mut self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let Some(namespace) = namespace_of(value)? else { return Ok(false) };
        let mut named = Vec::with_capacity(namespace.len());
        for (name, item) in namespace.iter() {
            let Ok(text) = name.cast_exact::<PyString>() else { return Ok(false) };
            let Ok(text) = text.to_str() else { return Ok(false) };
            named.push((text.to_owned(), item));
        }
        named.sort_by(|one, other| one.0.cmp(&other.0));
        let children = PyTuple::new(self.py, named.into_iter().map(|(_, item)| item))?;
        self.done.held.push(value.get_type().into_any().unbind());
        self.done.held.extend(flat(&namespace).map(Bound::unbind));
        self.pending.push(Pending::Given(children.as_any().try_iter()?));
        Ok(true)
    }

    /// Its snapshot, if there are to be any.
    fn by_kind(
        &mut self,
        value: &Bound<'py, PyAny>,
        kind: &Bound<'py, PyAny>,
        is_input: bool,
    ) -> PyResult<Option<Py<PyAny>>> {
        let (snapshot, children) = if self.snapshots {
            let named = PyDict::new(self.py);
            named.set_item(intern!(self.py, "is_input"), is_input)?;
            let looked = kind.call_method(intern!(self.py, "look"), (value,), Some(&named))?;
            let (snapshot, children): (Bound<'py, PyAny>, Bound<'py, PyAny>) = looked.extract()?;
            (Some(snapshot.unbind()), children)
        } else {
            (None, kind.call_method1(intern!(self.py, "children"), (value,))?)
        };
        self.pending.push(Pending::Given(children.try_iter()?));
        Ok(snapshot)
    }
}

fn as_met(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
