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
mod disagreements;
mod error;
mod get;
mod hit_costs;
mod index;
mod keyring;
mod layout;
mod lease;
mod leftovers;
mod marks;
mod outgoing;
mod put;
mod roots;
mod runs;
mod secret_file;
mod simulation;
mod ssh;
mod store;
mod summaries;
mod sweep;
mod traces;
mod transfer;
mod trust;
mod verify;
mod worth;

pub use books::Victim;
pub use bound::{Bound, Limits, MostOfName, size_of_text};
pub use checkup::{Checkup, FolderFault, FolderFaultKind, LockHealth};
pub use clear::{Cleared, Filter};
pub use collect::Collected;
pub use disagreements::Disagreement;
pub use error::{BlobFault, Notice, StoreError};
pub use get::{Lookup, Miss};
pub use hit_costs::HitCost;
pub use index::{IndexHealth, Removed};
pub use keyring::{Keyring, KeyringError, Keys};
pub use lease::{Lease, LeaseAttempt};
pub use leftovers::Leftovers;
pub use put::{NewBuffer, NewEntry, NewOutput, Stored};
pub use runs::Run;
pub use secret_file::load_or_create_seal_key;
pub use simulation::Simulation;
pub use store::{Store, stamp_of};
pub use summaries::Summary;
pub use sweep::Swept;
pub use transfer::BlobSource;
pub use trust::{Signer, Trust, TrustError, Verdict};
pub use verify::{Problem, ProblemKind, Repair, Verification};
