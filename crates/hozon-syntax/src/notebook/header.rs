//! Inline script metadata (PEP 723).

/// Returns the TOML text of the block `# /// script`, without the comment marks.
pub(super) fn inline_metadata(text: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| line.trim_end() != "# /// script");
    lines.next()?;
    let block: Vec<&str> = lines.map_while(content).collect();
    // The block ends at the last line `# ///` of an unbroken run of comments.
    let end = block.iter().rposition(|line| *line == "///")?;
    Some(block[..end].iter().map(|line| format!("{line}\n")).collect())
}

fn content(line: &str) -> Option<&str> {
    let line = line.trim_end();
    if line == "#" { Some("") } else { line.strip_prefix("# ") }
}
