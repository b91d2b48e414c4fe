//! The Python extension: converts, walks values, watches code.
