//! Checkpoints from anywhere: nothing panics, and what is read is exactly what would be written.

use inorder::{Checkpoint, CheckpointError, Received, Watermark};

pub(crate) fn run(data: &[u8]) {
    if let Ok(checkpoint) = Checkpoint::from_bytes(data) {
        assert_eq!(checkpoint.to_bytes(None).as_deref(), Ok(data));
        look_at(&checkpoint);
    }
    // a fuzzer does not guess checksums
    if let Ok(checkpoint) = Checkpoint::from_bytes(&sealed(data)) {
        assert_eq!(checkpoint.to_bytes(None), Ok(sealed(data)));
        look_at(&checkpoint);
    }
    for text in [
        String::from_utf8_lossy(data).into_owned(),
        data.chunks(2).map(|pair| character(pair[0], *pair.last().unwrap_or(&0))).collect(),
    ] {
        match Checkpoint::from_text(&text) {
            Ok(checkpoint) => {
                assert_eq!(checkpoint.to_text(None), Ok(text));
                look_at(&checkpoint);
            }
            Err(CheckpointError::Character { at, found }) => {
                assert_eq!(text.chars().nth(at), Some(found));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Whatever it says is done, it is taken back, cut, and asked without a panic.
fn look_at(checkpoint: &Checkpoint) {
    let mut before = checkpoint.position();
    for (first, last) in checkpoint.runs() {
        assert!(first <= last && before < Some(first), "runs rise");
        assert!(checkpoint.contains(first) && checkpoint.contains(last));
        assert!(last == u64::MAX || !checkpoint.contains(last + 1), "runs have ids between");
        before = Some(last);
    }
    let text = checkpoint.to_text(None).expect("there is no limit");
    assert_eq!(Checkpoint::from_text(&text).as_ref(), Ok(checkpoint));
    for limit in 0..40 {
        let Ok(bytes) = checkpoint.to_bytes(Some(limit)) else { continue };
        let cut = Checkpoint::from_bytes(&bytes).expect("it was written so");
        assert_eq!(cut.position(), checkpoint.position());
        assert!(cut.runs().all(|(first, last)| {
            checkpoint.runs().any(|(whole, end)| whole == first && last <= end)
        }));
    }
    let mut watermark = Watermark::new();
    assert_eq!(watermark.restore(checkpoint, checkpoint.position()), Ok(()));
    assert_eq!(&watermark.checkpoint(), checkpoint);
    for (first, last) in checkpoint.runs() {
        assert_eq!(watermark.receive(first), Ok(Received::Restored));
        if first < last {
            assert_eq!(watermark.receive(last), Ok(Received::Restored));
        }
        assert_eq!(watermark.position(), Some(last));
    }
}

/// With the version before it and the right CRC-32C behind it.
fn sealed(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend(data);
    let mut crc = u32::MAX;
    for byte in &bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 };
        }
    }
    bytes.extend((!crc).to_le_bytes());
    bytes
}

/// One of the basic plane, those of base32768 more often.
fn character(high: u8, low: u8) -> char {
    let code = match high % 8 {
        0 => 0x0180 + u32::from(low % 32),
        1 => 0x0240 + u32::from(low % 96),
        2 => u32::from(high) << 8 | u32::from(low),
        _ => 0x3400 + (u32::from(high) << 8 | u32::from(low)) % 0x19A0,
    };
    char::from_u32(code).unwrap_or('?')
}
