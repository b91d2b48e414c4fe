//! Entries and blobs of one folder: get, put, lease, verify.
