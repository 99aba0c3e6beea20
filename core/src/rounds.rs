//! How often random steps are tried.

/// So many of a hundred as `INORDER_ROUNDS` says, else all of them; one in a hundred where every step is interpreted.
pub(crate) fn rounds(usual: u64) -> u64 {
    let percent = if cfg!(miri) {
        1
    } else {
        std::env::var("INORDER_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
    };
    (usual * percent / 100).max(1)
}

/// A smaller number in place of the usual one where every step is interpreted.
pub(crate) const fn unless_interpreted(usual: usize, interpreted: usize) -> usize {
    if cfg!(miri) { interpreted } else { usual }
}
