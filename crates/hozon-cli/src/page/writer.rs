//! A page in the making.

use super::frame::Frames;
use super::markdown::{self, Heading};
use super::math::Math;

/// The body of a page, and what its head and its contents will need from it.
pub(super) struct Writer {
    pub(super) out: String,
    pub(super) frames: Frames,
    pub(super) math: Math,
    pub(super) headings: Vec<Heading>,
    texts: usize,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            out: String::new(),
            frames: Frames::default(),
            math: Math::new(),
            headings: Vec::new(),
            texts: 0,
        }
    }

    /// The HTML of Markdown, its headings being listed in the contents if they are the notebook's.
    pub(super) fn markdown(&mut self, text: &str, is_listed: bool) -> String {
        self.texts += 1;
        let mut headings = Vec::new();
        let html = markdown::html(text, &format!("section-{}", self.texts), &self.math, &mut headings);
        if is_listed {
            self.headings.extend(headings);
        }
        html
    }
}
