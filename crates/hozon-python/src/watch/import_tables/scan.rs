//! Goes through the loaded libraries and puts our functions into their import tables.
#![expect(unsafe_code, reason = "tables of loaded libraries are changed by address")]

use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use hozon_sys::{Os, System};

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

/// Libraries that are left alone: what implements the functions, and what audit events tell of.
const LEFT_ALONE: [&str; 7] =
    ["libc.so", "libdl.so", "libpthread.so", "librt.so", "ld-linux", "linux-vdso", "_posixsubprocess"];

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
    /// From the first of the real functions to the last.
    real: Range<usize>,
    before: Known,
    now: Known,
}

fn scan(added: u64, removed: u64) {
    calls::find_real_functions();
    let unloaded = removed != REMOVED.load(Ordering::Acquire);
    let mut scan = Scan {
        own: calls::address_of_one(),
        page: page_size(),
        real: calls::range_of_real_functions(),
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
    let name = name_of(info);
    if is_done || is_left_alone(name) || library.holds(scan.own) || patch(&library, scan, is_of_python(name))
    {
        scan.now.done.push(library.base);
    } else {
        scan.now.unfinished.push(library.base);
    }
    0
}

/// The name of a library's file. The program itself has none.
fn name_of(info: &libc::dl_phdr_info) -> &[u8] {
    if info.dlpi_name.is_null() {
        return b"";
    }
    // SAFETY: the loader's names are NUL-terminated, and live as long as what it tells.
    let path = unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes();
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn is_left_alone(name: &[u8]) -> bool {
    LEFT_ALONE.iter().any(|left| name.starts_with(left.as_bytes()))
}

/// Whether this is the interpreter, in a library of its own or as the program: of what it does, audit events
/// tell, but for the state of the process that it reads.
fn is_of_python(name: &[u8]) -> bool {
    name.is_empty() || name.starts_with(b"libpython")
}

/// Patches one library, or of the interpreter what tells state. False where the loader seems not to be done
/// with it, the first time.
fn patch(library: &Library<'_>, scan: &Scan, is_of_python: bool) -> bool {
    if !library.is_filled_in() && !scan.before.unfinished.contains(&library.base) {
        return false;
    }
    let sealed = library.sealed_pages(scan.page);
    let mut unsealed = false;
    let wanted = |slot: &Slot| leads_to_us(library, slot, &scan.real);
    library.for_each_import(wanted, |name, slot| {
        let counts = |call: &&calls::Call| !is_of_python || call.tells_state();
        let Some(call) = calls::find(name).filter(counts) else { return };
        let now = slot.place().load(Ordering::Relaxed);
        let is_free = now == call.real() || (slot.may_be_lazy && library.holds(now));
        if call.real() == 0 || !is_free || !library.may_write(slot.address) {
            return;
        }
        if sealed.contains(&slot.address) {
            unsealed = unsealed || protect(&sealed, libc::PROT_READ | libc::PROT_WRITE);
            if !unsealed {
                FAILED.store(true, Ordering::Relaxed);
                return;
            }
        }
        slot.place().store(call.replacement, Ordering::Release);
    });
    if unsealed {
        protect(&sealed, libc::PROT_READ);
    }
    true
}

/// Tells, before its name is read, whether a slot may be one of those: it leads to where the real
/// functions are, or will when it is first used. What somebody else has put there stays.
fn leads_to_us(library: &Library<'_>, slot: &Slot, real: &Range<usize>) -> bool {
    let now = slot.place().load(Ordering::Relaxed);
    real.contains(&now) || (slot.may_be_lazy && library.holds(now))
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
