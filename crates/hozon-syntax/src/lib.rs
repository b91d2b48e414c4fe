//! Python source to definitions, names and code digests; pure.
