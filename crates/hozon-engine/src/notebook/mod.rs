//! Notebooks: which cells are fresh, which must run, and running them.
//!
//! A cell's recipe is its code and the digests of the values that it reads, as the records of the cells
//! that made them tell them. So a plan reads files of the store and of the person, and nothing else: no
//! process is started, nothing is imported. What a cell reached of local code, of distributions and of the
//! world is part of its trace. [`run`](run_notebook) takes the cells in their order; stale ones go to an
//! [`Executor`].

mod ahead;
mod ahead_jobs;
mod distributions;
mod executor;
mod handing;
mod live;
mod lookup;
mod observer;
mod outcome;
mod plan;
mod presence;
mod recipe;
mod restore;
mod run;
mod settings;
mod turn;
mod versions;

pub use distributions::Distributions;
pub use executor::{CellRun, CellToRun, Executor, ExecutorError, RunEnd, Step, Stopper};
pub use handing::Receiver;
pub use live::{Again, LiveCell, LiveNotebook, Restorable};
pub use lookup::name_of_cell;
pub use outcome::{CellOutcome, CellStatus, NotebookEvent};
pub use plan::plan_notebook;
pub use recipe::unseeded;
pub use run::{NOT_ASKED_FOR, Parties, RunOptions, run_notebook};
pub use settings::{NotebookSettings, Parameter, Surroundings};
