//! The seam to the operating system: files, publishing, locks, clock, randomness.
