//! What is chosen at random.

/// Choices that are drawn from a seed, or said by bytes, as a fuzzer does.
#[derive(Clone, Debug)]
pub(crate) enum Lots {
    /// SplitMix64.
    Drawn(u64),
    /// As many for a choice as it needs; zeros where there are no more.
    Said(std::vec::IntoIter<u8>),
}

impl Lots {
    pub(crate) fn said(bytes: &[u8]) -> Self {
        Self::Said(Vec::from(bytes).into_iter())
    }

    /// Whether all bytes are used up. Never of what is drawn.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Drawn(_) => false,
            Self::Said(bytes) => bytes.len() == 0,
        }
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.number(8)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let length = match bound {
            ..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 8,
        };
        self.number(length) % bound
    }

    /// A number of so many bytes; where it is drawn, of all.
    fn number(&mut self, length: usize) -> u64 {
        match self {
            Self::Drawn(state) => {
                let drawn = mixed(*state);
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                drawn
            }
            Self::Said(bytes) => {
                bytes.take(length).fold(0, |number, byte| number << 8 | u64::from(byte))
            }
        }
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub(crate) fn pick(&mut self) -> usize {
        self.below(64) as usize
    }
}

/// Numbers from all over the range, the borders more often.
pub(crate) fn any(lots: &mut Lots) -> u64 {
    match lots.below(6) {
        0 => lots.below(4),
        1 => u64::MAX - lots.below(4),
        2 => 1 << lots.below(64),
        3 => (1 << 20) - 2 + lots.below(4),
        4 => lots.below(64),
        _ => lots.draw(),
    }
}

/// One step of SplitMix64.
pub(crate) fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
