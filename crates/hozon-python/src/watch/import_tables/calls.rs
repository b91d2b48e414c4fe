//! What stands in import tables instead of functions of the C library.
//!
//! Each calls the real function, keeps `errno`, and tells what was done by how it ended.
#![expect(unsafe_code, reason = "functions of C that are called by C")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::mem::transmute;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use hozon_key::StatusPart;
use hozon_sys::{Stat, descriptor_path, descriptor_stat};

use super::patch_after_dlopen;
use crate::process_state::{LOCALE, TIME_ZONE};
use crate::watch::access::Access;
use crate::watch::audit::{base_name, path_of_bytes};
use crate::watch::files::{self, located, stat_at};
use crate::watch::holding::{self, Effect};
use crate::watch::log::NamedPath;
use crate::watch::recorder::Inside;

/// A function of the C library and what stands in for it.
pub(super) struct Call {
    name: &'static CStr,
    pub(super) replacement: usize,
    real: &'static AtomicUsize,
}

impl Call {
    /// The address of the real function; 0 where there is none.
    pub(super) fn real(&self) -> usize {
        self.real.load(Ordering::Acquire)
    }

    /// Whether it tells state of the process, and does nothing that audit events tell of.
    pub(super) fn tells_state(&self) -> bool {
        STATE.contains(&self.name)
    }
}

/// The functions that tell state of the process.
const STATE: [&CStr; 11] = [
    c"localtime",
    c"localtime_r",
    c"mktime",
    c"strftime",
    c"wcsftime",
    c"setlocale",
    c"localeconv",
    c"strcoll",
    c"wcscoll",
    c"strxfrm",
    c"wcsxfrm",
];

macro_rules! calls {
    ($($static:ident = $name:literal by $function:ident;)*) => {
        $(static $static: AtomicUsize = AtomicUsize::new(0);)*

        fn all() -> &'static [Call] {
            static ALL: std::sync::OnceLock<Vec<Call>> = std::sync::OnceLock::new();
            ALL.get_or_init(|| vec![$(Call {
                name: $name,
                replacement: $function as *const () as usize,
                real: &$static,
            }),*])
        }
    };
}

calls! {
    OPEN = c"open" by open;
    OPEN64 = c"open64" by open64;
    OPEN_2 = c"__open_2" by open_2;
    OPEN64_2 = c"__open64_2" by open64_2;
    OPENAT = c"openat" by openat;
    OPENAT64 = c"openat64" by openat64;
    FOPEN = c"fopen" by fopen;
    FOPEN64 = c"fopen64" by fopen64;
    OPENDIR = c"opendir" by opendir;
    STAT = c"stat" by stat;
    STAT64 = c"stat64" by stat64;
    LSTAT = c"lstat" by lstat;
    LSTAT64 = c"lstat64" by lstat64;
    XSTAT = c"__xstat" by xstat;
    XSTAT64 = c"__xstat64" by xstat64;
    LXSTAT = c"__lxstat" by lxstat;
    LXSTAT64 = c"__lxstat64" by lxstat64;
    ACCESS = c"access" by access;
    RENAME = c"rename" by rename;
    UNLINK = c"unlink" by unlink;
    REMOVE = c"remove" by remove;
    MKDIR = c"mkdir" by mkdir;
    CONNECT = c"connect" by connect;
    GETADDRINFO = c"getaddrinfo" by getaddrinfo;
    SYSTEM = c"system" by system;
    POPEN = c"popen" by popen;
    POSIX_SPAWN = c"posix_spawn" by posix_spawn;
    POSIX_SPAWNP = c"posix_spawnp" by posix_spawnp;
    LOCALTIME = c"localtime" by localtime;
    LOCALTIME_R = c"localtime_r" by localtime_r;
    MKTIME = c"mktime" by mktime;
    STRFTIME = c"strftime" by strftime;
    WCSFTIME = c"wcsftime" by wcsftime;
    SETLOCALE = c"setlocale" by setlocale;
    LOCALECONV = c"localeconv" by localeconv;
    STRCOLL = c"strcoll" by strcoll;
    WCSCOLL = c"wcscoll" by wcscoll;
    STRXFRM = c"strxfrm" by strxfrm;
    WCSXFRM = c"wcsxfrm" by wcsxfrm;
    DLOPEN = c"dlopen" by dlopen;
}

/// Finds the real functions: those that the program's own lookups give.
pub(super) fn find_real_functions() {
    for call in all() {
        // SAFETY: the name is NUL-terminated; the call only looks a name up.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, call.name.as_ptr()) };
        call.real.store(found as usize, Ordering::Release);
    }
}

/// From the first of the real functions to the last.
pub(super) fn range_of_real_functions() -> Range<usize> {
    let addresses = || all().iter().map(Call::real).filter(|address| *address != 0);
    addresses().min().unwrap_or(0)..addresses().max().map_or(0, |last| last + 1)
}

/// Finds what stands in for a function.
pub(super) fn find(name: &CStr) -> Option<&'static Call> {
    // Nearly all names are others: those end here.
    if !matches!(
        name.to_bytes().first(),
        Some(b'_' | b'a' | b'c' | b'd' | b'f' | b'g' | b'l' | b'm' | b'o' | b'p' | b'r' | b's' | b'u' | b'w')
    ) {
        return None;
    }
    all().iter().find(|call| call.name == name)
}

/// An address inside of this library.
pub(super) fn address_of_one() -> usize {
    open as *const () as usize
}

/// A path of C's, seen from a folder.
struct Given {
    folder: c_int,
    path: *const c_char,
}

impl Given {
    fn here(path: *const c_char) -> Self {
        Self { folder: libc::AT_FDCWD, path }
    }

    fn named(&self) -> Option<PathBuf> {
        if self.path.is_null() {
            return None;
        }
        // SAFETY: the caller of a function of C's that takes a path passes a NUL-terminated one.
        let path = path_of_bytes(unsafe { CStr::from_ptr(self.path) }.to_bytes());
        if path.as_os_str().is_empty() {
            return None;
        }
        if self.folder == libc::AT_FDCWD || path.is_absolute() {
            return Some(path);
        }
        Some(descriptor_path(self.folder)?.join(path))
    }
}

/// What is known before a call.
struct Before {
    path: NamedPath,
    stat: Option<Stat>,
}

/// Looks at a path before a call. None where nobody listens or the path never counts.
fn look(given: &Given, with_stat: bool) -> Option<Before> {
    let inside = Inside::begin()?;
    let errno = errno();
    patch_after_dlopen();
    let path = given.named().and_then(|named| located(&inside, named));
    let before = path.map(|path| {
        let stat = if with_stat { stat_at(&path.absolute) } else { None };
        Before { path, stat }
    });
    set_errno(errno);
    before
}

/// Tells whether an effect is held back; then the call has failed. To be asked only where somebody listens.
fn is_held(effect: Effect) -> bool {
    let holds = holding::is_on();
    if holds {
        holding::note(effect);
        set_errno(if effect == Effect::Write { libc::EROFS } else { libc::EPERM });
    }
    holds
}

/// Tells after a call, if there is something to tell.
fn tell(before: Option<Before>, tell: impl FnOnce(&Inside, Before, c_int)) {
    let Some(before) = before else { return };
    let Some(inside) = Inside::begin() else { return };
    let errno = errno();
    tell(&inside, before, errno);
    set_errno(errno);
}

fn is_absence(errno: c_int) -> bool {
    errno == libc::ENOENT || errno == libc::ENOTDIR
}

fn opened(given: &Given, access: Access, call: impl FnOnce() -> c_int) -> c_int {
    let before = look(given, access != Access::Read);
    if access != Access::Read && before.is_some() && is_held(Effect::Write) {
        return -1;
    }
    let descriptor = call();
    tell(before, |inside, before, errno| tell_opened(inside, &before, access, descriptor, errno));
    descriptor
}

fn tell_opened(inside: &Inside, before: &Before, access: Access, descriptor: c_int, errno: c_int) {
    let path = &before.path;
    if descriptor >= 0 {
        match access {
            Access::Read => files::reading(inside, path, || descriptor_stat(descriptor).ok()),
            Access::Write { .. } => files::opening(inside, path, access, before.stat),
        }
    } else if is_absence(errno) {
        inside.tell(|log| log.absent(path));
    } else if errno == libc::EEXIST {
        files::status(inside, path, StatusPart::Kind);
    }
}

type Open = unsafe extern "C" fn(*const c_char, c_int, c_uint) -> c_int;
type OpenAt = unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint) -> c_int;
type OpenStream = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut libc::FILE;

// SAFETY of the four below: on x86-64 and aarch64 of Linux a variadic function takes its arguments
// where one with a fixed number takes them, and a mode that was not passed is not looked at.

macro_rules! open_like {
    ($function:ident, $real:ident) => {
        unsafe extern "C" fn $function(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, Open>($real.load(Ordering::Relaxed)) };
            // SAFETY: the arguments are the caller's.
            opened(&Given::here(path), Access::of_flags(flags), || unsafe { real(path, flags, mode) })
        }
    };
}

open_like!(open, OPEN);
open_like!(open64, OPEN64);
open_like!(open_2, OPEN_2);
open_like!(open64_2, OPEN64_2);

macro_rules! openat_like {
    ($function:ident, $real:ident) => {
        unsafe extern "C" fn $function(
            folder: c_int,
            path: *const c_char,
            flags: c_int,
            mode: c_uint,
        ) -> c_int {
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, OpenAt>($real.load(Ordering::Relaxed)) };
            // SAFETY: the arguments are the caller's.
            opened(&Given { folder, path }, Access::of_flags(flags), || unsafe {
                real(folder, path, flags, mode)
            })
        }
    };
}

openat_like!(openat, OPENAT);
openat_like!(openat64, OPENAT64);

macro_rules! fopen_like {
    ($function:ident, $real:ident) => {
        unsafe extern "C" fn $function(path: *const c_char, mode: *const c_char) -> *mut libc::FILE {
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, OpenStream>($real.load(Ordering::Relaxed)) };
            // SAFETY: the caller passes a NUL-terminated mode.
            let bytes = if mode.is_null() { &[] } else { unsafe { CStr::from_ptr(mode) }.to_bytes() };
            let mut stream = std::ptr::null_mut();
            opened(&Given::here(path), Access::of_mode(bytes), || {
                // SAFETY: the arguments are the caller's.
                stream = unsafe { real(path, mode) };
                // SAFETY: the stream is open.
                if stream.is_null() { -1 } else { unsafe { libc::fileno(stream) } }
            });
            stream
        }
    };
}

fopen_like!(fopen, FOPEN);
fopen_like!(fopen64, FOPEN64);

unsafe extern "C" fn opendir(path: *const c_char) -> *mut libc::DIR {
    type OpenFolder = unsafe extern "C" fn(*const c_char) -> *mut libc::DIR;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, OpenFolder>(OPENDIR.load(Ordering::Relaxed)) };
    let before = look(&Given::here(path), false);
    // SAFETY: the argument is the caller's.
    let folder = unsafe { real(path) };
    tell(before, |inside, before, errno| {
        if !folder.is_null() || is_absence(errno) {
            files::listing(inside, &before.path);
        }
    });
    folder
}

fn asked(path: *const c_char, call: impl FnOnce() -> c_int) -> c_int {
    let before = look(&Given::here(path), false);
    let result = call();
    tell(before, |inside, before, errno| {
        if result == 0 {
            files::status(inside, &before.path, StatusPart::Kind);
        } else if is_absence(errno) {
            inside.tell(|log| log.absent(&before.path));
        }
    });
    result
}

macro_rules! stat_like {
    ($function:ident, $real:ident) => {
        unsafe extern "C" fn $function(path: *const c_char, about: *mut c_void) -> c_int {
            type Ask = unsafe extern "C" fn(*const c_char, *mut c_void) -> c_int;
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, Ask>($real.load(Ordering::Relaxed)) };
            // SAFETY: the arguments are the caller's.
            asked(path, || unsafe { real(path, about) })
        }
    };
}

stat_like!(stat, STAT);
stat_like!(stat64, STAT64);
stat_like!(lstat, LSTAT);
stat_like!(lstat64, LSTAT64);

macro_rules! xstat_like {
    ($function:ident, $real:ident) => {
        unsafe extern "C" fn $function(version: c_int, path: *const c_char, about: *mut c_void) -> c_int {
            type Ask = unsafe extern "C" fn(c_int, *const c_char, *mut c_void) -> c_int;
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, Ask>($real.load(Ordering::Relaxed)) };
            // SAFETY: the arguments are the caller's.
            asked(path, || unsafe { real(version, path, about) })
        }
    };
}

xstat_like!(xstat, XSTAT);
xstat_like!(xstat64, XSTAT64);
xstat_like!(lxstat, LXSTAT);
xstat_like!(lxstat64, LXSTAT64);

unsafe extern "C" fn access(path: *const c_char, mode: c_int) -> c_int {
    type Ask = unsafe extern "C" fn(*const c_char, c_int) -> c_int;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Ask>(ACCESS.load(Ordering::Relaxed)) };
    // SAFETY: the arguments are the caller's.
    asked(path, || unsafe { real(path, mode) })
}

unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    type Rename = unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Rename>(RENAME.load(Ordering::Relaxed)) };
    let (before, other) = (look(&Given::here(from), true), look(&Given::here(to), true));
    if (before.is_some() || other.is_some()) && is_held(Effect::Write) {
        return -1;
    }
    // SAFETY: the arguments are the caller's.
    let result = unsafe { real(from, to) };
    tell(before, |inside, from, _| {
        if let Some(to) = other.filter(|_| result == 0) {
            files::renaming(inside, (&from.path, from.stat), (&to.path, to.stat), false);
        }
    });
    result
}

macro_rules! unlink_like {
    ($function:ident, $real:ident) => {
        unsafe extern "C" fn $function(path: *const c_char) -> c_int {
            type Remove = unsafe extern "C" fn(*const c_char) -> c_int;
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, Remove>($real.load(Ordering::Relaxed)) };
            let before = look(&Given::here(path), true);
            if before.is_some() && is_held(Effect::Write) {
                return -1;
            }
            // SAFETY: the argument is the caller's.
            let result = unsafe { real(path) };
            tell(before, |inside, before, errno| {
                if result == 0 || is_absence(errno) {
                    files::removing(inside, &before.path, before.stat);
                }
            });
            result
        }
    };
}

unlink_like!(unlink, UNLINK);
unlink_like!(remove, REMOVE);

unsafe extern "C" fn mkdir(path: *const c_char, mode: c_uint) -> c_int {
    type Make = unsafe extern "C" fn(*const c_char, c_uint) -> c_int;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Make>(MKDIR.load(Ordering::Relaxed)) };
    let before = look(&Given::here(path), true);
    if before.as_ref().is_some_and(|before| before.stat.is_none()) && is_held(Effect::Write) {
        return -1;
    }
    // SAFETY: the arguments are the caller's.
    let result = unsafe { real(path, mode) };
    tell(before, |inside, before, errno| {
        if result == 0 {
            inside.tell(|log| log.make_folder(&before.path));
        } else if errno == libc::EEXIST {
            files::status(inside, &before.path, StatusPart::Kind);
        }
    });
    result
}

/// Tells of something that nobody can verify, before it is done. True: it is held back, and fails.
fn unverifiable(kind: &'static str, detail: impl FnOnce() -> String) -> bool {
    let Some(inside) = Inside::begin() else { return false };
    let errno = errno();
    let detail = detail();
    inside.tell(|log| log.unverifiable(kind, &detail));
    set_errno(errno);
    is_held(if kind == "network" { Effect::Network } else { Effect::Program })
}

fn text_of(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller of a function of C's that takes a text passes a NUL-terminated one.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

fn program_of(command: *const c_char) -> String {
    base_name(Path::new(text_of(command).split_whitespace().next().unwrap_or_default()))
}

unsafe extern "C" fn connect(
    socket: c_int,
    address: *const libc::sockaddr,
    length: libc::socklen_t,
) -> c_int {
    type Connect = unsafe extern "C" fn(c_int, *const libc::sockaddr, libc::socklen_t) -> c_int;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Connect>(CONNECT.load(Ordering::Relaxed)) };
    // SAFETY: the caller passes an address of this length.
    if unverifiable("network", || unsafe { host_of(address, length) }) {
        return -1;
    }
    // SAFETY: the arguments are the caller's.
    unsafe { real(socket, address, length) }
}

/// # Safety
///
/// `address` must be null or valid for `length` bytes.
unsafe fn host_of(address: *const libc::sockaddr, length: libc::socklen_t) -> String {
    let length = length as usize;
    if address.is_null() || length < size_of::<libc::sa_family_t>() {
        return String::new();
    }
    // SAFETY: the address is at least this long.
    let family = c_int::from(unsafe { address.cast::<libc::sa_family_t>().read_unaligned() });
    if family == libc::AF_INET && length >= size_of::<libc::sockaddr_in>() {
        // SAFETY: the address is at least this long.
        let address = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
        return std::net::Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).to_string();
    }
    if family == libc::AF_INET6 && length >= size_of::<libc::sockaddr_in6>() {
        // SAFETY: the address is at least this long.
        let address = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
        return std::net::Ipv6Addr::from(address.sin6_addr.s6_addr).to_string();
    }
    String::new()
}

unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const c_void,
    found: *mut c_void,
) -> c_int {
    type Find = unsafe extern "C" fn(*const c_char, *const c_char, *const c_void, *mut c_void) -> c_int;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Find>(GETADDRINFO.load(Ordering::Relaxed)) };
    if unverifiable("network", || text_of(node).rsplit('@').next().unwrap_or_default().to_owned()) {
        return libc::EAI_FAIL;
    }
    // SAFETY: the arguments are the caller's.
    unsafe { real(node, service, hints, found) }
}

unsafe extern "C" fn system(command: *const c_char) -> c_int {
    type System = unsafe extern "C" fn(*const c_char) -> c_int;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, System>(SYSTEM.load(Ordering::Relaxed)) };
    if unverifiable("subprocess", || program_of(command)) {
        return -1;
    }
    // SAFETY: the argument is the caller's.
    unsafe { real(command) }
}

unsafe extern "C" fn popen(command: *const c_char, mode: *const c_char) -> *mut libc::FILE {
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, OpenStream>(POPEN.load(Ordering::Relaxed)) };
    if unverifiable("subprocess", || program_of(command)) {
        return std::ptr::null_mut();
    }
    // SAFETY: the arguments are the caller's.
    unsafe { real(command, mode) }
}

macro_rules! spawn_like {
    ($function:ident, $real:ident) => {
        unsafe extern "C" fn $function(
            process: *mut c_int,
            path: *const c_char,
            actions: *const c_void,
            attributes: *const c_void,
            arguments: *const c_void,
            environment: *const c_void,
        ) -> c_int {
            type Spawn = unsafe extern "C" fn(
                *mut c_int,
                *const c_char,
                *const c_void,
                *const c_void,
                *const c_void,
                *const c_void,
            ) -> c_int;
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, Spawn>($real.load(Ordering::Relaxed)) };
            if unverifiable("subprocess", || base_name(Path::new(&text_of(path)))) {
                return libc::EPERM;
            }
            // SAFETY: the arguments are the caller's.
            unsafe { real(process, path, actions, attributes, arguments, environment) }
        }
    };
}

spawn_like!(posix_spawn, POSIX_SPAWN);
spawn_like!(posix_spawnp, POSIX_SPAWNP);

/// Tells that state of the process is read which no argument names.
fn reads_state(name: &'static str) {
    let Some(inside) = Inside::begin() else { return };
    let errno = errno();
    inside.tell(|log| log.state(name));
    set_errno(errno);
}

unsafe extern "C" fn localtime(time: *const libc::time_t) -> *mut libc::tm {
    type Tell = unsafe extern "C" fn(*const libc::time_t) -> *mut libc::tm;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Tell>(LOCALTIME.load(Ordering::Relaxed)) };
    reads_state(TIME_ZONE);
    // SAFETY: the argument is the caller's.
    unsafe { real(time) }
}

unsafe extern "C" fn localtime_r(time: *const libc::time_t, into: *mut libc::tm) -> *mut libc::tm {
    type Tell = unsafe extern "C" fn(*const libc::time_t, *mut libc::tm) -> *mut libc::tm;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Tell>(LOCALTIME_R.load(Ordering::Relaxed)) };
    reads_state(TIME_ZONE);
    // SAFETY: the arguments are the caller's.
    unsafe { real(time, into) }
}

unsafe extern "C" fn mktime(parts: *mut libc::tm) -> libc::time_t {
    type Make = unsafe extern "C" fn(*mut libc::tm) -> libc::time_t;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Make>(MKTIME.load(Ordering::Relaxed)) };
    reads_state(TIME_ZONE);
    // SAFETY: the argument is the caller's.
    unsafe { real(parts) }
}

macro_rules! format_like {
    ($function:ident, $real:ident, $character:ty) => {
        unsafe extern "C" fn $function(
            into: *mut $character,
            most: usize,
            format: *const $character,
            parts: *const libc::tm,
        ) -> usize {
            type Format =
                unsafe extern "C" fn(*mut $character, usize, *const $character, *const libc::tm) -> usize;
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, Format>($real.load(Ordering::Relaxed)) };
            if let Some(inside) = Inside::begin() {
                let errno = errno();
                // SAFETY: the caller passes a format that ends with a zero.
                let characters = (0..).map(|index| unsafe { *format.add(index) }).take_while(|one| *one != 0);
                for state in states_told(characters.filter_map(|one| u8::try_from(one).ok())) {
                    inside.tell(|log| log.state(state));
                }
                set_errno(errno);
            }
            // SAFETY: the arguments are the caller's.
            unsafe { real(into, most, format, parts) }
        }
    };
}

format_like!(strftime, STRFTIME, c_char);
format_like!(wcsftime, WCSFTIME, libc::wchar_t);

/// The state of the process that a format of dates brings in.
fn states_told(format: impl Iterator<Item = u8>) -> impl Iterator<Item = &'static str> {
    let mut is_open = false;
    format.filter_map(move |character| {
        if !is_open {
            is_open = character == b'%';
            return None;
        }
        is_open = matches!(character, b'-' | b'_' | b'^' | b'#' | b'+' | b'0'..=b'9');
        match character {
            b's' | b'Z' => Some(TIME_ZONE),
            b'a' | b'A' | b'b' | b'B' | b'h' | b'c' | b'p' | b'P' | b'r' | b'x' | b'X' | b'E' | b'O' => {
                Some(LOCALE)
            }
            _ => None,
        }
    })
}

unsafe extern "C" fn setlocale(category: c_int, wanted: *const c_char) -> *mut c_char {
    type Set = unsafe extern "C" fn(c_int, *const c_char) -> *mut c_char;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Set>(SETLOCALE.load(Ordering::Relaxed)) };
    // How texts are encoded is asked for all the time, and Python sees to that itself.
    if wanted.is_null() && category != libc::LC_CTYPE {
        reads_state(LOCALE);
    }
    // SAFETY: the arguments are the caller's.
    unsafe { real(category, wanted) }
}

unsafe extern "C" fn localeconv() -> *mut libc::lconv {
    type Ask = unsafe extern "C" fn() -> *mut libc::lconv;
    // SAFETY: the slot holds the address of the function of this name.
    let real = unsafe { transmute::<usize, Ask>(LOCALECONV.load(Ordering::Relaxed)) };
    reads_state(LOCALE);
    // SAFETY: it takes nothing.
    unsafe { real() }
}

macro_rules! collate_like {
    ($function:ident, $real:ident, $character:ty) => {
        unsafe extern "C" fn $function(one: *const $character, other: *const $character) -> c_int {
            type Compare = unsafe extern "C" fn(*const $character, *const $character) -> c_int;
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, Compare>($real.load(Ordering::Relaxed)) };
            reads_state(LOCALE);
            // SAFETY: the arguments are the caller's.
            unsafe { real(one, other) }
        }
    };
}

collate_like!(strcoll, STRCOLL, c_char);
collate_like!(wcscoll, WCSCOLL, libc::wchar_t);

macro_rules! transform_like {
    ($function:ident, $real:ident, $character:ty) => {
        unsafe extern "C" fn $function(into: *mut $character, from: *const $character, most: usize) -> usize {
            type Transform = unsafe extern "C" fn(*mut $character, *const $character, usize) -> usize;
            // SAFETY: the slot holds the address of the function of this name.
            let real = unsafe { transmute::<usize, Transform>($real.load(Ordering::Relaxed)) };
            reads_state(LOCALE);
            // SAFETY: the arguments are the caller's.
            unsafe { real(into, from, most) }
        }
    };
}

transform_like!(strxfrm, STRXFRM, c_char);
transform_like!(wcsxfrm, WCSXFRM, libc::wchar_t);

/// How many of the next events look for new libraries: `dlopen` was called and may not be done yet.
pub(super) static DLOPENS: AtomicUsize = AtomicUsize::new(0);

/// Notes that a library may be loaded, and goes on in the real function as if it had been called
/// directly: where it looks for libraries depends on who calls it.
#[unsafe(naked)]
unsafe extern "C" fn dlopen() {
    #[cfg(target_arch = "x86_64")]
    std::arch::naked_asm!(
        "lea rax, [rip + {waiting}]",
        "mov qword ptr [rax], 64",
        "lea rax, [rip + {real}]",
        "jmp qword ptr [rax]",
        waiting = sym DLOPENS,
        real = sym DLOPEN,
    );
    #[cfg(target_arch = "aarch64")]
    std::arch::naked_asm!(
        "adrp x16, {waiting}",
        "add x16, x16, :lo12:{waiting}",
        "mov x17, #64",
        "str x17, [x16]",
        "adrp x16, {real}",
        "add x16, x16, :lo12:{real}",
        "ldr x16, [x16]",
        "br x16",
        waiting = sym DLOPENS,
        real = sym DLOPEN,
    );
}

fn errno() -> c_int {
    // SAFETY: the C library gives the address of this thread's own.
    unsafe { *libc::__errno_location() }
}

fn set_errno(errno: c_int) {
    // SAFETY: the C library gives the address of this thread's own.
    unsafe { *libc::__errno_location() = errno };
}
