//! The lease of a key: the right to be the one who computes it.

use hozon_format::Key;
use hozon_sys::{LockAttempt, LockGuard};

use crate::Store;

/// The right to compute a key, among all processes and threads. It ends when this is dropped or its
/// process dies.
#[derive(Debug)]
pub struct Lease(#[expect(dead_code, reason = "held for its Drop")] LockGuard);

/// How a try for a lease ended.
#[derive(Debug)]
pub enum LeaseAttempt {
    /// This caller has it. The key may have been stored in the meantime: look again.
    Won(Lease),
    /// Someone else has it.
    Held,
    /// There are no leases here (a read-only folder, a mount without locks): compute without one.
    Unsupported,
}

impl Store {
    /// Tries to take the lease of `key`, without waiting.
    pub fn try_lease(&self, key: &Key) -> LeaseAttempt {
        match self.0.system.try_lock(&self.0.layout.lease(key)) {
            Ok(LockAttempt::Won(guard)) => LeaseAttempt::Won(Lease(guard)),
            Ok(LockAttempt::Held) => LeaseAttempt::Held,
            Ok(LockAttempt::Unsupported) | Err(_) => LeaseAttempt::Unsupported,
        }
    }
}
