//! The course of one computation: look up, win or wait, look again, compute, put; and its event log.
#![forbid(unsafe_code)]

mod events;
mod flight;
mod table;

pub use events::{Event, EventKind, EventLog, Totals};
pub use flight::{Begin, Flights, Poll, Turn};
pub use table::{Caller, Claim, Table};
