//! Entries and blobs of one folder: get, put, lease, verify.
//!
//! Plain files are the truth; nothing is ever changed in place. The layout is in `docs/format.md`.
#![forbid(unsafe_code)]

mod accepted;
mod arrivals;
mod blobs;
mod books;
mod bound;
mod checkup;
mod clear;
mod collect;
mod error;
mod get;
mod hit_costs;
mod index;
mod layout;
mod lease;
mod leftovers;
mod marks;
mod put;
mod roots;
mod runs;
mod seal_key;
mod simulation;
mod store;
mod summaries;
mod sweep;
mod traces;
mod transfer;
mod verify;
mod worth;

pub use books::Victim;
pub use bound::{Bound, Limits, MostOfName, size_of_text};
pub use checkup::{Checkup, FolderFault, FolderFaultKind, LockHealth};
pub use clear::{Cleared, Filter};
pub use collect::Collected;
pub use error::{BlobFault, Notice, StoreError};
pub use get::{Lookup, Miss};
pub use hit_costs::HitCost;
pub use index::{IndexHealth, Removed};
pub use lease::{Lease, LeaseAttempt};
pub use leftovers::Leftovers;
pub use put::{NewBuffer, NewEntry, NewOutput, Stored};
pub use runs::Run;
pub use seal_key::load_or_create_seal_key;
pub use simulation::Simulation;
pub use store::{Store, stamp_of};
pub use summaries::Summary;
pub use sweep::Swept;
pub use verify::{Problem, ProblemKind, Repair, Verification};
