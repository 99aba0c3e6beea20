//! The steps of a sequencer and of a reorder buffer.

use std::fmt::Write as _;

use inorder::{ReorderBuffer, Sequencer};

use super::number;

pub(super) enum Numbers {
    Sequencer(Sequencer),
    Buffer(ReorderBuffer<String>),
}

impl Numbers {
    pub(super) fn step(&mut self, words: &[&str], out: &mut String) {
        let answer = match (words, self) {
            (["insert", seq], Self::Sequencer(s)) => String::from(s.insert(number(seq)).name()),
            (["insert", seq, item], Self::Buffer(b)) => {
                String::from(b.insert(number(seq), item.to_string()).name())
            }
            (["look", seq], Self::Sequencer(s)) => String::from(s.look(number(seq)).name()),
            (["look", seq], Self::Buffer(b)) => String::from(b.look(number(seq)).name()),
            (["pop"], Self::Sequencer(s)) => s.pop().map_or_else(none, |seq| format!("seq={seq}")),
            (["pop"], Self::Buffer(b)) => {
                b.pop().map_or_else(none, |(seq, item)| format!("seq={seq} item={item}"))
            }
            (["missing"], Self::Sequencer(s)) => pairs(s.missing()),
            (["missing"], Self::Buffer(b)) => pairs(b.missing()),
            (["next"], Self::Sequencer(s)) => s.next().to_string(),
            (["next"], Self::Buffer(b)) => b.next().to_string(),
            (["len"], Self::Sequencer(s)) => s.len().to_string(),
            (["len"], Self::Buffer(b)) => b.len().to_string(),
            (["expected"], Self::Sequencer(s)) => s.expected().to_string(),
            (["skip_to", seq], Self::Sequencer(s)) => return s.skip_to(number(seq)),
            (["skip_to", seq], Self::Buffer(b)) => return b.skip_to(number(seq)),
            (words, _) => panic!("unknown step {words:?}"),
        };
        writeln!(out, "{} {answer}", words[0]).expect("a string takes all");
    }
}

fn none() -> String {
    String::from("none")
}

fn pairs(ranges: impl Iterator<Item = (u64, u64)>) -> String {
    let pairs: Vec<String> = ranges.map(|(first, last)| format!("{first}-{last}")).collect();
    if pairs.is_empty() { String::from("-") } else { pairs.join(" ") }
}
