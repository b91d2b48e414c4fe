//! Writes the pages that the tests in `web/` open, to standard output.
//!
//! `sample` has every kind of output and of cell, `hostile ADDRESS` tries everything that a page must not
//! allow against a server at that address, and `notebook` is the sample as a notebook.

mod hostile;
mod kinds;
mod sample;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let text = match words.as_slice() {
        ["sample"] => hozon_cli::html(&sample::report()),
        ["hostile", address] => hozon_cli::html(&hostile::report(address)),
        ["notebook"] => hozon_cli::ipynb(&sample::report(), None).to_string(),
        _ => return ExitCode::from(2),
    };
    let written = std::io::stdout().write_all(text.as_bytes());
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
