//! Checkpoints of vectors and scenarios: made from what a step says, whatever it says, and shown.

use inorder::Checkpoint;

/// The one with this position, and these runs of ids beyond it, `FIRST-LAST`.
pub(crate) fn made(position: Option<u64>, runs: &[&str]) -> Checkpoint {
    let mut bytes = vec![1, u8::from(position.is_some())];
    bytes.extend(position.iter().flat_map(|id| varint(*id)));
    let mut from = position.map_or(0, |position| position.saturating_add(1));
    for run in runs {
        let (first, last) = run.split_once('-').expect("a pair");
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let (first, last) = (number(first), number(last));
        bytes.extend(varint(first - from));
        bytes.extend(varint(last - first));
        from = last.saturating_add(2);
    }
    bytes.extend(crc_32c(&bytes).to_le_bytes());
    Checkpoint::from_bytes(&bytes).expect("it is in the documented form")
}

pub(crate) fn shown(checkpoint: &Checkpoint) -> String {
    let position = checkpoint.position().map_or(String::from("none"), |it| it.to_string());
    let runs: Vec<String> =
        checkpoint.runs().map(|(first, last)| format!("{first}-{last}")).collect();
    let done = if runs.is_empty() { String::from("-") } else { runs.join(",") };
    format!("position={position} done={done}")
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7F {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn crc_32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 };
        }
    }
    !crc
}
