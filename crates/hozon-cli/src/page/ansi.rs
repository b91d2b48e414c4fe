//! What a program wrote to a terminal, as lines of HTML.

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};

use super::text;

/// Longer lines are cut into parts of so many characters, so that a fold may come between them.
const LONGEST: usize = 4096;

/// Returns HTML for each line of `text`, colours and overwritten lines as a terminal would show them.
///
/// Each line ends with its line feed and closes every tag that it opens. Sequences other than colours,
/// erasing in a line and moves back in it do nothing.
pub(super) fn lines(text: &str) -> Vec<String> {
    let mut screen = Screen::default();
    let mut parser = Parser::<DefaultCharAccumulator>::new();
    for byte in text.bytes() {
        parser.advance(&mut screen, byte);
    }
    screen.finish()
}

#[derive(Clone, Copy, Default, PartialEq)]
struct Style {
    foreground: Colour,
    background: Colour,
    bold: bool,
    faint: bool,
    italic: bool,
    underlined: bool,
    struck: bool,
    inverse: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Colour {
    #[default]
    Own,
    /// One of the sixteen that a theme chooses.
    Named(u8),
    Exact(u8, u8, u8),
}

#[derive(Default)]
struct Screen {
    lines: Vec<String>,
    line: Vec<(char, Style)>,
    column: usize,
    style: Style,
}

impl Screen {
    fn finish(mut self) -> Vec<String> {
        if !self.line.is_empty() {
            self.end_line(false);
        }
        self.lines
    }

    fn end_line(&mut self, feed: bool) {
        let line = std::mem::take(&mut self.line);
        self.column = 0;
        let mut parts = line.chunks(LONGEST).peekable();
        while let Some(part) = parts.next() {
            self.lines.push(html(part, feed && parts.peek().is_none()));
        }
        if line.is_empty() {
            self.lines.push("\n".to_owned());
        }
    }

    /// Erases to the end of the line, or all of it. To its start is left alone: it would cost the whole
    /// line each time, and nobody does it.
    fn erase(&mut self, what: u16) {
        match what {
            0 => self.line.truncate(self.column),
            2 => {
                self.line.clear();
                self.column = 0;
            }
            _ => {}
        }
    }

    /// The cursor stands nowhere behind the end of the line: a few bytes must not make a long line.
    fn go_to(&mut self, column: usize) {
        self.column = column.min(self.line.len());
    }
}

impl Perform for Screen {
    fn print(&mut self, character: char) {
        let cell = (character, self.style);
        match self.line.get_mut(self.column) {
            Some(old) => *old = cell,
            None => self.line.push(cell),
        }
        self.column += 1;
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end_line(true),
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.print('\t'),
            0x07 => {}
            other => self.print(char::from(other)),
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: u8) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let first = params.iter().next().and_then(|param| param.first().copied()).unwrap_or(0);
        match action {
            b'm' => self.style.obey(params),
            b'K' => self.erase(first),
            b'D' => self.column = self.column.saturating_sub(usize::from(first.max(1))),
            b'G' => self.go_to(usize::from(first.max(1)) - 1),
            _ => {}
        }
    }
}

impl Style {
    fn obey(&mut self, params: &Params) {
        // Both `38;5;n` and `38:5:n` are written.
        let codes: Vec<u16> = params.iter().flatten().copied().collect();
        let mut rest = codes.as_slice();
        while let [code, after @ ..] = rest {
            rest = match code {
                38 => take_colour(after, &mut self.foreground),
                48 => take_colour(after, &mut self.background),
                58 => take_colour(after, &mut Colour::default()),
                _ => {
                    self.obey_one(*code);
                    after
                }
            };
        }
    }

    fn obey_one(&mut self, code: u16) {
        match code {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.faint = true,
            3 => self.italic = true,
            4 => self.underlined = true,
            7 => self.inverse = true,
            9 => self.struck = true,
            22 => (self.bold, self.faint) = (false, false),
            23 => self.italic = false,
            24 => self.underlined = false,
            27 => self.inverse = false,
            29 => self.struck = false,
            30..=37 => self.foreground = Colour::Named(code as u8 - 30),
            39 => self.foreground = Colour::Own,
            40..=47 => self.background = Colour::Named(code as u8 - 40),
            49 => self.background = Colour::Own,
            90..=97 => self.foreground = Colour::Named(code as u8 - 82),
            100..=107 => self.background = Colour::Named(code as u8 - 92),
            _ => {}
        }
    }

    /// The attributes of a span with this look; empty for text without any.
    fn attributes(self) -> String {
        let (mut front, mut back) = (self.foreground, self.background);
        if self.inverse {
            (front, back) = (back, front);
        }
        let mut classes = Vec::new();
        let mut rules = Vec::new();
        let unstyled = if self.inverse { ["fi", "bi"] } else { ["", ""] };
        for (colour, letter, property, own) in
            [(front, 'f', "color", unstyled[0]), (back, 'b', "background-color", unstyled[1])]
        {
            match colour {
                Colour::Own if own.is_empty() => {}
                Colour::Own => classes.push(own.to_owned()),
                Colour::Named(number) => classes.push(format!("{letter}{number}")),
                Colour::Exact(red, green, blue) => {
                    rules.push(format!("{property}:#{red:02x}{green:02x}{blue:02x}"));
                }
            }
        }
        let flags = [
            (self.bold, "ab"),
            (self.faint, "af"),
            (self.italic, "ai"),
            (self.underlined, "au"),
            (self.struck, "as"),
        ];
        classes.extend(flags.iter().filter(|(set, _)| *set).map(|(_, class)| (*class).to_owned()));
        let mut attributes = String::new();
        if !classes.is_empty() {
            attributes.push_str(&format!(" class=\"{}\"", classes.join(" ")));
        }
        if !rules.is_empty() {
            attributes.push_str(&format!(" style=\"{}\"", rules.join(";")));
        }
        attributes
    }
}

/// Reads what follows a 38 or 48, and returns what is left.
fn take_colour<'a>(codes: &'a [u16], colour: &mut Colour) -> &'a [u16] {
    let byte = |code: u16| u8::try_from(code).unwrap_or(u8::MAX);
    match codes {
        [5, number, rest @ ..] => {
            *colour = of_palette(byte(*number));
            rest
        }
        [2, red, green, blue, rest @ ..] => {
            *colour = Colour::Exact(byte(*red), byte(*green), byte(*blue));
            rest
        }
        _ => &[],
    }
}

/// The palette of 256: sixteen named ones, a cube of six by six by six, and greys.
fn of_palette(number: u8) -> Colour {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match number {
        0..=15 => Colour::Named(number),
        16..=231 => {
            let cube = number - 16;
            Colour::Exact(level(cube / 36), level(cube / 6 % 6), level(cube % 6))
        }
        232..=255 => {
            let grey = 8 + 10 * (number - 232);
            Colour::Exact(grey, grey, grey)
        }
    }
}

fn html(line: &[(char, Style)], feed: bool) -> String {
    let mut out = String::new();
    for run in line.chunk_by(|one, next| one.1 == next.1) {
        let words: String = run.iter().map(|(character, _)| *character).collect();
        let attributes = run[0].1.attributes();
        if attributes.is_empty() {
            text::push(&mut out, &words);
        } else {
            out.push_str(&format!("<span{attributes}>"));
            text::push(&mut out, &words);
            out.push_str("</span>");
        }
    }
    if feed {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours() {
        let table = [
            ("plain <b>", "plain &lt;b&gt;"),
            ("\u{1b}[31;1mred\u{1b}[0m.", "<span class=\"f1 ab\">red</span>."),
            ("\u{1b}[38;5;196mr\u{1b}[39m.", "<span style=\"color:#ff0000\">r</span>."),
            ("\u{1b}[38:2:1:2:3mx", "<span style=\"color:#010203\">x</span>"),
            ("\u{1b}[7mx\u{1b}[27m", "<span class=\"fi bi\">x</span>"),
            ("\u{1b}[95;44mx", "<span class=\"f13 b4\">x</span>"),
            ("\u{1b}[38;5", ""),
            ("\u{1b}]8;;javascript:alert(1)\u{7}link\u{1b}]8;;\u{7}", "link"),
        ];
        for (text, html) in table {
            assert_eq!(lines(text).concat(), html, "{text:?}");
        }
    }

    #[test]
    fn a_bar_of_progress_shows_its_end() {
        assert_eq!(lines("10%\r 50%\r100%\ndone").concat(), "100%\ndone");
        assert_eq!(lines("long line\r\u{1b}[Kshort").concat(), "short");
        assert_eq!(lines("a\r\nb\r\n").concat(), "a\nb\n");
        assert_eq!(lines("abc\u{8}X").concat(), "abX");
        assert_eq!(lines("abc\u{1b}[2K!").concat(), "!");
    }

    #[test]
    fn every_line_closes_what_it_opens() {
        assert_eq!(lines("\u{1b}[31ma\nb"), ["<span class=\"f1\">a</span>\n", "<span class=\"f1\">b</span>"]);
        assert_eq!(lines(&"x".repeat(LONGEST + 1)).len(), 2);
    }

    #[test]
    fn a_far_column_costs_nothing() {
        assert_eq!(lines("\u{1b}[65535Gx").concat(), "x");
    }
}
