//! How much of a version counts.

use std::str::FromStr;

/// How much of a version enters a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pin {
    /// `2` of `2.3.1`.
    Major,
    /// `2.3` of `2.3.1`.
    Minor,
    /// The whole version.
    Patch,
    /// Nothing.
    None,
    /// Not the version but the code that is reached.
    Code,
}

/// A text that is not a pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a pin: use \"major\", \"minor\", \"patch\", \"code\" or None")]
pub struct PinParseError {
    text: String,
}

impl Pin {
    /// Returns the word for it, as [`str::parse`] takes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
            Self::None => "none",
            Self::Code => "code",
        }
    }
}

impl FromStr for Pin {
    type Err = PinParseError;

    fn from_str(text: &str) -> Result<Self, PinParseError> {
        let pins = [Self::Major, Self::Minor, Self::Patch, Self::None, Self::Code];
        let same_word = |pin: &Pin| pin.word().eq_ignore_ascii_case(text);
        pins.into_iter().find(same_word).ok_or_else(|| PinParseError { text: text.to_owned() })
    }
}

/// Returns the part of a distribution's version that counts. Empty for [`Pin::None`] and [`Pin::Code`].
///
/// Versions are read as PEP 440 has them: `v`, the epoch, leading zeros and missing numbers (`2` is `2.0.0`)
/// make no difference beyond what they mean. A pre-release or development version promises nothing about
/// the next one, and an odd text has no parts that could be told apart, so both count whole at every pin.
/// [`Pin::Patch`] counts post-releases, local parts (`+cu121`) and a fourth number too.
pub fn pinned(version: &str, pin: Pin) -> String {
    let numbers = match pin {
        Pin::None | Pin::Code => return String::new(),
        Pin::Major => 1,
        Pin::Minor => 2,
        Pin::Patch => 3,
    };
    let text = version.trim().to_ascii_lowercase();
    let Some(parsed) = Version::parse(&text) else { return text };
    match pin {
        Pin::Patch => parsed.whole(),
        _ => parsed.leading(numbers),
    }
}

/// A version that PEP 440 allows and that is no pre-release.
struct Version<'a> {
    epoch: &'a str,
    release: Vec<&'a str>,
    /// Post-release and local part, as written.
    rest: &'a str,
}

impl<'a> Version<'a> {
    /// Reads a lower-case version; `None` for pre-releases and for what is no version.
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (epoch, text) = text.split_once('!').unwrap_or(("0", text));
        let end = text.find(|character: char| !character.is_ascii_digit() && character != '.');
        let (release, rest) = text.split_at(end.unwrap_or(text.len()));
        // The dot of `2.3.post1` belongs to what follows the numbers.
        let (release, rest) = match release.strip_suffix('.') {
            Some(shorter) => (shorter, &text[shorter.len()..]),
            None => (release, rest),
        };
        let release: Vec<&str> = release.split('.').collect();
        let well_formed = std::iter::once(&epoch).chain(&release).all(|number| is_number(number));
        (well_formed && is_post_or_local(rest)).then(|| Self { epoch: unpadded(epoch), release, rest })
    }

    /// The epoch, if there is one, and the first `count` numbers.
    fn leading(&self, count: usize) -> String {
        let number = |index: usize| self.release.get(index).map_or("0", |number| unpadded(number));
        let numbers: Vec<&str> = (0..count).map(number).collect();
        let epoch = if self.epoch == "0" { String::new() } else { format!("{}!", self.epoch) };
        epoch + &numbers.join(".")
    }

    /// Everything, with trailing zeros beyond the third number left out.
    fn whole(&self) -> String {
        let last = self.release.iter().rposition(|number| unpadded(number) != "0").unwrap_or(0);
        self.leading((last + 1).max(3)) + self.rest
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unpadded(number: &str) -> &str {
    let stripped = number.trim_start_matches('0');
    if stripped.is_empty() { "0" } else { stripped }
}

/// Tells whether what follows the release numbers is a post-release, a local part, both or nothing.
fn is_post_or_local(rest: &str) -> bool {
    let (public, local) = match rest.split_once('+') {
        Some((public, local)) => (public, Some(local)),
        None => (rest, None),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let local_is_good = local.is_none_or(|local| !local.is_empty() && local.bytes().all(allowed));
    local_is_good && (public.is_empty() || is_post(public))
}

/// `.post1`, `post1`, `-post1`, `.rev1`, `.r1`, `-1`.
fn is_post(public: &str) -> bool {
    let unmarked = public.trim_start_matches(['.', '-', '_']);
    let word = ["post", "rev", "r"].into_iter().find(|word| unmarked.starts_with(word));
    let number = &unmarked[word.map_or(0, str::len)..];
    let number = number.trim_start_matches(['.', '-', '_']);
    match word {
        Some(_) => number.bytes().all(|byte| byte.is_ascii_digit()),
        None => public.starts_with('-') && is_number(unmarked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parsed_and_others_refused() {
        for pin in [Pin::Major, Pin::Minor, Pin::Patch, Pin::None, Pin::Code] {
            assert_eq!(pin.word().parse(), Ok(pin));
        }
        assert_eq!("Minor".parse(), Ok(Pin::Minor));
        let error = "micro".parse::<Pin>().unwrap_err();
        let expected = r#""micro" is not a pin: use "major", "minor", "patch", "code" or None"#;
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_pin_says_how_much_counts() {
        let table = [
            // version, major, minor, patch
            ("2.3.1", "2", "2.3", "2.3.1"),
            ("2", "2", "2.0", "2.0.0"),
            ("2024.1", "2024", "2024.1", "2024.1.0"),
            ("2024.01.05", "2024", "2024.1", "2024.1.5"),
            ("v1.10.0", "1", "1.10", "1.10.0"),
            ("1!2.3.1", "1!2", "1!2.3", "1!2.3.1"),
            ("0!2.3.1", "2", "2.3", "2.3.1"),
            ("2.3.1.4", "2", "2.3", "2.3.1.4"),
            ("2.3.1.0", "2", "2.3", "2.3.1"),
            ("2.3.1.post2", "2", "2.3", "2.3.1.post2"),
            ("2.3-1", "2", "2.3", "2.3.0-1"),
            ("2.5.1+cu121", "2", "2.5", "2.5.1+cu121"),
            ("2.5.1.post1+cpu", "2", "2.5", "2.5.1.post1+cpu"),
            (" 2.3.1\n", "2", "2.3", "2.3.1"),
            (
                "99999999999999999999999.1",
                "99999999999999999999999",
                "99999999999999999999999.1",
                "99999999999999999999999.1.0",
            ),
        ];
        for (version, major, minor, patch) in table {
            let all = [Pin::Major, Pin::Minor, Pin::Patch].map(|pin| pinned(version, pin));
            assert_eq!(all, [major, minor, patch], "{version:?}");
            assert_eq!((pinned(version, Pin::None), pinned(version, Pin::Code)), Default::default());
        }
    }

    #[test]
    fn pre_releases_and_odd_texts_count_whole_at_every_pin() {
        let texts = [
            "3.0.0rc1",
            "3.0a1",
            "3.0.0.dev7",
            "3.0.0.dev7+g1234",
            "3.0.0-beta.2",
            "3.0.0.post1.dev3",
            "",
            "unknown",
            "2.x",
            "2..3",
            "1!",
            "!1",
            "2.3.",
            ".",
            "2024-01-05",
            "2.3+",
            "-1",
            "²",
            "r",
            "保存",
        ];
        for text in texts {
            for pin in [Pin::Major, Pin::Minor, Pin::Patch] {
                assert_eq!(pinned(text, pin), text);
            }
        }
    }
}
