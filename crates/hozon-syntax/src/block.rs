//! The body of a `with` statement that may be skipped.
/// The kind of scope that a statement runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScopeKind {
    /// A module or a notebook cell.
    Module,
    /// A function.
    Function,
    /// A class body.
    Class,
}
