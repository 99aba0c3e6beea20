//! A run written down in the grammar of the vectors: what is said to a dispatcher, and what it answers and tells.

use std::time::Duration;

use inorder::{Checkpoint, Handle, Lane, OnGap, Seq, Source, Time};

use crate::config::Config;
use crate::numbers::Numbering;
use crate::steps::Step;
use crate::vectors::names::Names;
use crate::words::{begun, span};

#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(super) names: Names,
    /// The steps of the run, with those of its end.
    pub(crate) steps: Vec<Step>,
    /// What was before crashes: nothing of that is known to what comes after them.
    lives: Vec<String>,
    text: String,
    /// The time that holds in the text.
    now: Time,
    offers: usize,
    opened: usize,
    /// An item that was just taken, and where the step that offered it ends: it may be said that its key raised.
    offer: Option<(Handle, usize)>,
    /// The step that asks what was looked at last.
    asked: Option<String>,
}

impl Record {
    /// What was said and answered since the last crash.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn earlier_lives(&self) -> &[String] {
        &self.lives
    }

    /// The run ended by what was looked at last, if that is asked by a step.
    pub(crate) fn end(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.step(None, &asked);
        }
    }

    /// A text, with names in place of what stands for them there.
    pub(crate) fn named(&self, text: &str) -> String {
        let items = self.names.items.iter();
        let items = items.map(|(_, it)| (format!("{it:?}"), self.names.item_name(*it)));
        let sources = self.names.sources.iter().map(|(name, it)| (format!("{it:?}"), name.clone()));
        items.chain(sources).fold(text.to_string(), |text, (it, name)| text.replace(&it, &name))
    }

    // steps

    /// A new dispatcher. What another had stored is said to it, and the rest means nothing to it.
    pub(super) fn begin(&mut self, config: &Config) {
        let Self { mut lives, steps, text, .. } = std::mem::take(self);
        lives.extend(Some(text).filter(|text| !text.is_empty()));
        *self = Self { lives, steps, ..Self::default() };
        self.step(None, &begun(config));
    }

    pub(super) fn step(&mut self, now: Option<Time>, step: &str) {
        self.drained();
        let time = now.filter(|now| *now != self.now).map(|now| format!("@{} ", now.as_micros()));
        self.now = now.unwrap_or(self.now);
        self.line(&format!("> {}{step}", time.unwrap_or_default()));
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Something follows the last step, and what was looked at before is as it should be.
    pub(super) fn drained(&mut self) {
        (self.offer, self.asked) = (None, None);
    }

    /// The name of what is offered.
    pub(super) fn offered(
        &mut self,
        now: Time,
        source: Source,
        lane: Option<Lane>,
        seq: Option<Seq>,
    ) -> String {
        let name = format!("i{}", self.offers);
        self.offers += 1;
        let mut step = format!("push {name}{}", self.of(source));
        step += &lane.map_or_else(String::new, |lane| format!(" lane={}", lane.number()));
        step += &seq.map_or_else(String::new, |seq| format!(" seq={seq}"));
        self.step(Some(now), &step);
        name
    }

    pub(super) fn taken(&mut self, handle: Handle) {
        self.offer = Some((handle, self.text.trim_end_matches('\n').rfind('\n').unwrap_or(0)));
    }

    /// Whether it is said of what was just offered, which makes no step of its own.
    pub(super) fn rejected(&mut self, handle: Handle) -> bool {
        let offer = self.offer.take().filter(|(offered, _)| *offered == handle);
        if let Some((_, end)) = offer {
            self.text.insert_str(end, " key=raised");
        }
        offer.is_some()
    }

    /// The name of a source that is opened.
    pub(super) fn opened(
        &mut self,
        keyed: bool,
        acknowledged: bool,
        numbering: Option<&Numbering>,
    ) -> String {
        let name = format!("s{}", self.opened);
        self.opened += 1;
        let kinds = [(keyed, " keyed"), (acknowledged, " acknowledged")];
        let kinds = kinds.iter().filter(|(is, _)| *is).map(|(_, word)| *word);
        let kinds: String = kinds.collect();
        self.step(
            None,
            &format!("source {name}{kinds}{}", numbering.map_or_else(String::new, numbered)),
        );
        name
    }

    /// The words for a source; the first one needs none.
    pub(super) fn of(&self, source: Source) -> String {
        if self.names.first_source() == Some(source) {
            return String::new();
        }
        format!(" in={}", self.names.source_name(source))
    }

    // what is looked at

    pub(super) fn asks(&mut self, now: Option<Time>, step: &str) {
        let time = now.filter(|now| *now != self.now).map(|now| format!("@{} ", now.as_micros()));
        self.asked = Some(time.unwrap_or_default() + step);
    }

    pub(super) fn asks_nothing(&mut self) {
        self.asked = None;
    }
}

fn numbered(numbering: &Numbering) -> String {
    let mut words = String::from(if numbering.losses_come_out { "" } else { " losses_told" });
    words += &numbering.start.map_or(String::from(" start=first"), |seq| format!(" start={seq}"));
    words += match numbering.gap {
        OnGap::Wait => "",
        OnGap::Skip => " gap=skip",
        OnGap::Fail => " gap=fail",
        other => panic!("unknown {other:?}"),
    };
    let micros = |span: Option<u64>| span.map(Duration::from_micros);
    words += &span("gap_timeout", micros(numbering.timeout));
    words += &span("gap_warning", micros(numbering.warning));
    words + &numbering.wrap.map_or_else(String::new, |bits| format!(" wrap={bits}"))
}

pub(super) fn restored(checkpoint: &Checkpoint, committed: Option<Seq>) -> String {
    let place = |seq: Option<Seq>| seq.map_or(String::from("none"), |seq| seq.to_string());
    let runs = checkpoint.runs().map(|(first, last)| format!(" {first}-{last}"));
    let (position, runs) = (place(checkpoint.position()), runs.collect::<String>());
    format!("{position}{runs} committed={}", place(committed))
}
