//! What a person configures of a tier, beside its address.

use std::fmt;
use std::time::Duration;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Gives the text, to be sent and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// How long a remote may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For a connection.
    pub connect: Duration,
    /// For an answer, and for a small object with it.
    pub small: Duration,
    /// A transfer that does not move `least_bytes` in this time has stalled.
    pub stall: Duration,
    /// See `stall`.
    pub least_bytes: u64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            small: Duration::from_secs(2),
            stall: Duration::from_secs(10),
            least_bytes: 64 * 1024,
        }
    }
}

/// What a person configures of tiers. Read from the user's own configuration and environment alone.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What buckets are asked with, by the names that their own tools have for it: `AWS_ACCESS_KEY_ID`,
    /// `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_KEY` and the like.
    pub variables: Vec<(String, Secret)>,
    /// The bearer token of an HTTP tier.
    pub token: Option<Secret>,
    /// Certificates, in PEM, that are believed beside those of the system.
    pub certificates: Option<Vec<u8>>,
    /// Whether HTTP without TLS may leave this machine.
    pub plain_http: bool,
    /// Whether nothing is ever written.
    pub read_only: bool,
    /// How long a remote may take.
    pub deadlines: Deadlines,
}
