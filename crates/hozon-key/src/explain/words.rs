//! An explanation in the user's words.

use std::fmt;

use super::{Change, ChangeKind, Explanation};
use crate::node::NodeKind;
use crate::visible::visible;

/// Up to so many changes have a line each.
const MOST_LINES: usize = 12;

/// Beyond that, changes of one sort share a line that names so many.
const MOST_NAMES: usize = 3;

impl<Tag> fmt::Display for Explanation<Tag> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = match (&self.nearest, self.changes.len()) {
            (None, _) => vec!["first run".to_owned()],
            (Some(_), 0) => vec!["nothing changed".to_owned()],
            (Some(_), count) if count <= MOST_LINES => self.changes.iter().map(Change::to_string).collect(),
            _ => grouped(&self.changes),
        };
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject();
        match self.contents() {
            (Some(before), Some(after)) if before != after => {
                let colon = if self.node == NodeKind::Distribution { "" } else { ":" };
                write!(f, "{subject}{colon} {} → {}", self.content(before), self.content(after))?;
            }
            (before, after) => {
                write!(f, "{subject} {}", self.kind.word())?;
                if let Some(content) = after.or(before) {
                    let content = self.content(content);
                    if self.kind == ChangeKind::Changed {
                        write!(f, " ({content})")?
                    } else {
                        write!(f, ": {content}")?
                    }
                }
            }
        }
        self.place.as_deref().map_or(Ok(()), |place| write!(f, " ({})", visible(place)))
    }
}

/// What stands for state of a process that nobody has set.
const AS_IT_STARTS: &str = "as it starts";

/// How many lines of a code difference are shown to people, for each change.
const MOST_CODE_LINES: usize = 20;

impl Change {
    /// The changed lines of a definition, below its name; nothing where there is no such difference.
    pub fn code_lines(&self) -> Vec<String> {
        let Some(difference) = &self.code_difference else { return vec![] };
        // The first two lines name files, which there are none of, and the third says where the first
        // hunk is.
        let lines: Vec<&str> =
            difference.lines().skip(3).map(|line| if line.starts_with("@@ ") { "…" } else { line }).collect();
        let title = if self.label.is_empty() { self.subject() } else { visible(&self.label).into_owned() };
        let title = format!("{title}:");
        let shown = lines.iter().take(MOST_CODE_LINES).map(|line| format!("  {}", visible(line)));
        let more = lines.len().saturating_sub(MOST_CODE_LINES);
        let rest = (more > 0).then(|| format!("  … and {more} more lines (--json gives all)"));
        [title].into_iter().chain(shown).chain(rest).collect()
    }

    /// What it was and what it is now, as shown. State of the process is in no recipe where nobody has set it.
    fn contents(&self) -> (Option<&str>, Option<&str>) {
        let (before, after) = (self.before.as_deref(), self.after.as_deref());
        match (self.node, before, after) {
            (NodeKind::ProcessState, None, Some(after)) => (Some(AS_IT_STARTS), Some(after)),
            (NodeKind::ProcessState, Some(before), None) => (Some(before), Some(AS_IT_STARTS)),
            _ => (before, after),
        }
    }

    /// What the change is about, as a person would name it.
    fn subject(&self) -> String {
        let label = visible(&self.label);
        match self.node {
            NodeKind::Computation if self.label.is_empty() => "the code".to_owned(),
            NodeKind::Computation => format!("the code of {label}"),
            NodeKind::Helper => format!("helper {label}()"),
            NodeKind::Class => format!("class {label}"),
            NodeKind::Module => format!("module {label}"),
            NodeKind::Argument => format!("argument {label}"),
            NodeKind::Code => format!("code {label}"),
            NodeKind::Path => format!("{label}, known by how it was made,"),
            NodeKind::Reference => format!("what {label} refers to"),
            NodeKind::Name if self.label.is_empty() => "name".to_owned(),
            NodeKind::Environment => format!("environment variable {label}"),
            NodeKind::Directory => format!("directory {label}"),
            NodeKind::Status => format!("status of {label}"),
            NodeKind::RandomState => format!("random state of {label}"),
            NodeKind::WorkingDirectory => "the working directory".to_owned(),
            NodeKind::File => label.into_owned(),
            NodeKind::Name
            | NodeKind::Pin
            | NodeKind::Value
            | NodeKind::Distribution
            | NodeKind::Group
            | NodeKind::ProcessState => label.into_owned(),
        }
    }

    /// `2.3.1` also where a version is shown as `pandas 2.3.1`: the subject names it already.
    fn content<'a>(&self, shown: &'a str) -> std::borrow::Cow<'a, str> {
        let rest = shown.strip_prefix(self.label.as_str()).and_then(|rest| rest.strip_prefix(' '));
        let is_version = matches!(self.node, NodeKind::Distribution | NodeKind::Module | NodeKind::Pin);
        visible(rest.filter(|_| is_version).unwrap_or(shown))
    }
}

/// One line for each sort of change, in the order in which the sorts first come.
fn grouped(changes: &[Change]) -> Vec<String> {
    let mut groups: Vec<Vec<&Change>> = vec![];
    for change in changes {
        let same_sort =
            |group: &&mut Vec<&Change>| (group[0].kind, group[0].node) == (change.kind, change.node);
        match groups.iter_mut().find(same_sort) {
            Some(group) => group.push(change),
            None => groups.push(vec![change]),
        }
    }
    groups.iter().flat_map(|group| group_lines(group)).collect()
}

fn group_lines(group: &[&Change]) -> Vec<String> {
    if group.len() <= MOST_NAMES {
        return group.iter().map(|change| change.to_string()).collect();
    }
    let call = if group[0].node == NodeKind::Helper { "()" } else { "" };
    let names = group.iter().take(MOST_NAMES).map(|change| format!("{}{call}", visible(&change.label)));
    let names: Vec<String> = names.collect();
    let (count, noun, verb) = (group.len(), plural(group[0].node), group[0].kind.word());
    vec![format!("{count} {noun} {verb}: {} and {} more", names.join(", "), count - MOST_NAMES)]
}

fn plural(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Computation => "computations",
        NodeKind::Name => "names",
        NodeKind::Pin => "pins",
        NodeKind::Code => "pieces of code",
        NodeKind::Helper => "helpers",
        NodeKind::Class => "classes",
        NodeKind::Module => "modules",
        NodeKind::Value => "values",
        NodeKind::Argument => "arguments",
        NodeKind::Distribution => "distributions",
        NodeKind::Path => "inputs known by how they were made",
        NodeKind::Group => "parts",
        NodeKind::Reference => "references",
        NodeKind::File => "files",
        NodeKind::Directory => "directories",
        NodeKind::Status => "statuses of files",
        NodeKind::Environment => "environment variables",
        NodeKind::RandomState => "random states",
        NodeKind::WorkingDirectory => "working directories",
        NodeKind::ProcessState => "states of the process",
    }
}
