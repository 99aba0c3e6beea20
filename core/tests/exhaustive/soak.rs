//! All setups one after the other, as many at a time as there are processors, with what was found kept in a file: a
//! later run of the same program goes on with the setups that are not in it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, thread};

use crate::prints::print_of;
use crate::setups::Setup;
use crate::walk;

/// Walks through all of them, but for those that the file has.
pub(crate) fn run(setups: &[Setup]) {
    let kept = Kept::open();
    let (next, threads) = (AtomicUsize::new(0), threads());
    thread::scope(|scope| {
        let work = || {
            while let Some(setup) = setups.get(next.fetch_add(1, Ordering::Relaxed)) {
                one(setup, &kept);
            }
        };
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    println!("{}", kept.sum(setups));
}

fn threads() -> usize {
    let text = env::var("INORDER_EXHAUSTIVE_THREADS").ok();
    let wanted = text.map(|text| text.parse().expect("INORDER_EXHAUSTIVE_THREADS is a number"));
    wanted.unwrap_or_else(|| thread::available_parallelism().map_or(1, Into::into))
}

fn one(setup: &Setup, kept: &Kept) {
    let name = format!("{setup:?}: ");
    if let Some(line) = kept.line(&name) {
        return println!("kept: {line}");
    }
    let space = walk::walk(setup).unwrap_or_else(|error| panic!("{error}"));
    kept.add(&format!("{name}{space}"));
}

/// What was found, a line each.
struct Kept {
    path: PathBuf,
    lines: Mutex<Vec<String>>,
}

impl Kept {
    /// Begins anew if another program wrote the file: its states may be other ones.
    fn open() -> Self {
        let path =
            env::var("INORDER_EXHAUSTIVE_KEPT").map_or_else(|_| default_path(), PathBuf::from);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("it can be made");
        let program = format!("program {:032x}", program());
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        if lines.first() != Some(&program) {
            lines = vec![program];
            fs::write(&path, format!("{}\n", lines[0])).expect("it can be written");
        }
        println!("kept in {}", path.display());
        Self { path, lines: Mutex::new(lines) }
    }

    fn line(&self, name: &str) -> Option<String> {
        let lines = self.lines.lock().expect("nobody panics");
        lines.iter().find(|line| line.starts_with(name)).cloned()
    }

    fn add(&self, line: &str) {
        let mut lines = self.lines.lock().expect("nobody panics");
        println!("{line}");
        let mut file: File =
            OpenOptions::new().append(true).open(&self.path).expect("it can be written");
        writeln!(file, "{line}").expect("it can be written");
        lines.push(line.into());
    }

    fn sum(&self, setups: &[Setup]) -> String {
        let lines = self.lines.lock().expect("nobody panics");
        let of = |setup: &Setup| {
            let name = format!("{setup:?}: ");
            lines.iter().find_map(|line| Some(line.strip_prefix(&name)?.to_owned()))
        };
        let found: Vec<String> = setups.iter().filter_map(of).collect();
        let number = |line: &String, place: usize| {
            let word = line.split(", ").nth(place).and_then(|part| part.split(' ').next());
            word.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0)
        };
        let [states, commands] =
            [0, 1].map(|place| found.iter().map(|line| number(line, place)).sum::<u64>());
        let closed = found.iter().filter(|line| line.contains("closed")).count();
        format!(
            "{} of {} setups: {states} states, {commands} commands; closed: {closed}",
            found.len(),
            setups.len()
        )
    }
}

fn default_path() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("exhaustive.txt")
}

/// What was built from what.
fn program() -> u128 {
    let bytes = fs::read(env::current_exe().expect("it runs")).expect("it can be read");
    let words = bytes
        .chunks(8)
        .map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    print_of(&words.collect::<Vec<u64>>())
}
