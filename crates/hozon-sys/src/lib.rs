//! The seam to the operating system: files, publishing, locks, clock, randomness.
//!
//! Everything in hozon that has an effect takes a [`System`]: [`Os`] is the real one, [`Memory`] keeps
//! everything in the process and can lose its power, and [`Fault`] makes chosen calls of another system fail.

mod brief;
mod fault;
mod mapping;
mod memory;
mod memory_disk;
mod naming;
mod os;
mod os_lock;
mod publish;
mod seen;
mod shortcuts;
mod system;
mod user_files;

pub use brief::Brief;
pub use fault::{Failure, Fault, Forgets};
pub use mapping::Mapping;
pub use memory::Memory;
pub use memory_disk::Fate;
pub use naming::Naming;
pub use os::Os;
pub use publish::{Durability, Publication, TemporaryName, publish, publish_with};
#[cfg(unix)]
pub use seen::descriptor_stat;
pub use seen::{descriptor_path, seen_bytes, seen_stat, working_directory};
pub use shortcuts::Shortcuts;
pub use system::{FileKind, LockAttempt, LockGuard, NewFile, Stat, System};
pub use user_files::UserFiles;
