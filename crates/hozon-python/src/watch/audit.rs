//! The audit hook: what CPython itself tells of files, folders, processes and the network.
//!
//! | event | what it means |
//! |---|---|
//! | `open` | a file is read or written, by its flags. `io.open_code` raises one more, with mode "rb" and flags 0: skipped, the second one tells. A number is an open descriptor: its own opening told |
//! | `os.listdir`, `os.scandir` | a folder is listed |
//! | `os.chdir` | relative names mean something else from now on |
//! | `os.remove`, `os.rmdir`, `os.rename`, `os.link`, `os.symlink`, `os.mkdir`, `os.truncate` | what the computation changes itself is no input |
//! | `sqlite3.connect` | the database and its log are read, and written if their stamps change |
//! | `subprocess.Popen`, `os.system`, `os.exec`, `os.posix_spawn`, `os.spawn`, `os.startfile`, `pty.spawn` | "subprocess", by the program |
//! | `os.fork`, `os.forkpty` | "fork": what the child reads is its own |
//! | `socket.connect`, `socket.bind`, `socket.sendto`, `socket.getaddrinfo`, `socket.gethostbyname`, `urllib.Request` | "network", by the host; Unix sockets and this machine count alike |
//! | `pickle.find_class` | a pickle holds something of a module: the file of a local one is read, since no text names what it brings |
//! | `winreg.*` | "registry" |
//! | `ctypes.dlopen`, `ctypes.dlsym` | a library may have been loaded: the import tables are looked through again |
//!
//! Events come before what they tell of, so outcomes are found by looking first. Failures in here are
//! swallowed: watching never changes what a program does.

use std::ffi::{CStr, OsString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::Once;

use hozon_sys::descriptor_path;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyTuple};

use super::access::Access;
use super::files::{self, located, stat_at};
use super::holding::{self, Effect};
use super::import_tables;
use super::recorder::{self, Inside};

type HookFunction = unsafe extern "C" fn(*const c_char, *mut ffi::PyObject, *mut c_void) -> c_int;

/// Adds the hook to the interpreter, once in a process: it cannot be removed.
pub(super) fn install(py: Python<'_>) {
    static ADDED: Once = Once::new();
    // A second thread waits only for what takes moments and calls nothing of Python's but the adding.
    ADDED.call_once(|| add(py));
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "the function is exported, but not a part of the stable interface")]
fn add(_py: Python<'_>) {
    type Adder = unsafe extern "C" fn(HookFunction, *mut c_void) -> c_int;
    // SAFETY: the name is NUL-terminated; the call only looks a name up.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PySys_AddAuditHook".as_ptr()) };
    if found.is_null() {
        return;
    }
    // SAFETY: the function has had this signature since Python 3.8.
    let adder = unsafe { std::mem::transmute::<*mut c_void, Adder>(found) };
    // SAFETY: the hook is a plain function that lives as long as the process, and needs no data.
    unsafe { adder(on_event, std::ptr::null_mut()) };
}

#[cfg(not(unix))]
fn add(py: Python<'_>) {
    let added = pyo3::wrap_pyfunction!(audit_event, py)
        .and_then(|hook| py.import("sys")?.call_method1("addaudithook", (hook,)));
    drop(added);
}

/// The hook where it can only be added by way of Python.
#[cfg(not(unix))]
#[pyfunction]
fn audit_event(event: &str, arguments: &Bound<'_, PyTuple>) {
    if let Some(inside) = Inside::begin() {
        let _ = handle(&inside, event.as_bytes(), arguments);
    }
}

#[expect(unsafe_code, reason = "called by CPython")]
unsafe extern "C" fn on_event(event: *const c_char, arguments: *mut ffi::PyObject, _: *mut c_void) -> c_int {
    let Some(inside) = Inside::begin() else { return 0 };
    if event.is_null() || arguments.is_null() {
        return 0;
    }
    // SAFETY: CPython calls hooks attached, with a NUL-terminated name that outlives the call.
    let (py, event) = unsafe { (Python::assume_attached(), CStr::from_ptr(event)) };
    // SAFETY: the arguments are a tuple that outlives the call.
    let arguments = unsafe { Bound::from_borrowed_ptr(py, arguments) };
    if let Ok(arguments) = arguments.cast::<PyTuple>() {
        if holding::is_on()
            && let Some(effect) = effect_of(&inside, event.to_bytes(), arguments)
        {
            holding::note(effect);
            PyKeyboardInterrupt::new_err("a cell that runs ahead of its turn goes no further").restore(py);
            return -1;
        }
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = handle(&inside, event.to_bytes(), arguments);
        }));
        if told.is_err() {
            inside.tell(|log| log.unverifiable("missed", ""));
        }
    }
    0
}

/// What an event would do outside of this process.
fn effect_of(inside: &Inside, event: &[u8], arguments: &Bound<'_, PyTuple>) -> Option<Effect> {
    let counts = |place: usize| {
        let mut found = false;
        on_path(inside, arguments, place, None, |_| found = true);
        found
    };
    let is_write = match event {
        b"open" => {
            !arguments.get_item(0).ok()?.is_instance_of::<PyInt>()
                && access_of(arguments).is_some_and(|access| access != Access::Read)
                && counts(0)
        }
        b"os.remove" | b"os.rmdir" | b"os.truncate" | b"os.chmod" | b"os.chown" | b"os.utime"
        | b"os.setxattr" | b"os.removexattr" => counts(0),
        b"os.rename" | b"os.link" => counts(0) || counts(1),
        b"os.symlink" => counts(1),
        b"os.mkdir" => {
            let mut is_new = false;
            on_path(inside, arguments, 0, None, |path| is_new = stat_at(&path.absolute).is_none());
            is_new
        }
        b"sqlite3.connect" => {
            let named = path_at(arguments, 0)?;
            !(named.as_os_str().is_empty() || named == Path::new(":memory:"))
        }
        _ if event.starts_with(b"winreg.") => true,
        _ => false,
    };
    match event {
        _ if is_write => Some(Effect::Write),
        b"subprocess.Popen" | b"os.posix_spawn" | b"os.exec" | b"os.startfile" | b"os.spawn"
        | b"os.system" | b"pty.spawn" | b"os.fork" | b"os.forkpty" | b"os.kill" | b"os.killpg" => {
            Some(Effect::Program)
        }
        b"socket.connect"
        | b"socket.bind"
        | b"socket.sendto"
        | b"socket.sendmsg"
        | b"socket.getaddrinfo"
        | b"socket.gethostbyname" => Some(Effect::Network),
        _ => None,
    }
}

/// How an event says that a file is opened; none for one that another event tells of.
fn access_of(arguments: &Bound<'_, PyTuple>) -> Option<Access> {
    let mode: Option<String> = arguments.get_item(1).ok()?.extract().ok();
    let flags: c_int = arguments.get_item(2).ok()?.extract().unwrap_or(0);
    match &mode {
        Some(mode) if flags == 0 && mode == "rb" => None,
        Some(mode) if flags == 0 => Some(Access::of_mode(mode.as_bytes())),
        _ => Some(Access::of_flags(flags)),
    }
}

fn handle(inside: &Inside, event: &[u8], arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    import_tables::patch_after_dlopen();
    match event {
        b"open" => open(inside, arguments),
        b"os.listdir" | b"os.scandir" => {
            on_path(inside, arguments, 0, None, |path| files::listing(inside, path));
            Ok(())
        }
        b"os.chdir" => {
            inside.tell(super::log::Log::change_directory);
            Ok(())
        }
        b"os.remove" | b"os.rmdir" => {
            on_path(inside, arguments, 0, Some(1), |path| {
                files::removing(inside, path, stat_at(&path.absolute));
            });
            Ok(())
        }
        b"os.mkdir" => {
            on_path(inside, arguments, 0, Some(2), |path| {
                if stat_at(&path.absolute).is_none() {
                    inside.tell(|log| log.make_folder(path));
                }
            });
            Ok(())
        }
        b"os.truncate" => {
            on_path(inside, arguments, 0, None, |path| {
                let access = Access::Write { keeps: true, reads: false, creates: false };
                files::opening(inside, path, access, stat_at(&path.absolute));
            });
            Ok(())
        }
        b"os.rename" => two_names(inside, arguments, false),
        b"os.link" => two_names(inside, arguments, true),
        b"os.symlink" => {
            on_path(inside, arguments, 1, Some(2), |path| {
                let access = Access::Write { keeps: false, reads: false, creates: true };
                files::opening(inside, path, access, stat_at(&path.absolute));
            });
            Ok(())
        }
        b"sqlite3.connect" => {
            database(inside, arguments);
            Ok(())
        }
        b"pickle.find_class" => unpickled(inside, arguments),
        b"ctypes.dlopen" | b"ctypes.dlsym" => {
            import_tables::patch_what_was_added();
            Ok(())
        }
        _ => unverifiable(inside, event, arguments),
    }
}

fn open(inside: &Inside, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    if arguments.get_item(0)?.is_instance_of::<PyInt>() {
        return Ok(());
    }
    let Some(access) = access_of(arguments) else { return Ok(()) };
    on_path(inside, arguments, 0, None, |path| {
        if access == Access::Read {
            files::reading(inside, path, || stat_at(&path.absolute));
        } else {
            files::opening(inside, path, access, stat_at(&path.absolute));
        }
    });
    Ok(())
}

fn two_names(inside: &Inside, arguments: &Bound<'_, PyTuple>, stays: bool) -> PyResult<()> {
    on_path(inside, arguments, 0, Some(2), |from| {
        on_path(inside, arguments, 1, Some(3), |to| {
            let before = (stat_at(&from.absolute), stat_at(&to.absolute));
            files::renaming(inside, (from, before.0), (to, before.1), stays);
        });
    });
    Ok(())
}

/// A pickle names a class or a function: all of the module's text counts. (Installed files are no inputs.)
fn unpickled(inside: &Inside, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    let name: String = arguments.get_item(0)?.extract()?;
    let py = arguments.py();
    let loaded = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    let file = match loaded.get_item(&name)? {
        Some(module) => module.getattr_opt("__file__")?,
        // The event comes before the import.
        None => Some(file_to_be_imported(py, &name)?),
    };
    let Some(file) = file.and_then(|file| file.extract::<PathBuf>().ok()) else { return Ok(()) };
    if let Some(path) = located(inside, file) {
        files::reading(inside, &path, || stat_at(&path.absolute));
    }
    Ok(())
}

/// What the search looks at is no event of the computation's, nor one that was missed.
fn file_to_be_imported<'py>(py: Python<'py>, module: &str) -> PyResult<Bound<'py, PyAny>> {
    recorder::suspend_thread();
    let sources = py.import("hozon._sources");
    let found = sources.and_then(|sources| sources.call_method1("file_to_be_imported", (module,)));
    recorder::resume_thread();
    found
}

/// SQLite opens for reading and writing whatever it will do.
fn database(inside: &Inside, arguments: &Bound<'_, PyTuple>) {
    let Some(named) = path_at(arguments, 0) else { return };
    let Some(text) = named.to_str().map(str::to_owned) else { return };
    if text.is_empty() || text == ":memory:" {
        return;
    }
    if text.starts_with("file:") {
        if !import_tables::is_in_use() {
            inside.tell(|log| log.unverifiable("native", "sqlite3"));
        }
        return;
    }
    let access = Access::Write { keeps: true, reads: true, creates: true };
    for (suffix, access) in
        [("", access), ("-wal", Access::Write { keeps: true, reads: true, creates: false })]
    {
        if let Some(path) = located(inside, PathBuf::from(format!("{text}{suffix}"))) {
            files::opening(inside, &path, access, stat_at(&path.absolute));
        }
    }
}

fn unverifiable(inside: &Inside, event: &[u8], arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    let (kind, detail) = match event {
        b"subprocess.Popen" | b"os.posix_spawn" | b"os.exec" | b"os.startfile" => {
            ("subprocess", program(arguments, 0))
        }
        b"os.spawn" => ("subprocess", program(arguments, 1)),
        b"os.system" => ("subprocess", program_of_command(arguments)),
        b"pty.spawn" => ("subprocess", first_of(&arguments.get_item(0)?)),
        b"os.fork" | b"os.forkpty" => ("fork", String::new()),
        b"socket.connect" | b"socket.bind" | b"socket.sendto" => ("network", address(arguments)),
        b"socket.getaddrinfo" | b"socket.gethostbyname" => {
            ("network", without_user(&text_of(&arguments.get_item(0)?)))
        }
        b"urllib.Request" => match host_of_url(&text_of(&arguments.get_item(0)?)) {
            Some(host) => ("network", host),
            None => return Ok(()),
        },
        _ if event.starts_with(b"winreg.") => ("registry", String::new()),
        _ => return Ok(()),
    };
    inside.tell(|log| log.unverifiable(kind, &detail));
    Ok(())
}

/// Calls `with` on the path that an argument is, if it is one that counts. `folder` is the argument with
/// the descriptor of the folder that a relative path starts from, -1 for the working directory.
fn on_path(
    inside: &Inside,
    arguments: &Bound<'_, PyTuple>,
    place: usize,
    folder: Option<usize>,
    with: impl FnOnce(&super::log::NamedPath),
) {
    let Some(mut named) = path_at(arguments, place) else { return };
    let descriptor = folder.and_then(|place| arguments.get_item(place).ok()?.extract::<i32>().ok());
    if let Some(descriptor) = descriptor.filter(|descriptor| *descriptor >= 0 && named.is_relative()) {
        let Some(folder) = descriptor_path(descriptor) else { return };
        named = folder.join(named);
    }
    if let Some(path) = located(inside, named) {
        with(&path);
    }
}

fn path_at(arguments: &Bound<'_, PyTuple>, place: usize) -> Option<PathBuf> {
    path_of(&arguments.get_item(place).ok()?)
}

/// Reads what Python takes for a path. None stands for the working directory.
pub(super) fn path_of(given: &Bound<'_, PyAny>) -> Option<PathBuf> {
    if given.is_none() {
        return Some(PathBuf::from("."));
    }
    if given.is_instance_of::<PyInt>() {
        return given.extract().ok().and_then(descriptor_path);
    }
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return Some(path_of_bytes(bytes.as_bytes()));
    }
    given.extract::<PathBuf>().ok().or_else(|| {
        let plain = given.call_method0("__fspath__").ok()?;
        Some(path_of_bytes(plain.cast::<PyBytes>().ok()?.as_bytes()))
    })
}

#[cfg(unix)]
pub(super) fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    PathBuf::from(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes.to_vec()))
}

#[cfg(not(unix))]
pub(super) fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from(String::from_utf8_lossy(bytes).into_owned()))
}

/// The name of a program, without its folder.
fn program(arguments: &Bound<'_, PyTuple>, place: usize) -> String {
    let Ok(given) = arguments.get_item(place) else { return String::new() };
    if given.is_none() {
        return arguments.get_item(place + 1).map(|all| first_of(&all)).unwrap_or_default();
    }
    base_name(&path_of(&given).unwrap_or_default())
}

fn first_of(arguments: &Bound<'_, PyAny>) -> String {
    let first = arguments.get_item(0).ok();
    first.and_then(|first| path_of(&first)).map(|path| base_name(&path)).unwrap_or_default()
}

fn program_of_command(arguments: &Bound<'_, PyTuple>) -> String {
    let command = path_at(arguments, 0).unwrap_or_default();
    let command = command.to_string_lossy();
    base_name(Path::new(command.split_whitespace().next().unwrap_or_default()))
}

pub(super) fn base_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The host of a socket's address, or the path of a Unix socket.
fn address(arguments: &Bound<'_, PyTuple>) -> String {
    let Ok(address) = arguments.get_item(1) else { return String::new() };
    match address.cast::<PyTuple>() {
        Ok(parts) => parts.get_item(0).map(|host| text_of(&host)).unwrap_or_default(),
        Err(_) => text_of(&address),
    }
}

fn text_of(given: &Bound<'_, PyAny>) -> String {
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return String::from_utf8_lossy(bytes.as_bytes()).into_owned();
    }
    given.extract().unwrap_or_default()
}

/// The host of a URL, without what may be secret in it; None for one that needs no network.
fn host_of_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once(':')?;
    if scheme.eq_ignore_ascii_case("file") || scheme.eq_ignore_ascii_case("data") {
        return None;
    }
    let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next()?;
    Some(without_user(authority))
}

/// A host without the user and the password that may stand before it.
fn without_user(host: &str) -> String {
    host.rsplit('@').next().unwrap_or(host).to_owned()
}
