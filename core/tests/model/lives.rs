//! Lives of sources: checkpoints that are stored, crashes, and going on from there. What was done stays done, and what
//! was not is run again: looked at from outside, over all lives of a source.

use std::collections::{BTreeMap, BTreeSet};

use inorder::{Checkpoint, Seq, Source};

use crate::numbers::Numbering;

type Checked = Result<(), String>;

/// All that was ever done of a source, in whatever life.
#[derive(Clone, Debug, Default)]
struct Lineage {
    /// `None` where the source gives the numbers.
    numbering: Option<Numbering>,
    completed: BTreeSet<Seq>,
    /// First and last of each range, which may be long.
    given_up: Vec<(Seq, Seq)>,
}

/// One life of a source.
#[derive(Clone, Debug)]
struct Life {
    lineage: usize,
    numbering: Option<Numbering>,
    /// What it goes on from.
    base: Checkpoint,
    completed: BTreeSet<Seq>,
}

/// All lives of all sources, and what is stored of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lives {
    lineages: Vec<Lineage>,
    now: BTreeMap<Source, Life>,
    stored: Vec<(usize, Checkpoint)>,
}

fn holds(is: bool, rule: &str, seq: Seq) -> Checked {
    if is { Ok(()) } else { Err(format!("broken: {rule}: {seq}")) }
}

impl Lives {
    pub(crate) fn opened(&mut self, source: Source, numbering: Option<Numbering>) {
        self.lineages.push(Lineage { numbering, ..Lineage::default() });
        let lineage = self.lineages.len() - 1;
        let base = Checkpoint::default();
        self.now.insert(source, Life { lineage, numbering, base, completed: BTreeSet::new() });
    }

    /// The life of a source is over: where it began, and what is stored of it.
    #[expect(clippy::type_complexity, reason = "it is asked for in one place")]
    pub(crate) fn crashed(
        &mut self,
        source: Source,
    ) -> Option<(Option<Numbering>, Option<(usize, Checkpoint)>)> {
        let lineage = self.now.remove(&source)?.lineage;
        let stored = self.stored.iter().rfind(|stored| stored.0 == lineage);
        Some((self.lineages[lineage].numbering, stored.cloned()))
    }

    pub(crate) fn store(&mut self, source: Source, checkpoint: Checkpoint) {
        if let Some(life) = self.now.get(&source) {
            self.stored.push((life.lineage, checkpoint));
        }
    }

    /// One of those that are stored, younger ones first; a blank one where there is none.
    pub(crate) fn pick(&self, number: usize) -> (usize, Checkpoint) {
        let back = number % self.stored.len().max(1);
        self.stored.iter().rev().nth(back).cloned().unwrap_or_default()
    }

    pub(crate) fn restored(&mut self, source: Source, (lineage, base): (usize, Checkpoint)) {
        if let Some(life) = self.now.get_mut(&source) {
            // where none was stored it is a source of its own still
            life.lineage = if self.stored.is_empty() { life.lineage } else { lineage };
            life.base = base;
        }
    }

    pub(crate) fn started(&self, source: Source, seq: Seq) -> Checked {
        let Some(life) = self.now.get(&source) else { return Ok(()) };
        let is_done = life.base.position() >= Some(seq) || life.base.contains(seq);
        holds(!is_done, "what is done runs no more", seq)
    }

    pub(crate) fn answered_restored(&self, source: Source, seq: Seq) -> Checked {
        let Some(life) = self.now.get(&source) else { return Ok(()) };
        let lineage = &self.lineages[life.lineage];
        holds(lineage.completed.contains(&seq), "only what was completed is skipped", seq)
    }

    pub(crate) fn completed(&mut self, source: Source, seq: Seq) {
        if let Some(life) = self.now.get_mut(&source) {
            life.completed.insert(seq);
            self.lineages[life.lineage].completed.insert(seq);
        }
    }

    pub(crate) fn given_up(&mut self, source: Source, first: Seq, last: Seq) {
        if let Some(life) = self.now.get(&source) {
            self.lineages[life.lineage].given_up.push((first, last));
        }
    }

    /// What the checkpoint says is done is done, and nothing that is done is missing in it.
    pub(crate) fn is_true(&self, source: Source, checkpoint: &Checkpoint) -> Checked {
        let Some(life) = self.now.get(&source) else { return Ok(()) };
        let lineage = &self.lineages[life.lineage];
        let base = life.base.position();
        holds(checkpoint.position() >= base, "the position goes back", base.unwrap_or(0))?;
        // what is below the base was looked at in an earlier life
        let first = match life.numbering {
            // the first that was seen is the first, and below the position it is completed
            Some(Numbering { start: None, .. }) => {
                life.completed.first().copied().unwrap_or(Seq::MAX)
            }
            Some(Numbering { start: Some(start), .. }) => start,
            None => 0,
        };
        let from = base.map_or(first, |position| position + 1);
        let mut seq = from;
        while checkpoint.position().is_some_and(|position| seq <= position) {
            let mut ranges = lineage.given_up.iter();
            if let Some((_, last)) = ranges.find(|(first, last)| (*first..=*last).contains(&seq)) {
                seq = *last;
            } else {
                let is_done = lineage.completed.contains(&seq);
                holds(is_done, "the position passes what is not done", seq)?;
            }
            seq += 1;
        }
        for seq in checkpoint.runs().flat_map(|(first, last)| first..=last) {
            holds(lineage.completed.contains(&seq), "the map has what is not done", seq)?;
        }
        for &seq in &life.completed {
            let is_kept = checkpoint.position() >= Some(seq) || checkpoint.contains(seq);
            holds(is_kept, "what is done is forgotten", seq)?;
        }
        Ok(())
    }
}
