//! The hozon command: words, tables, exit codes.
