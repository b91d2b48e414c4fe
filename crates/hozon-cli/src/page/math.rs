//! LaTeX formulas as MathML, which browsers show by themselves.

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};

use super::text;

/// Longer formulas are shown as they are written: the converter recurses, and nobody writes them by hand.
const LONGEST: usize = 2000;

/// Stack for one level of a formula, unoptimised builds included, and for what does not depend on the depth.
const STACK_PER_LEVEL: usize = 16 * 1024;
const STACK_BASE: usize = 256 * 1024;

/// Converts formulas, each on its own.
pub(super) struct Math(Option<LatexToMathML>);

impl Math {
    pub(super) fn new() -> Self {
        Self(LatexToMathML::new(MathCoreConfig::default()).ok())
    }

    /// MathML of `latex`, or its text in the style of code if it cannot be converted.
    pub(super) fn html(&self, latex: &str, is_block: bool) -> String {
        let display = if is_block { MathDisplay::Block } else { MathDisplay::Inline };
        let mathml = self.convert(latex, display).filter(|mathml| is_mathml(mathml));
        mathml.unwrap_or_else(|| format!("<code class=\"latex\">{}</code>", text::escaped(latex)))
    }

    fn convert(&self, latex: &str, display: MathDisplay) -> Option<String> {
        if latex.len() > LONGEST || latex.contains('\0') {
            return None;
        }
        let converter = self.0.as_ref()?;
        // A formula nests at most as deep as it has bytes.
        let needed = STACK_BASE + latex.len() * STACK_PER_LEVEL;
        let converted =
            stacker::maybe_grow(needed, needed, || converter.convert_with_local_state(latex, display));
        Some(converted.ok()?.mathml)
    }
}

/// Whether every tag is one that the converter makes. A fault in it must not become one of the page.
fn is_mathml(mathml: &str) -> bool {
    mathml.split('<').skip(1).all(|tag| {
        let name = tag.trim_start_matches('/');
        name.starts_with('m') && !tag.contains("=\"javascript")
    })
}

/// The output of a kind that holds formulas: its delimiters say nothing here.
pub(super) fn of_output(math: &Math, latex: &str) -> String {
    let bare = latex.trim();
    let delimiters = [("$$", "$$"), ("$", "$"), ("\\[", "\\]"), ("\\(", "\\)")];
    let inner = delimiters.iter().find_map(|(open, close)| bare.strip_prefix(open)?.strip_suffix(close));
    let inner = inner.unwrap_or(bare).trim().trim_start_matches("\\displaystyle").trim();
    format!("<div class=\"math\">{}</div>", math.html(inner, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas() {
        let html = of_output(&Math::new(), "$\\displaystyle \\frac{x^2}{2}$");
        assert!(html.contains("<mfrac>") && html.contains("display=\"block\""), "{html}");
    }

    #[test]
    fn what_cannot_be_converted_is_shown() {
        assert_eq!(
            Math::new().html("\\nosuch{<b>}", false),
            "<code class=\"latex\">\\nosuch{&lt;b&gt;}</code>"
        );
        assert!(Math::new().html(&"x".repeat(LONGEST + 1), false).starts_with("<code"));
    }

    #[test]
    fn hostile_formulas() {
        for latex in [
            "\\text{<script>alert(1)</script>}",
            "\\text{\" onmouseover=alert(1) x=\"}",
            "\\href{javascript:alert(1)}{x}",
            "\\class{a\" onclick=\"x}{y}",
            "<img src=x onerror=alert(1)>",
            "\\color{red\" onclick=\"x}{y}",
        ] {
            let html = Math::new().html(latex, true);
            assert!(!html.contains("<script") && !html.contains("<img"), "{latex}: {html}");
            let tags: Vec<&str> = html.split('<').skip(1).filter_map(|part| part.split('>').next()).collect();
            assert!(tags.iter().all(|tag| !tag.contains("on")), "{latex}: {html}");
        }
    }

    #[test]
    fn deep_formulas() {
        for part in ["{", "\\sqrt", "\\left(", "x^", "\\frac{", "\\begin{matrix}", "\\text{", "_"] {
            Math::new().html(&part.repeat(LONGEST / part.len()), true);
        }
    }
}
