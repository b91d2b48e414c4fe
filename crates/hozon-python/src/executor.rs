//! The process that runs the cells of a notebook, and what the command asks of Python about notebooks.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hozon_cli::{HostSettings, NotebookHost};
use hozon_engine::{
    CellRun, CellToRun, Executor, ExecutorError, NotebookSettings, Parameter, Receiver, RunEnd, Step, Stopper,
};
use hozon_format::{CellRecord, Digest, Key};
use hozon_key::{Seen, Subject};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::computation::{HOZON_VERSION, Pins};
use crate::traces::observing;
use crate::watch::Watch;

/// `hozon._hosting.Host`, for the command.
pub(crate) struct PyHost {
    host: Py<PyAny>,
    interrupted: Arc<AtomicBool>,
    /// What a handler of a signal has raised, the first time.
    raised: Mutex<Option<PyErr>>,
}

impl PyHost {
    pub(crate) fn new(host: Py<PyAny>) -> Self {
        Self { host, interrupted: Arc::default(), raised: Mutex::default() }
    }

    /// What a handler of a signal has raised while the host was asked.
    pub(crate) fn raised(self) -> Option<PyErr> {
        self.raised.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NotebookHost for PyHost {
    fn settings(
        &self,
        notebook: &Path,
        _header: Option<&str>,
        parameters: &[(String, String)],
    ) -> Result<HostSettings, String> {
        Python::attach(|py| {
            // As a text: a path becomes an object of pathlib, which takes long to load.
            let given = (notebook.as_os_str(), parameters.to_vec());
            let found = self.host.bind(py).call_method1("settings", given);
            found.and_then(|found| settings_of(&found)).map_err(|error| sentence(py, &error))
        })
    }

    fn observe(&self, subject: &Subject) -> Digest {
        let seen: Seen = observing(Path::new(""), |observer| observer.observe(subject, None));
        seen.digest
    }

    fn start(&self, notebook: &Path, settings: &HostSettings) -> Result<Box<dyn Executor>, String> {
        Python::attach(|py| {
            let own = &settings.notebook;
            let site_folders: Vec<&OsStr> =
                own.site_folders.iter().map(|folder| folder.as_os_str()).collect();
            let given = (
                notebook.as_os_str(),
                settings.store.as_os_str(),
                own.project.as_os_str(),
                own.working_directory.as_os_str(),
                site_folders,
            );
            let process =
                self.host.bind(py).call_method1("start", given).map_err(|error| sentence(py, &error))?;
            let process = Process {
                process: process.unbind(),
                interrupted: self.interrupted.clone(),
                stopped: Arc::default(),
            };
            Ok(Box::new(process) as Box<dyn Executor>)
        })
    }

    fn interrupted(&self) -> bool {
        let by_signal = Python::attach(|py| py.check_signals()).err();
        let is_interrupted = self.interrupted.swap(false, Ordering::Relaxed) || by_signal.is_some();
        if let Some(error) = by_signal {
            self.raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        is_interrupted
    }
}

fn sentence(py: Python<'_>, error: &PyErr) -> String {
    error.value(py).str().map_or_else(|_| error.to_string(), |text| text.to_string())
}

pub(crate) fn settings_of(found: &Bound<'_, PyAny>) -> PyResult<HostSettings> {
    let text = |name: &str| -> PyResult<String> { found.getattr(name)?.extract() };
    let path = |name: &str| -> PyResult<PathBuf> { found.getattr(name)?.extract() };
    let pins: Pins = found.getattr("pins")?.extract()?;
    let parameters: Vec<(String, String, [u8; 32])> = found.getattr("parameters")?.extract()?;
    let parameter = |(name, source, digest)| Parameter { name, source, digest: Digest::from_bytes(digest) };
    let notebook = NotebookSettings {
        label: text("label")?,
        project: path("project")?,
        working_directory: path("working_directory")?,
        hozon: (HOZON_VERSION.to_owned(), pins.hozon),
        python: text("python")?,
        system_pin: pins.system,
        local_pin: pins.local,
        watching: pins.watching_word(),
        sees_native: Watch::sees_native(),
        site_folders: found.getattr("site_folders")?.extract()?,
        ttl: found.getattr("ttl")?.extract()?,
        parameters: parameters.into_iter().map(parameter).collect(),
    };
    Ok(HostSettings { store: path("store")?, notebook })
}

/// `hozon._notebooks.KernelProcess`.
struct Process {
    process: Py<PyAny>,
    interrupted: Arc<AtomicBool>,
    /// It was interrupted by the run, and not by the person.
    stopped: Arc<AtomicBool>,
}

/// Stops a process from another thread.
struct ProcessStopper {
    process: Py<PyAny>,
    stopped: Arc<AtomicBool>,
}

impl Stopper for ProcessStopper {
    fn interrupt(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        // One that is gone need not be stopped.
        let _ = Python::attach(|py| self.process.call_method0(py, "interrupt"));
    }

    fn kill(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = Python::attach(|py| self.process.call_method0(py, "kill"));
    }
}

impl Process {
    /// Asks the process something. `fill` writes the request, `read` takes the reply apart.
    fn ask<T>(
        &self,
        what: &str,
        fill: impl FnOnce(&Bound<'_, PyDict>) -> PyResult<()>,
        read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
    ) -> Result<T, ExecutorError> {
        Python::attach(|py| {
            let request = PyDict::new(py);
            let asked = request.set_item("do", what).and_then(|()| fill(&request));
            let process = self.process.bind(py);
            let reply = asked.and_then(|()| process.call_method1("ask", (&request,)));
            if process.getattr("interrupted").and_then(|it| it.is_truthy()).unwrap_or(false) {
                if !self.stopped.load(Ordering::Relaxed) {
                    self.interrupted.store(true, Ordering::Relaxed);
                }
                if reply.is_err() {
                    return Err(ExecutorError::Interrupted);
                }
            }
            let gone = |error: PyErr| ExecutorError::Gone(sentence(py, &error));
            let reply = reply.map_err(gone)?;
            if let Ok(fault) = reply.get_item("error") {
                return Err(ExecutorError::Gone(fault.to_string()));
            }
            read(&reply).map_err(|error| ExecutorError::Gone(format!("its answer cannot be read: {error}")))
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        Python::attach(|py| {
            // A process that does not end is its own matter: there is nobody to tell.
            let _ = self.process.bind(py).call_method0("close");
        });
    }
}

impl Executor for Process {
    fn restore(&mut self, steps: &[Step]) -> Result<(), ExecutorError> {
        let fill = |request: &Bound<'_, PyDict>| {
            let list = PyList::empty(request.py());
            for step in steps {
                list.append(step_of(request.py(), step)?)?;
            }
            request.set_item("steps", list)
        };
        let failed = self.ask("restore", fill, |reply| {
            let failed: Option<usize> = reply.get_item("failed")?.extract()?;
            let why: String = reply.get_item("why")?.extract()?;
            Ok(failed.map(|index| (index, why)))
        })?;
        match failed {
            Some((index, why)) => Err(ExecutorError::Step { index, why }),
            None => Ok(()),
        }
    }

    fn run(&mut self, cell: &CellToRun) -> Result<CellRun, ExecutorError> {
        self.ask("run", |request| fill_cell(request, cell), read_run)
    }

    fn observe(&mut self, subject: &Subject) -> Result<Option<Digest>, ExecutorError> {
        let Subject::Loaded { module, name } = subject else { return Ok(None) };
        let fill = |request: &Bound<'_, PyDict>| {
            request.set_item("module", module)?;
            request.set_item("name", name)
        };
        self.ask("observe", fill, |reply| {
            let digest: Option<String> = reply.get_item("digest")?.extract()?;
            Ok(digest.and_then(|digest| digest.parse().ok()))
        })
    }

    fn give(&mut self, names: &[Vec<String>]) -> Result<Vec<(String, String)>, ExecutorError> {
        let fill = |request: &Bound<'_, PyDict>| request.set_item("names", names.to_vec());
        self.ask("give", fill, |reply| reply.get_item("refused")?.extract())
    }

    fn reset(&mut self) -> Result<(), ExecutorError> {
        self.ask("reset", |_| Ok(()), |_| Ok(()))
    }

    fn stopper(&self) -> Arc<dyn Stopper> {
        let process = Python::attach(|py| self.process.clone_ref(py));
        Arc::new(ProcessStopper { process, stopped: self.stopped.clone() })
    }
}

/// `hozon._receiving._Receiving`.
pub(crate) struct PyReceiver(pub(crate) Py<PyAny>);

impl Receiver for PyReceiver {
    fn take(&mut self, step: &Step) -> Result<(), ExecutorError> {
        Python::attach(|py| {
            let taken = step_of(py, step).and_then(|step| self.0.bind(py).call_method1("take", (step,)));
            let why: PyResult<Option<String>> = taken.and_then(|why| why.extract());
            match why.unwrap_or_else(|error| Some(sentence(py, &error))) {
                None => Ok(()),
                Some(why) => Err(ExecutorError::Step { index: 0, why }),
            }
        })
    }

    fn miss(&mut self, name: &str, why: &str) {
        // What cannot be said is missed all the same: the name is not there.
        let _ = Python::attach(|py| self.0.call_method1(py, "miss", (name, why)));
    }

    fn end(&mut self, names: &[(String, Option<Digest>)]) {
        let names =
            names.iter().map(|(name, digest)| (name.clone(), digest.map(|digest| digest.to_string())));
        let names: Vec<_> = names.collect();
        let _ = Python::attach(|py| self.0.call_method1(py, "end", (names,)));
    }
}

pub(crate) fn step_of<'py>(py: Python<'py>, step: &Step) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    match step {
        Step::Import { name, module } => {
            fields.set_item("step", "import")?;
            fields.set_item("name", name)?;
            fields.set_item("module", module)?;
        }
        Step::Define { cell, source, first_line, tag, names } => {
            fields.set_item("step", "define")?;
            fields.set_item("cell", cell)?;
            fields.set_item("source", source)?;
            fields.set_item("first_line", first_line)?;
            fields.set_item("tag", tag)?;
            let names = names.iter().map(|(name, digest)| (name, digest.map(|digest| digest.to_string())));
            fields.set_item("names", names.collect::<Vec<_>>())?;
        }
        Step::Load { entry, group, inputs } => {
            fields.set_item("step", "load")?;
            fields.set_item("entry", entry.to_string())?;
            fields.set_item("group", group)?;
            fields.set_item("inputs", inputs)?;
        }
        Step::Effects { entry } => {
            fields.set_item("step", "effects")?;
            fields.set_item("entry", entry.to_string())?;
        }
        Step::Assign { name, source } => {
            fields.set_item("step", "assign")?;
            fields.set_item("name", name)?;
            fields.set_item("source", source)?;
        }
        Step::Take { names } => {
            fields.set_item("step", "take")?;
            fields.set_item("names", names)?;
        }
        Step::Delete { names } => {
            fields.set_item("step", "delete")?;
            fields.set_item("names", names)?;
        }
    }
    Ok(fields)
}

pub(crate) fn fill_cell(request: &Bound<'_, PyDict>, cell: &CellToRun) -> PyResult<()> {
    let py = request.py();
    request.set_item("cell", cell.cell)?;
    request.set_item("name", &cell.name)?;
    request.set_item("place", &cell.place)?;
    request.set_item("source", &cell.source)?;
    request.set_item("first_line", cell.first_line)?;
    request.set_item("tag", &cell.tag)?;
    request.set_item("key", cell.key.as_ref().map(ToString::to_string))?;
    let recipe = cell.recipe.as_ref().map(|recipe| PyBytes::new(py, recipe));
    let recipe = recipe.map(|recipe| recipe.call_method0("hex")).transpose()?;
    request.set_item("recipe", recipe)?;
    request.set_item("inputs", &cell.inputs)?;
    request.set_item("present", &cell.present)?;
    request.set_item("submodules", &cell.submodules)?;
    request.set_item("figures", cell.figures.map(|digest| digest.to_string()))?;
    request.set_item("shown_as", &cell.shown_as)?;
    request.set_item("shown", &cell.shown)?;
    request.set_item("sources", &cell.sources)?;
    request.set_item("binds", &cell.binds)?;
    request.set_item("definitions", &cell.definitions)?;
    request.set_item("renamed", &cell.renamed)?;
    request.set_item("sharing", cell.sharing.map(|digest| digest.to_string()))?;
    request.set_item("only_imports", cell.only_imports)?;
    request.set_item("has_magics", cell.has_magics)?;
    request.set_item("is_suppressed", cell.is_suppressed)?;
    request.set_item("is_ahead", cell.is_ahead)?;
    request.set_item("is_captured", cell.is_captured)
}

fn read_run(reply: &Bound<'_, PyAny>) -> PyResult<CellRun> {
    let end: String = reply.get_item("end")?.extract()?;
    let end = match end.as_str() {
        "done" => RunEnd::Done,
        "stopped" => RunEnd::Stopped,
        "interrupted" => RunEnd::Interrupted,
        _ => RunEnd::Failed,
    };
    let entry: Option<String> = reply.get_item("entry")?.extract()?;
    let record: String = reply.get_item("record")?.extract()?;
    let record = record_of(reply.py(), &record)?;
    Ok(CellRun {
        end,
        seconds: reply.get_item("seconds")?.extract()?,
        entry: entry.and_then(|entry| entry.parse::<Key>().ok()),
        unstored: reply.get_item("unstored")?.extract()?,
        record,
        displays: reply.get_item("displays")?.extract()?,
        notes: reply.get_item("notes")?.extract()?,
    })
}

/// Reads the record of a cell, in hexadecimal digits.
pub(crate) fn record_of(py: Python<'_>, record: &str) -> PyResult<CellRecord> {
    let record: Vec<u8> = py.get_type::<PyBytes>().call_method1("fromhex", (record,))?.extract()?;
    CellRecord::decode(&record).map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))
}
