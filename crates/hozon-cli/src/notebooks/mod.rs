//! The verbs on notebooks: `plan`, `run` and `watch`; and running one for a program.

mod calling;
mod cells;
mod changes;
mod displays;
mod faults;
mod file;
mod interest;
mod pages;
mod plan;
mod run;
mod session;
mod state;
mod teller;
mod watch;

pub use calling::{CalledRun, FailedCell, call_notebook};
pub(crate) use plan::plan;
pub(crate) use run::run;
pub(crate) use watch::watch;
