//! Base32768: bytes as text, 15 bits in each UTF-16 unit.
//!
//! The published encoding, bit for bit. Its characters are all in the basic plane and assigned, none of them is white
//! space, a control or a combining one, and normalisation changes none.

use alloc::string::String;
use alloc::vec::Vec;

/// First and last of the ranges that the characters for 15 bits come from, in the order of their values.
const WIDE: [(u16, u16); 52] = [
    (0x04A0, 0x04BF),
    (0x0500, 0x051F),
    (0x0680, 0x06BF),
    (0x0760, 0x079F),
    (0x07C0, 0x07DF),
    (0x1000, 0x101F),
    (0x10A0, 0x10BF),
    (0x1100, 0x115F),
    (0x1180, 0x119F),
    (0x11E0, 0x123F),
    (0x1260, 0x127F),
    (0x12E0, 0x12FF),
    (0x1320, 0x133F),
    (0x13A0, 0x13DF),
    (0x1420, 0x165F),
    (0x16A0, 0x16DF),
    (0x1780, 0x179F),
    (0x1820, 0x185F),
    (0x18C0, 0x18DF),
    (0x1980, 0x199F),
    (0x19E0, 0x19FF),
    (0x1A20, 0x1A3F),
    (0x1BC0, 0x1BDF),
    (0x1C00, 0x1C1F),
    (0x1D00, 0x1D1F),
    (0x21E0, 0x21FF),
    (0x22C0, 0x22DF),
    (0x2340, 0x23DF),
    (0x2400, 0x241F),
    (0x2500, 0x275F),
    (0x2780, 0x27BF),
    (0x2800, 0x297F),
    (0x29A0, 0x29BF),
    (0x2A20, 0x2A5F),
    (0x2A80, 0x2ABF),
    (0x2AE0, 0x2B5F),
    (0x2C00, 0x2C1F),
    (0x2C80, 0x2CDF),
    (0x2D00, 0x2D1F),
    (0x2D40, 0x2D5F),
    (0x2EA0, 0x2EDF),
    (0x31C0, 0x31DF),
    (0x3400, 0x4D9F),
    (0x4DC0, 0x9FBF),
    (0xA000, 0xA47F),
    (0xA4A0, 0xA4BF),
    (0xA500, 0xA5FF),
    (0xA640, 0xA65F),
    (0xA6A0, 0xA6DF),
    (0xA700, 0xA75F),
    (0xA780, 0xA79F),
    (0xA840, 0xA85F),
];

/// As [`WIDE`], for 7 bits: what is left at the end, where that is enough.
const NARROW: [(u16, u16); 2] = [(0x0180, 0x019F), (0x0240, 0x029F)];

const WIDE_BITS: u32 = 15;
const NARROW_BITS: u32 = 7;
const BYTE: usize = u8::BITS as usize;

/// Why a text stands for no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextError {
    /// The character is none of the encoding, or cannot stand at that place.
    Character { at: usize, found: char },
    /// The bits that fill up the last character are not those that the encoding has.
    Padding,
}

/// How many UTF-16 units so many bytes take.
pub(crate) const fn units_of(bytes: usize) -> usize {
    let bits = WIDE_BITS as usize;
    // 15 bytes take 8 units: in two steps, so that no product is out of range
    bytes / bits * BYTE + (bytes % bits * BYTE).div_ceil(bits)
}

/// How many bytes fit into so many UTF-16 units.
pub(crate) const fn bytes_in(units: usize) -> usize {
    let bits = WIDE_BITS as usize;
    (units / BYTE).saturating_mul(bits).saturating_add(units % BYTE * bits / BYTE)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    // each character takes three bytes of UTF-8 at most
    let mut text = String::with_capacity(units_of(bytes.len()) * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for &byte in bytes {
        held = held << u8::BITS | u32::from(byte);
        bits += u8::BITS;
        if bits >= WIDE_BITS {
            bits -= WIDE_BITS;
            text.extend(character(&WIDE, held >> bits));
            held &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        let (ranges, size) =
            if bits <= NARROW_BITS { (&NARROW[..], NARROW_BITS) } else { (&WIDE[..], WIDE_BITS) };
        let fill = size - bits;
        text.extend(character(ranges, held << fill | ((1 << fill) - 1)));
    }
    text
}

pub(crate) fn decode(text: &str) -> Result<Vec<u8>, TextError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let (mut held, mut bits) = (0_u32, 0);
    let mut characters = text.chars().enumerate().peekable();
    while let Some((at, found)) = characters.next() {
        let (value, size) = match (value(&WIDE, found), value(&NARROW, found)) {
            (Some(value), _) => (value, WIDE_BITS),
            (None, Some(value)) if characters.peek().is_none() => (value, NARROW_BITS),
            (None, _) => return Err(TextError::Character { at, found }),
        };
        held = held << size | value;
        bits += size;
        while bits >= u8::BITS {
            bits -= u8::BITS;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    // a text of one character more than needed is none that the encoding has
    if held == (1 << bits) - 1 && units_of(bytes.len()) == text.chars().count() {
        Ok(bytes)
    } else {
        Err(TextError::Padding)
    }
}

/// The character of a value; `None` where the ranges have none.
fn character(ranges: &[(u16, u16)], value: u32) -> Option<char> {
    let mut left = value;
    for &(first, last) in ranges {
        let size = u32::from(last - first) + 1;
        if left < size {
            return char::from_u32(u32::from(first) + left);
        }
        left -= size;
    }
    None
}

/// The value of a character, if the ranges have it.
fn value(ranges: &[(u16, u16)], character: char) -> Option<u32> {
    let code = u16::try_from(u32::from(character)).ok()?;
    let mut before = 0;
    for &(first, last) in ranges {
        if code < first {
            return None;
        }
        if code <= last {
            return Some(before + u32::from(code - first));
        }
        before += u32::from(last - first) + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::string::ToString;

    use super::*;
    use crate::rounds::unless_interpreted;

    #[test]
    fn texts_are_those_of_the_published_encoding() {
        // made by the first implementation, npm's base32768 5.0.1
        let texts = [
            "",
            "☟",
            "㇀ɟ",
            "㥥芟",
            "㻫䔨Ɵ",
            "䑰蠊ꂿ",
            "䧶䪭臀Ə",
            "供趐挡奯",
            "唡偓䑢訖Ƈ",
            "媦錕Ꜥ㪦苧",
            "怬嗘杅歷嬾ƃ",
            "斱颛䢆鰨ⴖ嘣",
            "欷孞ᔨ䲸诮艌ɡ",
            "炼鷠譩綉摇ᖘ紁",
            "療患泋╺㱿嚤錗ƀ",
            "篇ꎦ丬廪铷苑ᑍ⨰",
            "腍昩⛍辛浈☽㼣㳻雟",
        ];
        for (n, text) in texts.into_iter().enumerate() {
            let bytes: Vec<u8> = (0..n).map(|i| (i * 37 + n * 11 + 5) as u8).collect();
            assert_eq!(encode(&bytes), text);
            assert_eq!(decode(text).as_deref(), Ok(&bytes[..]));
        }
        assert_eq!(encode(b"hello world"), "媒腻㐤┖ꈳ埳");
    }

    #[test]
    fn each_value_has_a_character_of_one_unit_and_of_its_own() {
        let mut seen = BTreeSet::new();
        for (ranges, bits) in [(&WIDE[..], WIDE_BITS), (&NARROW[..], NARROW_BITS)] {
            for number in (0..1 << bits).step_by(unless_interpreted(1, 101)) {
                let c = character(ranges, number).expect("each value has one");
                assert_eq!((c.len_utf16(), value(ranges, c)), (1, Some(number)));
                assert!(c.is_alphanumeric() || !(c.is_whitespace() || c.is_control()), "{c:?}");
                assert!(seen.insert(c), "{c:?} stands for two");
            }
            assert_eq!(character(ranges, 1 << bits), None);
        }
    }

    #[test]
    fn lengths_are_known_beforehand() {
        for n in (0..200).step_by(unless_interpreted(1, 17)) {
            let units = encode(&alloc::vec![0xA5; n]).encode_utf16().count();
            assert_eq!(units, units_of(n));
            // n bytes fit, and one more would not where it takes another unit
            assert!(bytes_in(units) >= n && units_of(bytes_in(units)) == units, "{n} bytes");
            assert!(units == 0 || bytes_in(units - 1) < n, "{n} bytes");
        }
        assert_eq!(bytes_in(usize::MAX), usize::MAX);
    }

    #[test]
    fn other_texts_are_refused_at_their_place() {
        let at = |text: &str| match decode(text) {
            Err(TextError::Character { at, .. }) => Some(at),
            Err(TextError::Padding) | Ok(_) => None,
        };
        for text in ["a", "媒腻a", "媒腻 ", "媒腻😀", "ɟ媒腻"] {
            let place = text.chars().position(|c| "a 😀ɟ".contains(c));
            assert_eq!(at(text), place, "{text:?}");
        }
        let zeros: String = character(&WIDE, 0x10 << 7).into_iter().collect();
        assert_eq!((decode(&zeros), encode(&[0x10])), (Err(TextError::Padding), "☟".to_string()));
        // a character that holds nothing but filling
        for text in ["ʟ".to_string(), encode(&[0; 15]) + "ʟ"] {
            assert_eq!(decode(&text), Err(TextError::Padding), "{text:?}");
        }
    }
}
