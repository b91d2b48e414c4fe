//! The course of one computation: look up, win or wait, look again, compute, put; and its event log.
#![forbid(unsafe_code)]

mod accepting;
mod events;
mod explaining;
mod flight;
mod table;

pub use accepting::{Acceptable, acceptable, accepted_entry, revoke};
pub use events::{Event, EventKind, EventLog, Totals};
pub use explaining::{Cause, Memory, Told, explain_call, explain_entry, removal_words};
pub use flight::{Begin, Flights, Poll, Turn};
pub use table::{Caller, Claim, Table};
