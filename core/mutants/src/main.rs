//! Puts all mutants into the sources at once, each behind a question: `inorder-mutants LIST TREE [LEFT-OUT]...`.
//!
//! `LIST` is what `cargo mutants --list --json` says, `TREE` a copy of the repository that is changed in place. What a
//! mutant says instead is asked for with `crate::mutant::is(number)`, so that one build has all of them. Those whose
//! numbers are given are left out, as what does not compile. It prints a line for each that is in: its number, file, first
//! and last line there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

use serde_json::Value;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    begins: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, begins: std::iter::once(0).chain(ends).collect() }
    }

    /// The byte at a line from 1 and a column from 0.
    fn offset(&self, line: usize, column: usize) -> usize {
        let begin = self.begins[line - 1];
        let rest = &self.text[begin..];
        begin + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }

    fn range(&self, node: &impl Spanned) -> Range<usize> {
        let span = node.span();
        let (start, end) = (span.start(), span.end());
        self.offset(start.line, start.column)..self.offset(end.line, end.column)
    }
}

/// What can be changed in a file.
struct Places<'a> {
    lines: &'a Lines<'a>,
    /// Expressions, by where their operator or they themselves begin.
    expressions: HashMap<usize, Range<usize>>,
    /// What is evaluated by the compiler cannot be asked, and what stands for a feature that is off is not there.
    fixed: Vec<Range<usize>>,
}

impl<'ast> Visit<'ast> for Places<'_> {
    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        self.expressions.insert(self.lines.range(&node.op).start, self.lines.range(node));
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        self.expressions.insert(self.lines.range(&node.op).start, self.lines.range(node));
        visit::visit_expr_unary(self, node);
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        if let Some((_, guard)) = &node.guard {
            let range = self.lines.range(guard);
            // an operator is found by its own place
            self.expressions.entry(range.start).or_insert(range);
        }
        visit::visit_arm(self, node);
    }

    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        if node.attrs.iter().any(is_without_a_feature) {
            self.fixed.push(self.lines.range(node));
        }
        visit::visit_item_mod(self, node);
    }

    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        self.fixed.push(self.lines.range(node));
    }

    fn visit_impl_item_const(&mut self, node: &'ast syn::ImplItemConst) {
        self.fixed.push(self.lines.range(node));
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        if node.sig.constness.is_some() {
            self.fixed.push(self.lines.range(node));
        }
        visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        if node.sig.constness.is_some() {
            self.fixed.push(self.lines.range(node));
        }
        visit::visit_impl_item_fn(self, node);
    }
}

/// Whether it is `#[cfg(not(...))]`.
fn is_without_a_feature(attribute: &syn::Attribute) -> bool {
    let list = attribute.meta.require_list();
    list.is_ok_and(|list| list.path.is_ident("cfg") && list.tokens.to_string().starts_with("not"))
}

/// A mutant: this range of the text is replaced.
struct Mutant {
    number: usize,
    range: Range<usize>,
    replacement: String,
}

/// An expression, or the beginning of a body, with its mutants.
struct Site {
    range: Range<usize>,
    mutants: Vec<Mutant>,
}

/// The text with all mutants in it, and where in it they are.
struct Output<'a> {
    text: &'a str,
    out: String,
    line: usize,
    at: Vec<(usize, usize, usize)>,
}

impl Output<'_> {
    fn put(&mut self, text: &str) {
        self.line += text.matches('\n').count();
        self.out.push_str(text);
    }

    fn put_mutant(&mut self, number: usize, text: &str) {
        self.put("\n");
        let first = self.line;
        self.put(text);
        self.at.push((number, first, self.line));
    }

    /// Writes a range, of which these sites are, the outer ones first.
    fn write(&mut self, range: Range<usize>, mut sites: &[Site]) {
        let mut from = range.start;
        while let Some((site, rest)) = sites.split_first() {
            let inner = rest.iter().take_while(|other| other.range.start < site.range.end).count();
            self.put(&self.text[from..site.range.start].to_owned());
            self.write_site(site, &rest[..inner]);
            from = site.range.end;
            sites = &rest[inner..];
        }
        self.put(&self.text[from..range.end].to_owned());
    }

    fn write_site(&mut self, site: &Site, inner: &[Site]) {
        if site.range.is_empty() {
            for mutant in &site.mutants {
                let Mutant { number, replacement, .. } = mutant;
                let line = format!("if crate::mutant::is({number}) {{ return {replacement}; }}");
                self.put_mutant(*number, &line);
            }
            return self.put("\n");
        }
        self.put("(");
        for Mutant { number, range, replacement } in &site.mutants {
            let before = &self.text[site.range.start..range.start];
            let after = &self.text[range.end..site.range.end];
            let line =
                format!("if crate::mutant::is({number}) {{ {before}{replacement}{after} }} else");
            self.put_mutant(*number, &line);
        }
        self.put("\n{ ");
        self.write(site.range.clone(), inner);
        self.put(" })");
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let list = args.next().expect("a list");
    let tree = args.next().expect("a tree");
    let left_out: HashSet<usize> = args.map(|text| text.parse().expect("a number")).collect();
    let list = fs::read_to_string(list).expect("the list can be read");
    let list: Vec<Value> = serde_json::from_str(&list).expect("the list is JSON");
    let mut files: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, mutant) in list.iter().enumerate() {
        if !left_out.contains(&number) {
            files.entry(mutant["file"].as_str().expect("a name")).or_default().push(number);
        }
    }
    for (file, numbers) in files {
        change(&Path::new(&tree).join(file), file, &list, &numbers);
    }
}

/// Puts the mutants of a file into it.
fn change(path: &Path, name: &str, list: &[Value], numbers: &[usize]) {
    let text = fs::read_to_string(path).expect("a source");
    let lines = Lines::new(&text);
    let mut places = Places { lines: &lines, expressions: HashMap::new(), fixed: Vec::new() };
    places.visit_file(&syn::parse_file(&text).expect("it is Rust"));
    let mut sites: BTreeMap<(usize, std::cmp::Reverse<usize>), Site> = BTreeMap::new();
    for &number in numbers {
        let mutant = &list[number];
        let place = |end: &str| {
            let of = |what: &str| mutant["span"][end][what].as_u64().expect("a number") as usize;
            lines.offset(of("line"), of("column") - 1)
        };
        let range = place("start")..place("end");
        let site = match mutant["genre"].as_str() {
            // of another type than the one that the body returns
            Some("FnValue") if returns_some_type(mutant) => continue,
            Some("FnValue") => range.start..range.start,
            Some("BinaryOperator" | "UnaryOperator") => {
                let Some(site) = places.expressions.get(&range.start) else { continue };
                site.clone()
            }
            Some("MatchArmGuard") => range.clone(),
            _ => continue,
        };
        if places.fixed.iter().any(|fixed| fixed.contains(&range.start)) {
            continue;
        }
        let replacement = mutant["replacement"].as_str().expect("a text").to_owned();
        // what is put before a body comes before the expression that begins there
        let length = if site.is_empty() { usize::MAX } else { site.len() };
        sites
            .entry((site.start, std::cmp::Reverse(length)))
            .or_insert_with(|| Site { range: site, mutants: Vec::new() })
            .mutants
            .push(Mutant { number, range, replacement });
    }
    let sites: Vec<Site> = sites.into_values().collect();
    let mut output = Output { text: &text, out: String::new(), line: 1, at: Vec::new() };
    output.write(0..text.len(), &sites);
    for (number, first, last) in &output.at {
        println!("{number} {name} {first} {last}");
    }
    fs::write(path, output.out).expect("it can be written");
}

/// Whether the function says only what its result can do.
fn returns_some_type(mutant: &Value) -> bool {
    mutant["function"]["return_type"].as_str().is_some_and(|text| text.contains("impl "))
}
