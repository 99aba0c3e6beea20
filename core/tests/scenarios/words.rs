//! The words of a step.

/// The words behind a command: plain ones, and pairs.
#[derive(Clone, Default)]
pub(crate) struct Words<'a> {
    pub(crate) plain: Vec<&'a str>,
    pairs: Vec<(&'a str, &'a str)>,
}

/// The steps of which each plain word begins an act of its own.
const PER_ITEM: [&str; 3] = ["enqueue", "enqueue_nowait", "feed"];

impl<'a> Words<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut words = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            words.add(word);
        }
        words
    }

    /// The acts of a step.
    pub(crate) fn acts(command: &str, text: &'a str) -> Vec<Self> {
        if !PER_ITEM.contains(&command) {
            return vec![Self::of(text)];
        }
        let mut acts: Vec<Self> = Vec::new();
        for word in text.split(' ') {
            if !word.contains('=') {
                acts.push(Self::default());
            }
            acts.last_mut().expect("a name comes first").add(word);
        }
        acts
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).map(|value| value.parse().expect("a number"))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().map(|(name, _)| *name)
    }

    fn add(&mut self, word: &'a str) {
        match word.split_once('=') {
            Some(pair) => self.pairs.push(pair),
            None => self.plain.push(word),
        }
    }
}
