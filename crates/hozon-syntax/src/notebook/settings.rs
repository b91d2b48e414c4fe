//! What the author of a cell set for it, in comments at its top: `# hozon: off`, `# hozon: ttl=1d`.

use super::cell::CellSettings;

impl CellSettings {
    /// Reads the comments at the top of a cell.
    pub(super) fn of(text: &str) -> Self {
        let mut settings = Self::default();
        for line in text.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with('#')) {
            let comment = line.trim_start_matches('#').trim_start();
            if let Some(words) = comment.strip_prefix("hozon:") {
                let words = words.split(|character: char| character == ',' || character.is_whitespace());
                words.filter(|word| !word.is_empty()).for_each(|word| settings.set(word));
            }
        }
        settings
    }

    fn set(&mut self, word: &str) {
        match word.split_once('=') {
            None if word == "off" => self.off = true,
            Some(("ttl", duration)) if !duration.is_empty() => self.ttl = Some(duration.to_owned()),
            _ => self.faults.push(word.to_owned()),
        }
    }
}
