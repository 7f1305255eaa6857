//! Reads the vectors that the scripts beside this file made: a line is words between spaces, some of them hex.

/// The words of each line that begins with `kind`, without it.
pub(crate) fn lines<'a>(file: &'a str, kind: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
    file.lines().map(|line| line.split(' ').collect::<Vec<_>>()).filter_map(move |words| {
        let (first, rest) = words.split_first()?;
        (*first == kind).then(|| rest.to_vec())
    })
}

/// Bytes out of hex.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "hex has two digits a byte");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
