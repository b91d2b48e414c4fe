//! What the flags of an open mean for what is an input. Pure.

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its bytes are read.
    Read,
    /// It is written. `keeps`: bytes that it has stay, unless it is new. `reads`: they can be read.
    Write {
        /// Earlier bytes stay.
        keeps: bool,
        /// It is open for reading as well.
        reads: bool,
        /// It is made where it is not there.
        creates: bool,
    },
}

/// The flags of `open` on this system.
#[cfg(unix)]
mod flag {
    pub(super) const WRITE_ONLY: i32 = libc::O_WRONLY;
    pub(super) const READ_WRITE: i32 = libc::O_RDWR;
    pub(super) const MODE: i32 = libc::O_ACCMODE;
    pub(super) const CREATE: i32 = libc::O_CREAT;
    pub(super) const EXCLUSIVE: i32 = libc::O_EXCL;
    pub(super) const TRUNCATE: i32 = libc::O_TRUNC;
}

/// The flags of `_open` of Windows' C library.
#[cfg(not(unix))]
mod flag {
    pub(super) const WRITE_ONLY: i32 = 1;
    pub(super) const READ_WRITE: i32 = 2;
    pub(super) const MODE: i32 = 3;
    pub(super) const CREATE: i32 = 0x100;
    pub(super) const EXCLUSIVE: i32 = 0x400;
    pub(super) const TRUNCATE: i32 = 0x200;
}

impl Access {
    /// Reads the flags of `open`.
    pub(crate) fn of_flags(flags: i32) -> Self {
        let starts_empty = flags & flag::TRUNCATE != 0
            || flags & (flag::CREATE | flag::EXCLUSIVE) == flag::CREATE | flag::EXCLUSIVE;
        let creates = flags & flag::CREATE != 0;
        match flags & flag::MODE {
            flag::WRITE_ONLY => Self::Write { keeps: !starts_empty, reads: false, creates },
            flag::READ_WRITE => Self::Write { keeps: !starts_empty, reads: !starts_empty, creates },
            _ => Self::Read,
        }
    }

    /// Reads the mode of `fopen`.
    pub(crate) fn of_mode(mode: &[u8]) -> Self {
        let updates = mode.contains(&b'+');
        match mode.first() {
            Some(b'w' | b'x') => Self::Write { keeps: false, reads: false, creates: true },
            Some(b'a') => Self::Write { keeps: true, reads: updates, creates: true },
            _ if updates => Self::Write { keeps: true, reads: true, creates: false },
            _ => Self::Read,
        }
    }
}
