//! A folder of results over HTTP: what `hozon serve` runs.
//!
//! The files are kept as the `file://` tier keeps them (`hozon_tier::FolderTier`); `docs/format.md` has the
//! protocol. Every request passes the guard (`guard.rs`) before anything looks at its path: what answers
//! takes an `Admitted`, which only the guard makes. Nothing here prints.
#![forbid(unsafe_code)]

mod answer;
mod body;
mod guard;
#[cfg(test)]
mod guarded;
mod idle;
mod metrics;
mod route;
mod server;
mod settings;
mod shelf;
mod throttle;
mod tokens;

pub use server::{Server, Stop, Stopper, stop_by_hand};
pub use settings::{Identity, ServeError, ServeSettings, WhenFull};
pub use tokens::{Scope, TokenError, Tokens};
