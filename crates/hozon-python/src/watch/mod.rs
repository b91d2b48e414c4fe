//! Watches what a computation reads while it runs.
//!
//! `front` is the Python face. Two kinds of hooks see what happens: `audit` what CPython tells, and
//! `import_tables` what native libraries ask of the C library; the Python front adds what neither sees.
//! `files` makes entries of what they see, `recorder` knows whose they are, and `log` has the rules of
//! what is an input. `observed` stands in for functions
//! of Python's. `access` reads the flags of opens, `view` shows observations to Python.

mod access;
mod audit;
mod files;
mod front;
mod holding;
mod import_tables;
mod lock;
mod log;
mod observed;
mod recorder;
mod view;

pub(crate) use front::{
    Suspended, Watch, inherit, note_absent, note_entropy, note_environment, note_environment_before,
    note_environment_written, note_open, note_status, note_unverifiable, note_whole_environment,
    note_working_directory, rescan_libraries, resume_watching, suspend_watching, watching_is_local,
};
pub(crate) use holding::{held_effect, hold_effects};
pub(crate) use log::{NamedPath, Observations, ReadFile};
pub(crate) use observed::{Observed, original_of, unobserved};
pub(crate) use recorder::{Done, Heard};
