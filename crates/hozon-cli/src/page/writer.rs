//! A page in the making.

use super::frame::Frames;
use serde_json::Value;

use super::markdown::{self, Heading, Source};
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

    /// The HTML of the notebook's own Markdown; its headings are listed in the contents.
    pub(super) fn prose(&mut self, markdown: &str, attachments: Option<&Value>) -> String {
        let (html, headings) = self.markdown(markdown, attachments);
        self.headings.extend(headings);
        html
    }

    /// The HTML of Markdown that a cell shows.
    pub(super) fn shown(&mut self, markdown: &str) -> String {
        self.markdown(markdown, None).0
    }

    fn markdown(&mut self, markdown: &str, attachments: Option<&Value>) -> (String, Vec<Heading>) {
        self.texts += 1;
        let prefix = format!("section-{}", self.texts);
        let mut headings = Vec::new();
        let source = Source { markdown, attachments, prefix: &prefix, math: &self.math };
        (markdown::html(&source, &mut headings), headings)
    }
}
