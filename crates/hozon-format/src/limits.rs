//! The largest sizes that are read or written. Each is checked before anything is allocated.

/// The most bytes of one sealed envelope: what is larger is neither written nor read.
pub const ENVELOPE_BYTES: u64 = 64 << 20;

/// Parts shorter than this stay inside the entry; longer ones become blobs.
pub const INLINE_PART_BYTES: usize = 4096;

/// The most bytes of parts inside one entry: beyond it, even short parts become blobs.
pub const INLINE_TOTAL_BYTES: usize = 1 << 20;
