//! The keys of calls whose arguments are plain, as long as what the function reaches is what it was.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foldhash::fast::RandomState;
use hozon_format::Digest;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::memory_key::{self as keys, Form, KeyBytes};
use crate::process_state::Differing;
use crate::reach::Reached;

/// Beyond these, all are forgotten.
const MOST_KEYS: usize = 4096;

/// What was computed once is found again by the arguments as they were passed: neither they nor the key are
/// digested again. The lock is only held with the interpreter attached and never while Python code runs.
#[derive(Default)]
pub(crate) struct KeyMemo(Mutex<Option<Known>>);

struct Known {
    /// The analysis that the keys were made from. Weak: it is the computation's to keep.
    reached: Weak<Reached>,
    /// What of the process's state was in the keys.
    differing: Vec<Digest>,
    keys: HashMap<KeyBytes, Py<PyBytes>, RandomState>,
}

/// A key, if the state of the process that is in it is as it was.
pub(crate) struct Candidate {
    pub(crate) key: Py<PyBytes>,
    differing: Vec<Digest>,
}

impl Candidate {
    pub(crate) fn fits(&self, differing: &[Differing]) -> bool {
        self.differing.iter().copied().eq(differing.iter().map(Differing::node_digest))
    }
}

impl KeyMemo {
    /// Returns the key of a call that was made from this analysis.
    pub(crate) fn find(
        &self,
        reached: &Arc<Reached>,
        args: &Bound<'_, PyTuple>,
        kwargs: &Bound<'_, PyDict>,
    ) -> Option<Candidate> {
        let known = self.lock();
        let known = known.as_ref().filter(|known| known.is_of(reached))?;
        let key = known.keys.get(&written(args, kwargs)?)?.clone_ref(args.py());
        Some(Candidate { key, differing: known.differing.clone() })
    }

    /// Keeps the key of a call. All values that the function reads must be settled.
    pub(crate) fn keep(
        &self,
        reached: &Arc<Reached>,
        differing: &[Differing],
        args: &Bound<'_, PyTuple>,
        kwargs: &Bound<'_, PyDict>,
        key: &[u8; 32],
    ) {
        let Some(written) = written(args, kwargs) else { return };
        let key = PyBytes::new(args.py(), key).unbind();
        let differing: Vec<Digest> = differing.iter().map(Differing::node_digest).collect();
        let mut known = self.lock();
        let fits = known.as_ref().is_some_and(|known| {
            known.is_of(reached) && known.differing == differing && known.keys.len() < MOST_KEYS
        });
        let before = if fits {
            None
        } else {
            let (reached, keys) = (Arc::downgrade(reached), HashMap::default());
            known.replace(Known { reached, differing, keys })
        };
        let replaced = known.as_mut().and_then(|known| known.keys.insert(written, key));
        drop(known);
        drop((before, replaced));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is_of(&self, reached: &Arc<Reached>) -> bool {
        std::ptr::eq(self.reached.as_ptr(), Arc::as_ptr(reached))
    }
}

/// Writes a call as it was passed; None where an argument is not plain.
#[expect(unsafe_code, reason = "arguments are written by their pointers, as for results in memory")]
fn written(args: &Bound<'_, PyTuple>, kwargs: &Bound<'_, PyDict>) -> Option<KeyBytes> {
    let mut key = keys::begin(&keys::StateTag::default(), Form::Passed);
    // SAFETY: the tuple and the dict hold the arguments, and the interpreter is attached.
    let push = |key: &mut KeyBytes, value: &Bound<'_, PyAny>| unsafe { keys::push(key, value.as_ptr()) };
    if !args.iter_borrowed().all(|value| push(&mut key, &value)) {
        return None;
    }
    if !kwargs.is_empty() {
        keys::push_names_mark(&mut key);
        if !kwargs.iter().all(|(name, value)| push(&mut key, &name) && push(&mut key, &value)) {
            return None;
        }
    }
    Some(key)
}
