//! Goes through the loaded libraries and puts our functions into their import tables.
#![expect(unsafe_code, reason = "tables of loaded libraries are changed by address")]

use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use hozon_sys::{Os, System, seen_bytes};

use super::calls::{self, DLOPENS};
use super::elf::{Library, Slot};
use crate::watch::lock::SpinLock;

/// The number of the process that is scanning; 0: none.
static SCANNING: AtomicU32 = AtomicU32::new(0);
/// How many libraries had been loaded and unloaded, ever, when the last scan began.
static ADDED: AtomicU64 = AtomicU64::new(0);
static REMOVED: AtomicU64 = AtomicU64::new(0);
/// The libraries that were met.
static KNOWN: SpinLock<Known> = SpinLock::new(Known { done: Vec::new(), unfinished: Vec::new() });
static FAILED: AtomicBool = AtomicBool::new(false);

/// How often a scan of another thread is waited for, the processor being given away in between.
const MOST_WAITS: u32 = 100_000;

/// The longest list of mappings that is read.
const MOST_MAPPINGS: u64 = 64 << 20;

/// Libraries that are left alone: what implements the functions, and what audit events tell of.
const LEFT_ALONE: [&str; 8] = [
    "libc.so",
    "libdl.so",
    "libpthread.so",
    "librt.so",
    "ld-linux",
    "linux-vdso",
    "libpython",
    "_posixsubprocess",
];

/// Tells whether tables have been patched in this process.
pub(in crate::watch) fn is_in_use() -> bool {
    ADDED.load(Ordering::Relaxed) != 0
}

/// Tells whether a table could not be changed: reads of that library go unseen.
pub(in crate::watch) fn patching_failed() -> bool {
    FAILED.load(Ordering::Relaxed)
}

/// As [`patch_what_was_added`], if a native library has called `dlopen` lately.
pub(in crate::watch) fn patch_after_dlopen() {
    let less = |waiting: usize| waiting.checked_sub(1);
    if DLOPENS.load(Ordering::Relaxed) > 0
        && DLOPENS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    {
        patch_what_was_added();
    }
}

/// Patches the libraries that were loaded since the last time.
pub(in crate::watch) fn patch_what_was_added() {
    let (added, removed) = counts();
    if added == ADDED.load(Ordering::Acquire) && removed == REMOVED.load(Ordering::Acquire) {
        return;
    }
    let process = Os.process_id();
    for _ in 0..MOST_WAITS {
        let holder = SCANNING.load(Ordering::Acquire);
        let is_free = holder == 0 || holder != process;
        if is_free && SCANNING.compare_exchange(holder, process, Ordering::AcqRel, Ordering::Acquire).is_ok()
        {
            scan(added, removed);
            SCANNING.store(0, Ordering::Release);
            return;
        }
        std::thread::yield_now();
    }
}

/// Libraries, by where they are mapped.
#[derive(Default)]
struct Known {
    done: Vec<usize>,
    /// Met while the loader was not done with them.
    unfinished: Vec<usize>,
}

struct Scan {
    own: usize,
    page: usize,
    writable: Vec<Range<usize>>,
    before: Known,
    now: Known,
}

fn scan(added: u64, removed: u64) {
    calls::find_real_functions();
    let unloaded = removed != REMOVED.load(Ordering::Acquire);
    let mut scan = Scan {
        own: calls::address_of_one(),
        page: page_size(),
        writable: writable_mappings(),
        before: if unloaded { Known::default() } else { KNOWN.with(std::mem::take).unwrap_or_default() },
        now: Known::default(),
    };
    // SAFETY: the callback takes what is passed here, and only while the call lasts.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut scan).cast()) };
    let again = !scan.now.unfinished.is_empty();
    KNOWN.with(|known| *known = scan.now);
    // Counts from before the scan: what is loaded meanwhile is found by the next one.
    ADDED.store(if again { added - 1 } else { added }, Ordering::Release);
    REMOVED.store(removed, Ordering::Release);
}

unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, scan: *mut c_void) -> c_int {
    // SAFETY: the loader passes valid information, and what `scan` gave to it.
    let (info, scan) = unsafe { (&*info, &mut *scan.cast::<Scan>()) };
    // SAFETY: this is the callback.
    let library = unsafe { Library::of(info) };
    let is_done = scan.before.done.contains(&library.base);
    if is_done || is_left_alone(info) || library.holds(scan.own) || patch(&library, scan) {
        scan.now.done.push(library.base);
    } else {
        scan.now.unfinished.push(library.base);
    }
    0
}

fn is_left_alone(info: &libc::dl_phdr_info) -> bool {
    if info.dlpi_name.is_null() {
        return true;
    }
    // SAFETY: the loader's names are NUL-terminated.
    let path = unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    // The program itself has no name: of a Python without libpython, audit events tell.
    name.is_empty() || LEFT_ALONE.iter().any(|left| name.starts_with(left.as_bytes()))
}

/// Patches one library. False where the loader does not seem to be done with it; one that is the same
/// at the next scan is never sealed.
fn patch(library: &Library<'_>, scan: &Scan) -> bool {
    let sealed = library.sealed_pages(scan.page);
    let is_writable = |address: usize| {
        let after = scan.writable.partition_point(|range| range.end <= address);
        scan.writable.get(after).is_some_and(|range| range.contains(&address))
    };
    let is_sealed = sealed.is_empty() || !is_writable(sealed.start);
    if !is_sealed && !scan.before.unfinished.contains(&library.base) {
        return false;
    }
    let mut unsealed = !is_sealed;
    library.for_each_import(|name, slot| {
        let Some(call) = calls::find(name) else { return };
        if !wants_patch(library, &slot, call.real()) {
            return;
        }
        if sealed.contains(&slot.address) {
            unsealed = unsealed || protect(&sealed, libc::PROT_READ | libc::PROT_WRITE);
            if !unsealed {
                FAILED.store(true, Ordering::Relaxed);
                return;
            }
        } else if !is_writable(slot.address) {
            return;
        }
        // SAFETY: the slot is aligned, mapped and writable, and holds an address as wide as this.
        let table = unsafe { &*(slot.address as *const AtomicUsize) };
        table.store(call.replacement, Ordering::Release);
    });
    if unsealed && is_sealed {
        protect(&sealed, libc::PROT_READ);
    }
    true
}

/// A slot is taken if it leads to the C library, or if it will when it is first used. What somebody
/// else has put there stays.
fn wants_patch(library: &Library<'_>, slot: &Slot, real: usize) -> bool {
    if real == 0 {
        return false;
    }
    // SAFETY: the slot is aligned and mapped, and holds an address.
    let now = unsafe { &*(slot.address as *const AtomicUsize) }.load(Ordering::Relaxed);
    now == real || (slot.may_be_lazy && library.holds(now))
}

fn protect(pages: &Range<usize>, access: c_int) -> bool {
    // SAFETY: the pages are the library's own, and stay readable.
    unsafe { libc::mprotect(pages.start as *mut c_void, pages.len(), access) == 0 }
}

/// How many libraries have been loaded and unloaded, ever.
fn counts() -> (u64, u64) {
    unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _size: usize, counts: *mut c_void) -> c_int {
        // SAFETY: the loader passes valid information, and what is given to it below.
        unsafe { *counts.cast::<(u64, u64)>() = ((*info).dlpi_adds, (*info).dlpi_subs) };
        1
    }
    let mut counts = (0_u64, 0_u64);
    // SAFETY: the callback takes what is passed here, and only while the call lasts.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut counts).cast()) };
    counts
}

fn page_size() -> usize {
    // SAFETY: the call only asks.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// The parts of memory that can be written to, in order: a library whose sealed pages are among them
/// is still being loaded.
fn writable_mappings() -> Vec<Range<usize>> {
    let text = seen_bytes(Path::new("/proc/self/maps"), MOST_MAPPINGS).unwrap_or_default();
    text.split(|byte| *byte == b'\n').filter_map(writable_mapping).collect()
}

fn writable_mapping(line: &[u8]) -> Option<Range<usize>> {
    let line = std::str::from_utf8(line.get(..line.len().min(60))?).ok()?;
    let mut words = line.split(' ');
    let (start, end) = words.next()?.split_once('-')?;
    let can_write = words.next()?.as_bytes().get(1) == Some(&b'w');
    let number = |text| usize::from_str_radix(text, 16).ok();
    can_write.then_some(number(start)?..number(end)?)
}
