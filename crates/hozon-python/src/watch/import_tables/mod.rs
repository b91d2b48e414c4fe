//! Sees what native libraries ask of the C library, by their import tables.
//!
//! A library calls `open` through a slot of its own table, which the loader has filled. `scan` puts the
//! addresses of `calls` there, which call the real functions and tell of them. Nothing is started
//! anew, no other process is touched, and what is loaded later is found by looking again. Slots stay as
//! they are when nothing is watched: a call then costs one load more.
//!
//! Linux with glibc on x86-64 and aarch64. What does not go by import tables is not seen: system calls
//! made directly, functions found by `dlsym`, and other processes.

#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod calls;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod elf;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod scan;

#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(super) use scan::{is_in_use, patch_after_dlopen, patch_what_was_added, patching_failed};

/// Whether this system is one of those where it works.
pub(super) const SEES_NATIVE: bool =
    cfg!(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")));

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod nowhere {
    pub(in super::super) fn is_in_use() -> bool {
        false
    }

    pub(in super::super) fn patch_after_dlopen() {}

    pub(in super::super) fn patch_what_was_added() {}

    pub(in super::super) fn patching_failed() -> bool {
        false
    }
}
#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(super) use nowhere::{is_in_use, patch_after_dlopen, patch_what_was_added, patching_failed};
