//! The rules, on any set of files: ranks and imports, lengths, what the engine may not contain.

use crate::routers;
use crate::tokens::*;
use crate::unfinished_marks;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The modules at the top of `src/` in rank order. Equal ranks are strangers to each other.
pub(crate) const RANKS: &[(&str, u8)] = &[
    ("macros", 0),
    ("state", 0),
    ("time", 0),
    ("account", 1),
    ("ids", 1),
    ("limits", 1),
    ("ready_queue", 1),
    ("slab", 1),
    ("types", 1),
    ("codec", 2),
    ("timer", 2),
    ("waiting_sessions", 2),
    ("frame", 3),
    ("spec", 3),
    ("error", 4),
    ("message", 4),
    ("sasl", 4),
    ("config", 5),
    ("event", 5),
    ("trace", 5),
    ("context", 6),
    ("link", 7),
    ("session", 8),
    ("connection", 9),
    ("extensions", 10),
    ("observe", 10),
    ("transaction", 10),
    ("callback", 11),
    ("guide", 11),
    ("testing", 11),
];

/// Modules that have a rank and no code yet. Building one means taking it off this list.
pub(crate) const NOT_BUILT_YET: &[&str] = &["transaction"];

/// Modules over or beside the engine: they may keep cells, clocks and threads.
const OUTSIDE_THE_ENGINE: &[&str] = &["callback", "testing"];

/// The endpoints, whose `state` field changes through the tables of `state.rs` and in no other way.
const STATE_MACHINES: &[&str] = &["link", "session", "connection"];

/// The highest rank that the expansion of a macro in `macros.rs` may name.
const MACRO_REACH: u8 = 3;

pub(crate) const FILE_LINES: usize = 600;
pub(crate) const INLINE_TEST_LINES: usize = 150;

/// Names the engine has no use for: hash order, interior mutability, wall clocks.
const BANNED_NAMES: &[&str] = &[
    "HashMap",
    "HashSet",
    "RefCell",
    "Cell",
    "OnceCell",
    "LazyCell",
    "UnsafeCell",
    "Mutex",
    "RwLock",
    "OnceLock",
    "LazyLock",
    "Condvar",
    "thread_local",
];

/// The one file of the engine that may name the standard library's wall clock: it converts a time that the caller has
/// read, and may not read one itself.
const TIME_CONVERSIONS: &str = "src/types/system_time.rs";

/// Paths the engine has no use for, from the crate's name on.
const BANNED_PATHS: &[&[&str]] = &[
    &["std", "time", "Instant"],
    &["std", "time", "*"],
    &["std", "thread"],
    &["std", "net"],
    &["std", "fs"],
    &["std", "env"],
    &["std", "process"],
    &["std", "cell"],
    &["core", "cell"],
    &["std", "sync", "atomic"],
    &["core", "sync", "atomic"],
    &["std", "sync", "mpsc"],
    &["rand"],
    &["getrandom"],
];

/// Macros that mark unfinished or left-over code.
pub(crate) const BANNED_MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// One file of the module tree.
struct Source {
    /// `src/session/window.rs`
    file: String,
    /// `["session", "window"]`; empty for `lib.rs`
    module: Vec<String>,
    /// Declared under `#[cfg(test)]`, here or further up.
    test: bool,
    text: String,
    syntax: syn::File,
}

/// Where a stretch of tokens stands.
#[derive(Clone)]
struct Place<'a> {
    file: &'a str,
    module: Vec<String>,
    test: bool,
}

impl Place<'_> {
    fn top(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }

    fn in_engine(&self) -> bool {
        !self.test && self.top().is_none_or(|top| !OUTSIDE_THE_ENGINE.contains(&top))
    }

    fn bans(&self, name: &str) -> bool {
        let banned = match name {
            "SystemTime" => self.file != TIME_CONVERSIONS,
            "now" | "elapsed" => self.file == TIME_CONVERSIONS,
            _ => is_banned_name(name),
        };
        self.in_engine() && banned
    }
}

/// What one macro of `macros.rs` expands to, as far as ranks care.
#[derive(Default)]
struct MacroBody {
    names: BTreeSet<String>,
    invokes: BTreeSet<String>,
}

/// A macro invocation somewhere in the tree.
struct Invocation {
    file: String,
    line: usize,
    top: String,
    name: String,
}

#[derive(Default)]
struct Checker {
    faults: Vec<Fault>,
    /// The files that the module tree reaches.
    declared: BTreeSet<String>,
    /// Public names of `lib.rs` and the module each comes from.
    reexports: BTreeMap<String, String>,
    macros: BTreeMap<String, MacroBody>,
    invocations: Vec<Invocation>,
}

fn rank(module: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

fn may_import(from: &str, to: &str) -> bool {
    from == to || rank(from) > rank(to)
}

fn ranked(module: &str) -> String {
    rank(module).map_or_else(|| module.to_owned(), |rank| format!("{module} ({rank})"))
}

/// Checks all files of a tree, given by path from the crate's root; the paths start with `src/`.
pub(crate) fn check(files: &BTreeMap<String, String>) -> Vec<Fault> {
    let mut checker = Checker::default();
    let mut sources = Vec::new();
    checker.collect(files, "src/lib.rs", Vec::new(), false, &mut sources);
    let declared = checker.declared.clone();
    for file in files.keys().filter(|file| !declared.contains(*file)) {
        checker.fault(file, 1, "no module declares this file".to_owned());
    }
    if let Some(root) = sources.first().filter(|source| source.module.is_empty()) {
        checker.root(root);
    }
    for source in &sources {
        checker.text_rules(source);
        let place = Place { file: &source.file, module: source.module.clone(), test: source.test };
        let mut test_lines = 0;
        checker.items(&source.syntax.items, &place, &mut test_lines);
        checker.length(source, test_lines);
        if !source.test {
            routers::check(&source.file, &source.syntax, &mut checker.faults);
        }
    }
    checker.expansions();
    checker.faults.sort();
    checker.faults.dedup();
    checker.faults
}

impl Checker {
    fn fault(&mut self, file: &str, line: usize, text: String) {
        self.faults.push(Fault { file: file.to_owned(), line, text });
    }

    /// Parses a file and, through its `mod` items, the files below it.
    fn collect(
        &mut self,
        files: &BTreeMap<String, String>,
        file: &str,
        module: Vec<String>,
        test: bool,
        sources: &mut Vec<Source>,
    ) {
        self.declared.insert(file.to_owned());
        let Some(text) = files.get(file) else { return self.fault(file, 1, "file not found".to_owned()) };
        let syntax = match syn::parse_file(text) {
            Ok(syntax) => syntax,
            Err(error) => return self.fault(file, line_of(error.span()), format!("does not parse: {error}")),
        };
        let mut children = Vec::new();
        for item in &syntax.items {
            let syn::Item::Mod(child) = item else { continue };
            if child.content.is_none() {
                let tokens = child.to_token_stream();
                let name = child.ident.to_string();
                if child.attrs.iter().any(|attr| attr.path().is_ident("path")) {
                    self.fault(
                        file,
                        first_line(&tokens),
                        format!("`mod {name}` hides its place behind #[path]"),
                    );
                    continue;
                }
                children.push((name, test || is_test_only(&tokens), first_line(&tokens)));
            }
        }
        sources.push(Source {
            file: file.to_owned(),
            module: module.clone(),
            test,
            text: text.clone(),
            syntax,
        });
        let folder = match file.rsplit_once('/') {
            Some((folder, "lib.rs" | "mod.rs")) => folder.to_owned(),
            _ => file.trim_end_matches(".rs").to_owned(),
        };
        for (name, test, line) in children {
            let mut path = module.clone();
            path.push(name.clone());
            let candidates = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
            match candidates.iter().find(|candidate| files.contains_key(*candidate)) {
                Some(child) => self.collect(files, child, path, test, sources),
                None => self.fault(file, line, format!("`mod {name}` has no file")),
            }
        }
    }

    /// `lib.rs`: the crate's attributes, the modules in rank order, re-exports, and nothing else.
    fn root(&mut self, source: &Source) {
        let attributes: String =
            source.syntax.attrs.iter().map(|attr| squeezed(attr.to_token_stream())).collect();
        for wanted in ["#![no_std]", "#![forbid(unsafe_code)]"] {
            if !attributes.contains(wanted) {
                self.fault(&source.file, 1, format!("`{wanted}` is missing"));
            }
        }
        let mut last = ("", 0);
        for item in &source.syntax.items {
            let tokens = item.to_token_stream();
            let line = first_line(&tokens);
            match item {
                syn::Item::Mod(child) if child.content.is_none() => {
                    let name = child.ident.to_string();
                    let Some(&(name, rank)) = RANKS.iter().find(|(known, _)| *known == name) else {
                        self.fault(
                            &source.file,
                            line,
                            format!("`mod {name}` has no rank; give it one in RANKS"),
                        );
                        continue;
                    };
                    if rank < last.1 {
                        let text =
                            format!("{name} ({rank}) comes after {} ({}): keep rank order", last.0, last.1);
                        self.fault(&source.file, line, text);
                    }
                    last = (name, rank);
                }
                syn::Item::Use(_) => {
                    for path in paths_of_use(&tokens) {
                        let mut segments =
                            path.segments.iter().filter(|s| !matches!(s.as_str(), "crate" | "self"));
                        if let Some(first) = segments.next() {
                            self.reexports.insert(path.name, first.clone());
                        }
                    }
                }
                syn::Item::ExternCrate(_) => {}
                _ if is_test_only(&tokens) || squeezed(tokens.clone()).starts_with("#[cfg(doctest)]") => {}
                _ => {
                    self.fault(&source.file, line, "lib.rs holds modules and re-exports, no code".to_owned())
                }
            }
        }
    }

    /// The rules that need no parser.
    fn text_rules(&mut self, source: &Source) {
        for (index, line) in source.text.lines().enumerate() {
            for mark in unfinished_marks().iter().filter(|mark| line.contains(**mark)) {
                self.fault(&source.file, index + 1, format!("unfinished: {mark}"));
            }
        }
    }

    fn length(&mut self, source: &Source, test_lines: usize) {
        let code = source.text.lines().count() - test_lines;
        if !source.test && code >= FILE_LINES {
            let text = format!("{code} lines without tests; a file stays under {FILE_LINES}");
            self.fault(&source.file, 1, text);
        }
        if !source.test && test_lines > INLINE_TEST_LINES {
            let text = format!(
                "{test_lines} lines of tests; over {INLINE_TEST_LINES} they move to a sibling tests.rs"
            );
            self.fault(&source.file, 1, text);
        }
    }

    fn items(&mut self, items: &[syn::Item], place: &Place<'_>, test_lines: &mut usize) {
        for item in items {
            let tokens = item.to_token_stream();
            let test = place.test || is_test_only(&tokens);
            if test && !place.test {
                *test_lines += last_line(&tokens) + 1 - first_line(&tokens);
            }
            let mut place = Place { test, ..place.clone() };
            match item {
                syn::Item::Mod(child) => {
                    if let Some((_, items)) = &child.content {
                        place.module.push(child.ident.to_string());
                        self.items(items, &place, test_lines);
                    }
                }
                syn::Item::Use(_) if place.top() == Some("state") && !test => {
                    self.fault(place.file, first_line(&tokens), "state.rs imports nothing".to_owned());
                }
                syn::Item::Macro(rules) if place.top() == Some("macros") && rules.ident.is_some() => {
                    let name = rules.ident.as_ref().unwrap().to_string();
                    let body = self.macro_body(rules.mac.tokens.clone(), place.file);
                    self.macros.insert(name, body);
                    self.tokens(tokens, &place);
                }
                _ => self.tokens(tokens, &place),
            }
        }
    }
}

impl Checker {
    /// Walks tokens, macro bodies and invocations included: a path means the same wherever it is written.
    fn tokens(&mut self, stream: TokenStream, place: &Place<'_>) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let previous = at.checked_sub(1).and_then(|before| tokens.get(before));
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream(), place),
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    let line = line_of(ident.span());
                    self.single_name(&name, line, &tokens[at..], place);
                    let member = previous.is_some_and(|token| is_punct(token, '.'));
                    if is_separator(&tokens, at + 1) && !member && !follows_a_segment(&tokens, at) {
                        let mut paths = Vec::new();
                        at = flatten(&tokens, at, &[], &mut paths);
                        for path in &paths {
                            self.path(path, place);
                        }
                        if let Some(path) = paths.last().filter(|_| opens_macro(&tokens[at..])) {
                            self.invocation(&path.name, line, place);
                        }
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn single_name(&mut self, name: &str, line: usize, rest: &[TokenTree], place: &Place<'_>) {
        if name == "crate" && rest.get(1).is_some_and(|next| is_ident(next, "as")) {
            self.fault(place.file, line, "renames the crate's root, which hides what is imported".to_owned());
        }
        if place.bans(name) {
            self.fault(place.file, line, format!("`{name}` has no place in the engine"));
        }
        if opens_macro(&rest[1..]) {
            self.invocation(name, line, place);
        }
        let changes_state = name == "self"
            && rest.len() > 4
            && is_punct(&rest[1], '.')
            && is_ident(&rest[2], "state")
            && is_punct(&rest[3], '=')
            && !is_punct(&rest[4], '=');
        if changes_state && !place.test && place.top().is_some_and(|top| STATE_MACHINES.contains(&top)) {
            let mut value = rest[4..].iter().take_while(|token| !is_punct(token, ';'));
            if !value.any(|token| is_ident(token, "next")) {
                self.fault(
                    place.file,
                    line,
                    "a state changes by `self.state = self.state.next(trigger)?`".to_owned(),
                );
            }
        }
    }

    fn invocation(&mut self, name: &str, line: usize, place: &Place<'_>) {
        if BANNED_MACROS.contains(&name) {
            self.fault(place.file, line, format!("unfinished: {name}!"));
        }
        let Some(top) = place.top() else { return };
        if name == "transitions" && !place.test && !matches!(top, "state" | "macros") {
            self.fault(place.file, line, "transition tables live in state.rs".to_owned());
        }
        if top != "macros" {
            let invocation =
                Invocation { file: place.file.to_owned(), line, top: top.to_owned(), name: name.to_owned() };
            self.invocations.push(invocation);
        }
    }

    fn path(&mut self, path: &FlatPath, place: &Place<'_>) {
        let banned = BANNED_PATHS.iter().find(|banned| starts_with(&path.segments, banned));
        if let Some(banned) = banned.filter(|_| place.in_engine()) {
            self.fault(place.file, path.line, format!("`{}` has no place in the engine", banned.join("::")));
        }
        for name in path.segments.iter().skip(1).filter(|name| place.bans(name)) {
            self.fault(place.file, path.line, format!("`{name}` has no place in the engine"));
        }
        let Some(from) = place.top() else { return };
        let Some(absolute) = absolute(path, place) else { return };
        // What a macro of `macros.rs` names is judged where the macro is invoked.
        if from == "macros" && !place.test {
            return;
        }
        let target = match absolute.first().map(String::as_str) {
            None | Some("*") => {
                let text =
                    format!("`{}` takes in the crate's root; name the module", path.segments.join("::"));
                return self.fault(place.file, path.line, text);
            }
            Some(first) if rank(first).is_some() => first.to_owned(),
            Some(first) if self.macros.contains_key(first) => return,
            Some(first) => match self.reexports.get(first).cloned() {
                Some(owner) if rank(&owner).is_some() => owner,
                Some(_foreign_crate) => return,
                None => {
                    let text = format!("`crate::{first}` is neither a ranked module nor re-exported by name");
                    return self.fault(place.file, path.line, text);
                }
            },
        };
        if !(may_import(from, &target) || place.test && target == "testing") {
            self.fault(place.file, path.line, format!("{} imports {}", ranked(from), ranked(&target)));
        } else if from == "state" && target != "state" {
            self.fault(place.file, path.line, "state.rs imports nothing".to_owned());
        }
    }

    /// The modules and macros that a `macro_rules!` body names through `$crate`.
    fn macro_body(&mut self, stream: TokenStream, file: &str) -> MacroBody {
        let mut body = MacroBody::default();
        self.macro_tokens(stream, file, &mut body);
        body
    }

    fn macro_tokens(&mut self, stream: TokenStream, file: &str, body: &mut MacroBody) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        for at in 0..tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.macro_tokens(group.stream(), file, body),
                TokenTree::Ident(ident) if ident == "crate" && is_separator(&tokens, at + 1) => {
                    let mut paths = Vec::new();
                    flatten(&tokens, at, &[], &mut paths);
                    for path in paths {
                        let first = path.segments.get(1).cloned().unwrap_or_default();
                        if rank(&first).is_some_and(|rank| rank > MACRO_REACH) {
                            let text = format!(
                                "a macro names {}; macros reach up to rank {MACRO_REACH}",
                                ranked(&first)
                            );
                            self.fault(file, path.line, text);
                        }
                        body.names.insert(first);
                    }
                }
                TokenTree::Ident(ident) if tokens.get(at + 1).is_some_and(|next| is_punct(next, '!')) => {
                    body.invokes.insert(ident.to_string());
                }
                _ => {}
            }
        }
    }

    /// Each use of a macro must stand where the paths in its expansion could have been written by hand.
    fn expansions(&mut self) {
        for invocation in std::mem::take(&mut self.invocations) {
            let mut reached = BTreeSet::new();
            let mut open = vec![invocation.name.clone()];
            let mut seen = BTreeSet::new();
            while let Some(name) = open.pop() {
                let Some(body) = self.macros.get(&name).filter(|_| seen.insert(name.clone())) else {
                    continue;
                };
                reached.extend(body.names.iter().cloned());
                open.extend(body.invokes.iter().cloned());
            }
            for target in reached {
                let from = &invocation.top;
                let text = if self.macros.contains_key(&target) || target == "macros" {
                    continue;
                } else if rank(&target).is_none() {
                    format!("{}! names `crate::{target}`, which has no rank", invocation.name)
                } else if may_import(from, &target) {
                    continue;
                } else {
                    format!("{} imports {} through {}!", ranked(from), ranked(&target), invocation.name)
                };
                self.fault(&invocation.file, invocation.line, text);
            }
        }
    }
}

fn is_banned_name(name: &str) -> bool {
    let atomic = name.strip_prefix("Atomic").and_then(|rest| rest.chars().next());
    BANNED_NAMES.contains(&name) || matches!(atomic, Some('U' | 'I' | 'B' | 'P'))
}

/// The path from the crate's root, or `None` for a path that does not start inside the crate by keyword.
fn absolute(path: &FlatPath, place: &Place<'_>) -> Option<Vec<String>> {
    let mut segments = path.segments.iter().map(String::as_str).peekable();
    let mut absolute = match segments.next()? {
        "crate" | "amqp_proto" => Vec::new(),
        "self" => place.module.clone(),
        "super" => {
            let mut parent = place.module.clone();
            parent.pop();
            parent
        }
        _ => return None,
    };
    for segment in segments {
        match segment {
            "super" => drop(absolute.pop()),
            "self" => {}
            other => absolute.push(other.to_owned()),
        }
    }
    Some(absolute)
}
