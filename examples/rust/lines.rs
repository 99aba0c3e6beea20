//! A file's lines and how long each takes: any text, however broken.

use std::{fs, io};

/// A line's text, and its duration in microseconds.
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) duration: u64,
}

/// The lines of a file, which end with LF or CRLF. Bytes that are no UTF-8 become U+FFFD.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn read(path: &str) -> io::Result<Vec<Line>> {
    let raw = fs::read(path)?;
    let lines = raw.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Line { text: String::from_utf8_lossy(line).into_owned(), duration: duration(line) }
    });
    Ok(lines.collect())
}

/// 1 to 20 ms, in microseconds: 1,000 + FNV-1a (32 bit) of the line's bytes, without its end, modulo 19,001.
pub(crate) fn duration(line: &[u8]) -> u64 {
    let hash = line
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    1_000 + u64::from(hash % 19_001)
}
