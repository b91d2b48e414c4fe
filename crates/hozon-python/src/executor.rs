//! The process that runs the cells of a notebook, and what the command asks of Python about notebooks.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hozon_cli::{HostSettings, NotebookHost};
use hozon_engine::{CellRun, CellToRun, Executor, ExecutorError, NotebookSettings, Parameter, RunEnd, Step};
use hozon_format::{CellRecord, Digest, Key};
use hozon_key::{Seen, Subject};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::computation::{HOZON_VERSION, Pins};
use crate::traces::observing;

/// `hozon._hosting.Host`, for the command.
pub(crate) struct PyHost {
    host: Py<PyAny>,
    interrupted: Arc<AtomicBool>,
}

impl PyHost {
    pub(crate) fn new(host: Py<PyAny>) -> Self {
        Self { host, interrupted: Arc::default() }
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
            let process = Process { process: process.unbind(), interrupted: self.interrupted.clone() };
            Ok(Box::new(process) as Box<dyn Executor>)
        })
    }

    fn interrupted(&self) -> bool {
        let by_signal = Python::attach(|py| py.check_signals().is_err());
        self.interrupted.swap(false, Ordering::Relaxed) || by_signal
    }
}

fn sentence(py: Python<'_>, error: &PyErr) -> String {
    error.value(py).str().map_or_else(|_| error.to_string(), |text| text.to_string())
}

fn settings_of(found: &Bound<'_, PyAny>) -> PyResult<HostSettings> {
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
        watching: pins.watching_word(),
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
                self.interrupted.store(true, Ordering::Relaxed);
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

    fn reset(&mut self) -> Result<(), ExecutorError> {
        self.ask("reset", |_| Ok(()), |_| Ok(()))
    }
}

fn step_of<'py>(py: Python<'py>, step: &Step) -> PyResult<Bound<'py, PyDict>> {
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
        Step::Delete { names } => {
            fields.set_item("step", "delete")?;
            fields.set_item("names", names)?;
        }
    }
    Ok(fields)
}

fn fill_cell(request: &Bound<'_, PyDict>, cell: &CellToRun) -> PyResult<()> {
    let py = request.py();
    request.set_item("cell", cell.cell)?;
    request.set_item("name", &cell.name)?;
    request.set_item("place", &cell.place)?;
    request.set_item("source", &cell.source)?;
    request.set_item("first_line", cell.first_line)?;
    request.set_item("tag", &cell.tag)?;
    request.set_item("key", cell.key.as_ref().map(|(key, _)| key.to_string()))?;
    let recipe = cell.key.as_ref().map(|(_, recipe)| PyBytes::new(py, recipe));
    let recipe = recipe.map(|recipe| recipe.call_method0("hex")).transpose()?;
    request.set_item("recipe", recipe)?;
    request.set_item("present", &cell.present)?;
    request.set_item("binds", &cell.binds)?;
    request.set_item("definitions", &cell.definitions)?;
    request.set_item("sharing", cell.sharing.map(|digest| digest.to_string()))?;
    request.set_item("only_imports", cell.only_imports)?;
    request.set_item("has_magics", cell.has_magics)?;
    request.set_item("is_suppressed", cell.is_suppressed)?;
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
    let record: Vec<u8> = reply.py().get_type::<PyBytes>().call_method1("fromhex", (record,))?.extract()?;
    let record = CellRecord::decode(&record)
        .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
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
