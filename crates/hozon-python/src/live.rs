//! The cells of a live session, for hosts that run them themselves.

use std::collections::HashMap;
use std::path::Path;

use hozon_engine::{LiveCell, LiveNotebook, Restorable, Surroundings};
use hozon_format::{CellRecord, Digest, Key, SET_BY_RUNNING};
use hozon_key::Subject;
use hozon_syntax::Cell;
use hozon_sys::Os;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::cells::loaded_digest;
use crate::executor::{fill_cell, record_of, settings_of, step_of};
use crate::store::Store;
use crate::traces::{known_files, observing, of_process_state};
use crate::watch::Suspended;

/// The cells that a session has run, one after the other.
#[pyclass(module = "hozon._hozon")]
pub(crate) struct LiveCells {
    live: LiveNotebook,
    /// How the state of the process was that can be read without a name, when the session began.
    first: HashMap<String, Digest>,
}

#[pymethods]
impl LiveCells {
    /// `settings` are `hozon._hosting.Settings`, `first` the digests of the state of the process.
    #[new]
    fn new(settings: &Bound<'_, PyAny>, first: Vec<(String, [u8; 32])>) -> PyResult<Self> {
        let first = first.into_iter().map(|(name, digest)| (name, Digest::from_bytes(digest))).collect();
        Ok(Self { live: LiveNotebook::new(settings_of(settings)?.notebook), first })
    }

    /// Adds a cell that is about to run, of marimo or of IPython. Gives its number, from 0.
    fn add(&mut self, name: Option<String>, text: String, is_of_marimo: bool) -> usize {
        let make = if is_of_marimo { Cell::of_marimo } else { Cell::of_session };
        self.live.add(make(name, text))
    }

    /// What listings call a cell.
    fn name(&self, cell: usize) -> String {
        self.live.name(cell)
    }

    /// Looks a cell up. Gives `{"found": "stored", "entry", "seconds", "record", "steps", "cell"}`,
    /// `{"found": "to run", "cell", "unstorable", "again"}` or `{"found": "unparsable", "why"}`; "cell" is a request to
    /// run it. Where its results are stored, "set_by_running" is what they say that only running it sets.
    fn look<'py>(
        &mut self,
        py: Python<'py>,
        store: &Bound<'py, Store>,
        cell: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let _own_work = Suspended::new();
        let mut ask = |subject: &Subject| match subject {
            Subject::Loaded { module, name } => loaded_digest(py, module, name).ok(),
            _ => None,
        };
        let (live, first) = (&mut self.live, &self.first);
        let found = surrounded(first, |around| live.look(store.get().store(), around, cell, &mut ask));
        answer(py, found)
    }

    /// Takes the turn to run the cell of a key, in hexadecimal digits: until it is taken over, others wait. False
    /// if another has it.
    fn take_turn(&mut self, store: &Bound<'_, Store>, key: &str) -> bool {
        let _own_work = Suspended::new();
        key.parse::<Key>().map_or(true, |key| self.live.take_turn(store.get().store(), &key))
    }

    /// Gives the turn back.
    fn end_turn(&mut self) {
        self.live.end_turn();
    }

    /// Takes over what a cell did: its record, the entry that keeps it, and how many seconds were saved where
    /// that was restored.
    #[pyo3(signature = (store, cell, entry, record, saved))]
    fn take_over(
        &mut self,
        py: Python<'_>,
        store: &Bound<'_, Store>,
        cell: usize,
        entry: Option<&str>,
        record: &str,
        saved: Option<f64>,
    ) -> PyResult<()> {
        let entry = entry.and_then(|entry| entry.parse::<Key>().ok());
        if let (Some(entry), Some(seconds)) = (&entry, saved) {
            store.get().store().record_use(entry, seconds);
        }
        let record = record_of(py, record)?;
        let (live, first) = (&mut self.live, &self.first);
        surrounded(first, |around| live.take_over(store.get().store(), around, cell, entry, record));
        Ok(())
    }

    /// Why a cell ran, in lines for people.
    fn why(&self, store: &Bound<'_, Store>, cell: usize) -> Vec<String> {
        let _own_work = Suspended::new();
        surrounded(&self.first, |around| self.live.why(store.get().store(), around, cell))
    }

    /// The names, each with the number of the cell that gave it its value, and that value's digest, if it has one.
    fn versions<'py>(&self, py: Python<'py>) -> Vec<(String, usize, Option<Bound<'py, PyBytes>>)> {
        let versions = self.live.versions().into_iter();
        versions
            .map(|(name, cell, digest)| {
                (name, cell, digest.map(|digest| PyBytes::new(py, digest.as_bytes())))
            })
            .collect()
    }
}

/// Calls something with what is looked at in this process. What cells have set since the session began is in
/// the keys of later ones: beside it counts how it was then.
fn surrounded<T>(first: &HashMap<String, Digest>, call: impl FnOnce(&Surroundings<'_>) -> T) -> T {
    let other = |subject: &Subject| match subject {
        Subject::ProcessState(name) if first.contains_key(name) => of_process_state(&first[name]),
        _ => observing(Path::new(""), |observer| observer.observe(subject, None)).digest,
    };
    call(&Surroundings { files: &Os, known: known_files(), other: &other, fetch: &|_| false })
}

fn answer(py: Python<'_>, found: LiveCell) -> PyResult<Bound<'_, PyDict>> {
    let answer = PyDict::new(py);
    match found {
        LiveCell::Restorable(Restorable { entry, record, steps, to_run }) => {
            answer.set_item("found", "stored")?;
            answer.set_item("entry", entry.key.to_string())?;
            answer.set_item("seconds", entry.facts.duration_ns as f64 / 1e9)?;
            answer.set_item("record", PyBytes::new(py, &record.encode()).call_method0("hex")?)?;
            let taken = PyList::empty(py);
            for step in &steps {
                taken.append(step_of(py, step)?)?;
            }
            answer.set_item("steps", taken)?;
            answer.set_item("cell", request(py, &to_run)?)?;
            answer.set_item("set_by_running", set_by_running(py, &record))?;
        }
        LiveCell::ToRun { cell, unstorable, again } => {
            answer.set_item("found", "to run")?;
            answer.set_item("cell", request(py, &cell)?)?;
            answer.set_item("unstorable", unstorable)?;
            answer.set_item("again", again.as_ref().map(|again| &again.why))?;
            answer.set_item("set_by_running", again.map(|again| set_by_running(py, &again.record)))?;
        }
        LiveCell::Unparsable(why) => {
            answer.set_item("found", "unparsable")?;
            answer.set_item("why", why)?;
        }
    }
    Ok(answer)
}

/// What only running a cell sets, as its record has it: how it is called, and its digest.
fn set_by_running<'py>(py: Python<'py>, record: &CellRecord) -> Vec<(String, Bound<'py, PyBytes>)> {
    let set = record.process.iter().filter(|(name, _)| name.starts_with(SET_BY_RUNNING));
    set.map(|(name, digest)| (name.clone(), PyBytes::new(py, digest.as_bytes()))).collect()
}

fn request<'py>(py: Python<'py>, cell: &hozon_engine::CellToRun) -> PyResult<Bound<'py, PyDict>> {
    let request = PyDict::new(py);
    fill_cell(&request, cell)?;
    Ok(request)
}
