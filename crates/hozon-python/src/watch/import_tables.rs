//! (stub)
pub(super) const SEES_NATIVE: bool = false;
pub(super) fn patch_what_was_added() {}
pub(super) fn patching_failed() -> bool {
    false
}
pub(super) fn is_in_use() -> bool {
    false
}
