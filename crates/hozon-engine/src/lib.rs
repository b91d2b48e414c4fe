//! The course of one computation: look up, win or wait, look again, compute, put; and its event log.
#![forbid(unsafe_code)]

mod accepting;
mod code_files;
mod events;
mod explaining;
mod exporting;
mod flight;
mod importing;
mod notebook;
mod observe;
mod outgoing;
mod remote;
mod table;
mod traced;
mod transfer;

pub use accepting::{Acceptable, acceptable, accepted_entry, revoke};
pub use code_files::CodeFiles;
pub use events::{Event, EventKind, EventLog, Totals};
pub use explaining::{Cause, Memory, Told, explain_among, explain_call, explain_entry, removal_words};
pub use exporting::{Exported, export};
pub use flight::{Begin, Flights, Poll, Turn};
pub use importing::{Examined, ImportError, Imported, OfFile, examine, import};
pub use notebook::{
    Again, CellOutcome, CellRun, CellStatus, CellToRun, Distributions, Executor, ExecutorError, LiveCell,
    LiveNotebook, NOT_ASKED_FOR, NotebookEvent, NotebookSettings, Parameter, Parties, Receiver, Restorable,
    RunEnd, RunOptions, Step, Stopper, Surroundings, name_of_cell, plan_notebook, run_notebook, unseeded,
};
pub use observe::{
    FileObserver, KnownFiles, Looked, Observer, of_absence, of_content, of_random_state, path_of,
};
pub use outgoing::Outgoing;
pub use remote::{NamedTier, Pulled, PushError, Remote};
pub use table::{Caller, Claim, Table};
pub use traced::{TracedLookup, TracedMiss, forget_traced, idle_lists, look_up, put_traced, recipe_now};
pub use transfer::{NoBlobs, Refusal, Transfer, check_signed, known_key, sign_entry, take_signed, transfer};
