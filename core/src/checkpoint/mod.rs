//! What is done of a source, small enough to be stored beside its position.
//!
//! The form, version 1: the version in a byte; a byte that says whether there is a position; the position; the runs of
//! ids that are done beyond it; the CRC-32C of all that, lowest byte first. Numbers are unsigned varints (LEB128). A run
//! is two of them: how many ids lie between it and the run before, or the position, less the one that must; and its
//! length less one.

mod error;

use alloc::string::String;
use alloc::vec::Vec;

use unsigned_varint::{decode, encode};

use crate::base32768::{self, TextError};

pub use error::CheckpointError;

/// The one version there is.
const VERSION: u8 = 1;

const CRC_32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// Bytes of the checksum.
const CHECKSUM: usize = size_of::<u32>();

/// Bits of a byte of a varint that count.
const VARINT_BITS: u32 = 7;

/// A position, and the ids beyond it that are done, both of one instant.
///
/// A [`Watermark`](crate::Watermark) makes it, and takes it back in a later life: what is done is not run again. It is
/// stored as bytes, or as text where a broker counts characters.
///
/// # Examples
/// ```
/// use inorder::{Checkpoint, Received, Watermark};
///
/// let mut watermark = Watermark::new();
/// for id in [10, 12, 15] {
///     let _ = watermark.receive(id)?;
/// }
/// assert!(watermark.complete_id(10) && watermark.complete_id(15));
///
/// let stored = watermark.checkpoint().to_text(Some(4096))?;
/// let checkpoint = Checkpoint::from_text(&stored)?;
/// assert_eq!(checkpoint.position(), Some(10));
///
/// let mut later = Watermark::new();
/// later.restore(&checkpoint, Some(10))?;
/// assert!(matches!(later.receive(12)?, Received::New(_)));
/// assert_eq!(later.receive(15)?, Received::Restored);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    position: Option<u64>,
    /// First and last of each, rising, beyond the position, with at least one id between two.
    runs: Vec<(u64, u64)>,
}

impl Checkpoint {
    /// Of runs that rise by their first ids. They may overlap, and reach below the position.
    pub(crate) fn new(position: Option<u64>, rising: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for (first, last) in rising.filter_map(|run| beyond(position, run)) {
            match runs.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last);
                }
                Some(_) | None => runs.push((first, last)),
            }
        }
        Self { position, runs }
    }

    /// Every id up to here that was received is done. `None` where that is so of no id.
    #[must_use]
    pub const fn position(&self) -> Option<u64> {
        self.position
    }

    /// The ids beyond the position that are done: first and last of each run, both inclusive, rising.
    pub fn runs(&self) -> impl ExactSizeIterator<Item = (u64, u64)> + '_ {
        self.runs.iter().copied()
    }

    /// Whether the id is one of those beyond the position that are done.
    #[must_use]
    pub fn contains(&self, id: u64) -> bool {
        let place = self.runs.partition_point(|&(_, last)| last < id);
        self.runs.get(place).is_some_and(|&(first, _)| first <= id)
    }

    /// The highest id in it, whether beyond the position or that.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.runs.last().map(|&(_, last)| last).or(self.position)
    }

    /// The bytes, at most `limit` of them. What does not fit is cut from the end: it is run again, and nothing is
    /// skipped.
    ///
    /// # Errors
    /// [`Limit`](CheckpointError::Limit) where not even the position fits.
    pub fn to_bytes(&self, limit: Option<usize>) -> Result<Vec<u8>, CheckpointError> {
        let limit = limit.unwrap_or(usize::MAX);
        self.write(limit).map_err(|least| CheckpointError::Limit { limit, least })
    }

    /// What [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// The bytes are not those of a checkpoint, or were changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let Some(&found) = bytes.first() else { return Err(CheckpointError::Empty) };
        if found != VERSION {
            return Err(CheckpointError::Version { found });
        }
        let Some((contents, checksum)) = bytes.split_last_chunk::<CHECKSUM>() else {
            return Err(CheckpointError::Malformed);
        };
        let (stored, computed) = (u32::from_le_bytes(*checksum), CRC_32C.checksum(contents));
        if stored != computed {
            return Err(CheckpointError::Checksum { stored, computed });
        }
        let checkpoint = Self::read(contents).ok_or(CheckpointError::Malformed)?;
        // a number could be written in more than one way, and a checkpoint is written in one
        if checkpoint.write(usize::MAX).as_deref() == Ok(bytes) {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Malformed)
        }
    }

    /// The bytes in base32768: at most `limit` UTF-16 units, and as many characters. It is cut as in
    /// [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`Limit`](CheckpointError::Limit), in UTF-16 units, where not even the position fits.
    pub fn to_text(&self, limit: Option<usize>) -> Result<String, CheckpointError> {
        let limit = limit.unwrap_or(usize::MAX);
        let bytes = self
            .write(base32768::bytes_in(limit))
            .map_err(|least| CheckpointError::Limit { limit, least: base32768::units_of(least) })?;
        Ok(base32768::encode(&bytes))
    }

    /// What [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// The text is not that of a checkpoint, or was changed.
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let bytes = base32768::decode(text).map_err(|error| match error {
            TextError::Character { at, found } => CheckpointError::Character { at, found },
            TextError::Padding => CheckpointError::Malformed,
        })?;
        Self::from_bytes(&bytes)
    }

    /// Looks whether this belongs to the position that is committed.
    pub(crate) fn check_position(&self, committed: Option<u64>) -> Result<(), CheckpointError> {
        if self.position == committed {
            Ok(())
        } else {
            Err(CheckpointError::Position { found: self.position, committed })
        }
    }

    /// As many bytes as fit; where not even the position does, how many it takes.
    fn write(&self, limit: usize) -> Result<Vec<u8>, usize> {
        let mut bytes = Vec::from([VERSION, u8::from(self.position.is_some())]);
        if let Some(position) = self.position {
            push(&mut bytes, position);
        }
        let least = bytes.len() + CHECKSUM;
        let mut room = limit.checked_sub(least).ok_or(least)?;
        let mut from = self.position.map_or(0, |position| position.saturating_add(1));
        for &(first, last) in &self.runs {
            let gap = first - from;
            let for_length = room.saturating_sub(size(gap));
            if for_length == 0 {
                break;
            }
            let length = (last - first).min(greatest(for_length));
            push(&mut bytes, gap);
            push(&mut bytes, length);
            // nothing is left where the run was cut
            room = for_length - size(length);
            // the id behind a run is not done
            from = last.saturating_add(2);
        }
        bytes.extend(CRC_32C.checksum(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// From the bytes before the checksum.
    fn read(contents: &[u8]) -> Option<Self> {
        let (&[_, has_position], mut rest) = contents.split_first_chunk()?;
        let mut from = Some(0);
        let position = match has_position {
            0 => None,
            1 => Some(take(&mut rest)?),
            _ => return None,
        };
        if let Some(position) = position {
            from = position.checked_add(1);
        }
        let mut runs = Vec::new();
        while !rest.is_empty() {
            let first = from?.checked_add(take(&mut rest)?)?;
            let last = first.checked_add(take(&mut rest)?)?;
            runs.push((first, last));
            from = last.checked_add(2);
        }
        Some(Self { position, runs })
    }
}

/// What of a run is beyond the position.
fn beyond(position: Option<u64>, (first, last): (u64, u64)) -> Option<(u64, u64)> {
    let Some(position) = position else { return Some((first, last)) };
    (last > position).then(|| (first.max(position.saturating_add(1)), last))
}

fn push(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(encode::u64(number, &mut encode::u64_buffer()));
}

/// The number that the bytes begin with.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = decode::u64(bytes).ok()?;
    *bytes = rest;
    Some(number)
}

/// How many bytes a number takes.
fn size(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()).div_ceil(VARINT_BITS).max(1) as usize
}

/// The greatest number that so many bytes take.
fn greatest(bytes: usize) -> u64 {
    match u32::try_from(bytes).unwrap_or(u32::MAX).saturating_mul(VARINT_BITS) {
        bits @ 0..u64::BITS => (1 << bits) - 1,
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::rounds::unless_interpreted;

    fn checkpoint(position: Option<u64>, runs: &[(u64, u64)]) -> Checkpoint {
        Checkpoint::new(position, runs.iter().copied())
    }

    /// With the right checksum, whatever it is.
    fn sealed(contents: &[u8]) -> Vec<u8> {
        [contents, &CRC_32C.checksum(contents).to_le_bytes()[..]].concat()
    }

    #[test]
    fn the_form_is_the_documented_one() {
        let bytes = checkpoint(Some(300), &[(302, 302), (305, 500)]).to_bytes(None).unwrap();
        assert_eq!(bytes[..8], [1, 1, 0xAC, 2, 1, 0, 1, 0xC3]);
        assert_eq!(bytes[8..9], [1], "195 is written in two bytes");
        // checked against a bitwise CRC-32C
        let mut crc = u32::MAX;
        for byte in &bytes[..9] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = crc >> 1 ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 };
            }
        }
        assert_eq!(bytes[9..], (!crc).to_le_bytes());
    }

    #[test]
    fn runs_are_joined_and_begin_beyond_the_position() {
        let c = checkpoint(Some(4), &[(0, 2), (3, 6), (5, 5), (7, 8), (10, 10), (10, 12)]);
        assert_eq!(c.runs().collect::<Vec<_>>(), [(5, 8), (10, 12)]);
        let done: Vec<u64> = (0..20).filter(|&id| c.contains(id)).collect();
        assert_eq!(done, [5, 6, 7, 8, 10, 11, 12]);
    }

    #[test]
    fn the_ends_of_the_numbers_come_back() {
        let max = u64::MAX;
        for (position, runs) in [
            (None, &[][..]),
            (None, &[(0, max)]),
            (None, &[(0, 0), (max, max)]),
            (Some(0), &[(1, max)]),
            (Some(max - 2), &[(max, max)]),
            (Some(max - 1), &[(max, max)]),
            (Some(max), &[]),
        ] {
            let c = checkpoint(position, runs);
            assert_eq!(c.runs, runs);
            assert_eq!(Checkpoint::from_bytes(&c.to_bytes(None).unwrap()).as_ref(), Ok(&c));
            assert_eq!(Checkpoint::from_text(&c.to_text(None).unwrap()), Ok(c));
        }
    }

    #[test]
    fn what_fits_is_kept_and_the_tail_is_cut() {
        let c = checkpoint(Some(9), &[(11, 12), (300, 20_000), (20_002, 20_002)]);
        let kept = |limit| {
            let bytes = c.to_bytes(Some(limit)).unwrap();
            assert!(bytes.len() <= limit);
            let kept = Checkpoint::from_bytes(&bytes).unwrap();
            assert_eq!(kept.position, Some(9));
            kept.runs
        };
        // the position takes 7 bytes, the first run 2, the gap before the second 2 and its length 3
        assert_eq!(kept(7), []);
        assert_eq!(kept(8), []);
        for limit in [9, 10, 11] {
            assert_eq!(kept(limit), [(11, 12)]);
        }
        assert_eq!(kept(12), [(11, 12), (300, 427)]);
        assert_eq!(kept(13), [(11, 12), (300, 300 + (1 << 14) - 1)]);
        assert_eq!(kept(14), [(11, 12), (300, 20_000)]);
        assert_eq!(kept(15), [(11, 12), (300, 20_000)]);
        assert_eq!(kept(16), c.runs);
    }

    #[test]
    fn a_limit_without_room_for_the_position_is_an_error() {
        let c = checkpoint(Some(300), &[]);
        assert_eq!(c.to_bytes(Some(7)), Err(CheckpointError::Limit { limit: 7, least: 8 }));
        assert_eq!(c.to_bytes(Some(8)).map(|b| b.len()), Ok(8));
        // 8 bytes are 64 bits: four characters of 15, and one for what is left
        assert_eq!(c.to_text(Some(4)), Err(CheckpointError::Limit { limit: 4, least: 5 }));
        assert_eq!(c.to_text(Some(5)).map(|t| t.encode_utf16().count()), Ok(5));
        assert!(c.to_text(Some(0)).is_err() && c.to_bytes(Some(0)).is_err());
    }

    #[test]
    #[cfg_attr(miri, ignore = "4,096 characters take minutes")]
    fn a_text_uses_its_limit() {
        let runs: Vec<(u64, u64)> = (0..4000).map(|n| (2 * n + 1, 2 * n + 1)).collect();
        let c = checkpoint(None, &runs);
        let text = c.to_text(Some(4096)).unwrap();
        assert_eq!(text.encode_utf16().count(), 4096);
        // 7680 bytes in 4096 units, of which 6 are taken; each run takes two
        assert_eq!(Checkpoint::from_text(&text).unwrap().runs, runs[..3837]);
    }

    #[test]
    fn each_change_of_a_byte_is_seen() {
        let bytes = checkpoint(Some(70), &[(72, 90), (1000, 1000)]).to_bytes(None).unwrap();
        for at in 0..bytes.len() {
            for flip in (1..=u8::MAX).step_by(unless_interpreted(1, 101)) {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                assert!(Checkpoint::from_bytes(&changed).is_err(), "byte {at} by {flip}");
            }
            assert!(Checkpoint::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_no_writer_writes_is_refused_in_spite_of_its_checksum() {
        let max = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
        for contents in [
            &[1][..],
            &[1, 2],
            &[1, 1],
            &[1, 1, 0x80],
            &[1, 1, 5, 0],
            // a number with a byte too many, and one with a bit too many
            &[1, 1, 0x80, 0],
            &[1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2],
            // beyond the last number there is
            &[&[1, 1], &max[..], &[0, 0]].concat(),
            &[&[1, 0, 1], &max[..]].concat(),
            &[&[1, 0, 0], &max[..], &[0, 0]].concat(),
        ] {
            let error = Checkpoint::from_bytes(&sealed(contents));
            assert_eq!(error, Err(CheckpointError::Malformed), "{contents:?}");
        }
        assert_eq!(Checkpoint::from_bytes(&sealed(&[1, 0])), Ok(Checkpoint::default()));
        assert_eq!(Checkpoint::from_bytes(&[1, 0, 0]), Err(CheckpointError::Malformed));
    }

    #[test]
    fn errors_name_what_is_wrong_and_what_is_allowed() {
        let text = |bytes: &[u8]| Checkpoint::from_bytes(bytes).unwrap_err().to_string();
        assert_eq!(text(b""), "the checkpoint is empty");
        assert_eq!(text(b"offsets"), "version of the checkpoint must be 1, not 111");
        assert_eq!(
            text(&[1, 0, 0, 0, 0, 0]),
            format!(
                "checksum of the checkpoint must be {:08x}, not 00000000: it was changed, or is something else",
                CRC_32C.checksum(&[1, 0])
            )
        );
        assert_eq!(
            Checkpoint::from_text("☟ host=a").unwrap_err().to_string(),
            "characters of the checkpoint must be base32768, not ' ' at 1"
        );
        let c = checkpoint(Some(7), &[]);
        assert_eq!(c.check_position(Some(7)), Ok(()));
        assert_eq!(
            c.check_position(None).unwrap_err().to_string(),
            "position of the checkpoint must be none, as committed, not 7"
        );
        assert_eq!(
            c.to_bytes(Some(3)).unwrap_err().to_string(),
            "limit of the checkpoint must be at least 7, not 3"
        );
    }

    #[test]
    fn sizes_are_those_of_the_encoding() {
        for bits in 0..64 {
            for number in [(1_u64 << bits) - 1, 1 << bits, u64::MAX >> bits] {
                let mut bytes = Vec::new();
                push(&mut bytes, number);
                assert_eq!(size(number), bytes.len(), "{number}");
                assert!(
                    greatest(size(number)) >= number && greatest(size(number) - 1) < number.max(1)
                );
            }
        }
        assert_eq!(greatest(usize::MAX), u64::MAX);
    }
}
