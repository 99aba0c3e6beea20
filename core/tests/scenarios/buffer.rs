//! Scenarios of reorder buffers.

use std::rc::Rc;

use inorder::{OptionsError, ReorderBuffer, SequencerOptions};

use super::Subject;
use super::log::Kind;
use super::words::Words;
use super::world::World;

/// A buffer under test.
pub(crate) struct Buffered {
    world: Rc<World>,
    buffer: ReorderBuffer<String>,
}

impl Buffered {
    pub(crate) fn new(world: &Rc<World>, header: &Words<'_>) -> Result<Self, OptionsError> {
        let mut options = SequencerOptions::new();
        if let Some(start) = header.number("start") {
            options = options.start(start);
        }
        if let Some(capacity) = header.number("capacity") {
            options = options.capacity(capacity as usize);
        }
        Ok(Self { world: Rc::clone(world), buffer: ReorderBuffer::try_new(options)? })
    }
}

impl Subject for Buffered {
    fn act(&mut self, command: &str, words: &Words<'_>) {
        let number = || words.plain[0].parse().expect("a number");
        let seen = match command {
            "insert" => {
                format!("insert {}", self.buffer.insert(number(), words.plain[1].to_owned()).name())
            }
            "pop" => match self.buffer.pop() {
                Some((seq, item)) => format!("pop seq={seq} item={item}"),
                None => "pop none".to_owned(),
            },
            "missing" => {
                let ranges: Vec<_> =
                    self.buffer.missing().map(|(first, last)| format!(" {first}-{last}")).collect();
                format!(
                    "missing{}",
                    if ranges.is_empty() { " -".to_owned() } else { ranges.concat() }
                )
            }
            "next" => format!("next {}", self.buffer.next()),
            "len" => format!("len {}", self.buffer.len()),
            "skip_to" => {
                self.buffer.skip_to(number());
                return;
            }
            _ => panic!("no step {command}"),
        };
        self.world.log.note(Kind::Buffer, seen);
    }
}
