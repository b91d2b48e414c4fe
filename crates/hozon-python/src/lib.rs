//! The Python extension: converts, walks values, watches code.
//!
//! The only crate that knows PyO3. `walk` gives values their digests, `reach*` finds what code can get
//! at, `computation` makes keys, `watch` records what runs, `store` hands the store over; the Python front
//! puts them together.

mod binding;
mod blocks;
mod buffers;
mod cells;
mod code;
mod command;
mod computation;
mod distributions;
mod errors;
mod executor;
mod guards;
mod hooks;
mod key_memo;
mod live;
mod local_pins;
mod mapped;
mod memory;
mod memory_call;
mod memory_key;
mod memory_methods;
mod memory_table;
mod names;
mod numbering;
mod places;
mod planting;
mod private;
mod process_state;
mod reach;
mod reach_build;
mod reach_cache;
mod reach_class;
mod reach_expand;
mod reach_handed;
mod reach_import;
mod reach_names;
mod reach_path;
mod reach_planted;
mod reach_unseen;
mod shown;
mod store;
mod tiers;
mod trace_build;
mod traces;
mod walk;
mod watch;

/// hozon's native part. Its names are private: import them from `hozon`.
#[pyo3::pymodule]
mod _hozon {
    #[pymodule_export]
    use crate::blocks::{BlockSite, block_site};
    #[pymodule_export]
    use crate::buffers::{PiecedBuffer, RawBuffer};
    #[pymodule_export]
    use crate::cells::{
        CellReach, cell_record, is_local_module, loaded_variable, marimo_module, set_by_running,
        unseeded_state,
    };
    #[pymodule_export]
    use crate::command::{run_command, run_notebook};
    #[pymodule_export]
    use crate::computation::{Computation, Keyed, choose_shortcuts, forget_analyses, value_digest};
    #[pymodule_export]
    use crate::hooks::forget_shape_functions;
    #[pymodule_export]
    use crate::live::LiveCells;
    #[pymodule_export]
    use crate::mapped::RestoredBuffer;
    #[pymodule_export]
    use crate::memory::memory_of;
    #[pymodule_export]
    use crate::numbering::Numbering;
    #[pymodule_export]
    use crate::store::{Hit, OpenTurn, Store, check_bound, size_of_text};
    #[pymodule_export]
    use crate::tiers::tier_warnings;
    #[pymodule_export]
    use crate::trace_build::{Deeds, trace_of};
    #[pymodule_export]
    use crate::traces::{Trace, inherit_trace};
    #[pymodule_export]
    use crate::watch::{
        Observed, Watch, held_effect, hold_effects, note_absent, note_entropy, note_environment,
        note_environment_before, note_environment_written, note_open, note_status, note_unverifiable,
        note_whole_environment, note_working_directory, rescan_libraries, resume_watching, suspend_watching,
        unobserved, watching_is_local,
    };

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods;
        module.add("Memory", crate::memory::memory_type(module.py())?)?;
        module.add("__version__", crate::computation::HOZON_VERSION)
    }
}
