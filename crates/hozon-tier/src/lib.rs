//! Stores behind the local one: a folder, buckets, HTTP; and what stands around them.
//!
//! A [`Tier`] keeps bytes under names. It trusts nobody: what it gives is checked against a digest here, or
//! against a signature by whoever asked. Nothing here prints, and no word of a remote gets into an error.
//! The effects on the network are this crate's own; those on files go through `hozon_sys::System`.
#![forbid(unsafe_code)]

mod address;
mod breaker;
mod bucket;
pub mod conformance;
mod faulty;
mod folder;
mod http;
mod memory;
mod moving;
mod name;
mod open;
mod pieces;
mod read_only;
mod runtime;
mod settings;
mod stream;
mod tier;

pub use address::{Address, AddressError};
pub use breaker::Breaker;
pub use faulty::{Failure, Faulty};
pub use folder::{Access, ArrivingBlob, FolderTier, OpenBlob};
pub use memory::MemoryTier;
pub use name::{Kind, ObjectName, PREFIX};
pub use open::{Notify, open};
pub use pieces::{InPieces, LEAST_IN_PIECES};
pub use read_only::ReadOnly;
pub use settings::{Deadlines, Secret, Settings};
pub use stream::Checked;
pub use tier::{Object, Put, Tier, TierError, Version};
