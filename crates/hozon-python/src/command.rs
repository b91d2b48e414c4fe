//! The `hozon` command's entry from Python: hands over what the library must not read itself.

use std::ffi::OsString;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hozon_cli::{CalledRun, Context, call_notebook};
use hozon_engine::Remote;
use hozon_store::{Bound, Keyring, load_or_create_seal_key};
use hozon_sys::{Os, System};
use pyo3::prelude::*;

use crate::errors;
use crate::executor::{PyHost, PyReceiver};
use crate::store::bound_of_text;
use crate::tiers::TierConfig;

/// Runs the command and gives its exit code.
#[pyfunction]
#[pyo3(signature = (arguments, default_store, seal_key, bound, tiers, width, stderr_width, interactive, user, host))]
#[expect(clippy::too_many_arguments, reason = "what the command must not find out itself")]
pub(crate) fn run_command(
    py: Python<'_>,
    arguments: Vec<OsString>,
    default_store: PathBuf,
    seal_key: PathBuf,
    bound: Py<PyAny>,
    tiers: Py<PyAny>,
    width: Option<usize>,
    stderr_width: Option<usize>,
    interactive: bool,
    user: String,
    host: Py<PyAny>,
) -> u8 {
    let host = PyHost::new(host);
    let python = Python::version_str().split_whitespace().next().unwrap_or_default().to_owned();
    py.detach(|| {
        let system = Arc::new(Os);
        let key_system = system.clone();
        let mut stdin = io::stdin().lock();
        let keyring = Keyring::beside(system.clone(), &seal_key);
        let context = Context {
            system,
            files: Arc::new(Os),
            notebooks: Some(&host),
            default_store,
            seal_key_file: Some(seal_key.clone()),
            python: Some(python),
            load_seal_key: Box::new(move || {
                load_or_create_seal_key(&*key_system, &seal_key)
                    .map_err(|error| format!("{}: {error}", seal_key.display()))
            }),
            keyring,
            bound_of: Box::new(move |folder| bound_by(&bound, folder)),
            tiers_of: Box::new(move |folder| tiers_by(&tiers, folder)),
            user,
            answers: interactive.then_some(&mut stdin as &mut dyn BufRead),
            stdout: &mut io::stdout().lock(),
            stderr: &mut io::stderr().lock(),
            width,
            stderr_width,
        };
        hozon_cli::run(arguments, context)
    })
}

/// Asks the configuration how large the store in a folder may get.
fn bound_by(bound: &Py<PyAny>, folder: &Path) -> Result<Bound, String> {
    let told: PyResult<Bound> = Python::attach(|py| {
        let text: Option<String> = bound.call1(py, (folder.as_os_str(),))?.extract(py)?;
        bound_of_text(text.as_deref())
    });
    told.map_err(|error| Python::attach(|py| error.value(py).to_string()))
}

/// Asks the configuration what stands behind the store in a folder. What is wrong with that it has told.
fn tiers_by(tiers: &Py<PyAny>, folder: &Path) -> Remote {
    let told: PyResult<Option<TierConfig>> =
        Python::attach(|py| tiers.call1(py, (folder.as_os_str(),))?.extract(py));
    told.ok().flatten().map_or_else(Remote::default, |tiers| tiers.open(&(Arc::new(Os) as Arc<dyn System>)))
}

/// A cell that came to nothing: its position, what it is called, its state, why, its traceback.
type Failed = (usize, String, &'static str, String, String);

/// Runs a notebook for `hozon.run`. Gives notes, the cells that came to nothing, and whether it was stopped;
/// or raises what a handler of a signal raised.
#[pyfunction]
pub(crate) fn run_notebook(
    py: Python<'_>,
    notebook: PathBuf,
    parameters: Vec<(String, String)>,
    seal_key: PathBuf,
    bound: Py<PyAny>,
    host: Py<PyAny>,
    receiver: Py<PyAny>,
) -> PyResult<(Vec<String>, Vec<Failed>, bool)> {
    let host = PyHost::new(host);
    let mut receiver = PyReceiver(receiver);
    let called = py.detach(|| {
        let system = Arc::new(Os);
        let keyring = Keyring::beside(system.clone(), &seal_key);
        let mut context = Context {
            system: system.clone(),
            files: Arc::new(Os),
            notebooks: Some(&host),
            default_store: PathBuf::new(),
            seal_key_file: None,
            python: None,
            load_seal_key: Box::new(move || {
                load_or_create_seal_key(&*system, &seal_key)
                    .map_err(|error| format!("{}: {error}", seal_key.display()))
            }),
            keyring,
            bound_of: Box::new(move |folder| bound_by(&bound, folder)),
            tiers_of: Box::new(|_| Remote::default()),
            user: String::new(),
            answers: None,
            stdout: &mut io::sink(),
            stderr: &mut io::sink(),
            width: None,
            stderr_width: None,
        };
        call_notebook(notebook, parameters, &mut context, &mut receiver)
    });
    if let Some(raised) = host.raised() {
        return Err(raised);
    }
    let CalledRun { notes, failed, interrupted } = called.map_err(|why| errors::notebook(py, &why))?;
    let failed = failed.into_iter().map(|cell| (cell.cell, cell.called, cell.state, cell.why, cell.text));
    Ok((notes, failed.collect(), interrupted))
}
