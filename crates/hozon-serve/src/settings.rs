//! What a server is started with, and why it may not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::Tokens;

/// What happens to an upload for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// What was used longest ago goes.
    Remove,
    /// The upload is refused.
    Refuse,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    /// The chain of certificates, the server's own first.
    pub certificates: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// What a server is started with.
#[derive(Debug)]
pub struct ServeSettings {
    /// Where the objects are kept; the folder is there.
    pub folder: PathBuf,
    /// Where it listens. Port 0 is any that is free.
    pub listen: SocketAddr,
    /// Who may read and write.
    pub tokens: Tokens,
    /// Names by which it may be asked, beside those of the address that it listens on.
    pub hosts: Vec<String>,
    /// The most bytes of objects.
    pub quota: Option<u64>,
    /// What happens at the quota.
    pub when_full: WhenFull,
    /// TLS, if any.
    pub identity: Option<Identity>,
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is taken, or not this machine's.
    #[error("it cannot listen on {address}: {why}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        why: io::Error,
    },
    /// The certificate or its key is of no use.
    #[error("the certificate or its key cannot be used: {0}")]
    Identity(String),
    /// The folder cannot be read.
    #[error("the folder cannot be read: {0}")]
    Folder(hozon_tier::TierError),
    /// The system gives no threads or signals.
    #[error("{0}")]
    System(#[from] io::Error),
}
