//! The texts of the engine's errors, read from its source: each names the section of the standard that was broken, or
//! the limit that was reached, and all are written in one style.

use std::{collections::BTreeSet, fs, path::Path};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A function or variant that takes the text of an error, the place of the text among its arguments, and the rule.
const TAKERS: [(&str, usize, Rule); 22] = [
    ("ProtocolError::connection", 1, Rule::Broken),
    ("ProtocolError::session", 1, Rule::Broken),
    ("ProtocolError::link", 1, Rule::Broken),
    ("AmqpError::described", 1, Rule::Styled),
    ("Failure::new", 2, Rule::Styled),
    ("CommandError::IllegalState", 0, Rule::Broken),
    ("CommandError::LimitReached", 0, Rule::Name),
    ("Termini::Wrong", 0, Rule::Broken),
    ("not_allowed", 0, Rule::Broken),
    ("invalid", 0, Rule::Broken),
    ("refuse_sasl_frame", 0, Rule::Broken),
    ("header_mismatch", 0, Rule::Broken),
    ("fail_client", 1, Rule::Broken),
    ("fail_authentication", 1, Rule::Broken),
    ("timed_out", 0, Rule::Styled),
    ("lost", 0, Rule::Styled),
    ("end_unanswered", 0, Rule::Styled),
    ("of_child", 0, Rule::Styled),
    // Attributes of `thiserror`, by the file that they are in.
    ("src/codec/error.rs", 0, Rule::Broken),
    ("src/message/error.rs", 0, Rule::Broken),
    ("src/frame/frame_header.rs", 0, Rule::Broken),
    ("error", 0, Rule::Styled),
];

/// Expressions with the text of another error, or of the state of a connection that was lost.
const PASSED_ON: [&str; 2] = ["& error . to_string ()", "self . lost_at ()"];

/// The longest text in bytes, with [`FILLED`] bytes for each placeholder.
const LONGEST: usize = 120;
/// Bytes of a number that fills a placeholder: those of the largest handle.
const FILLED: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Ends with the section, or names the limit. In an extension, which the standard does not have, only the style.
    Broken,
    /// The style alone.
    Styled,
    /// A limit's name.
    Name,
}

struct Text {
    file: String,
    rule: Rule,
    text: String,
}

/// What is known of the source tree.
struct Known {
    limits: BTreeSet<String>,
    notes: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files(&name, found);
        } else if name.ends_with(".rs") {
            found.push(name);
        }
    }
}

impl Known {
    fn read() -> Self {
        let mut limits = BTreeSet::new();
        for file in ["src/limits.rs", "src/message/reader.rs"] {
            let text = fs::read_to_string(root().join(file)).unwrap();
            let fields = text.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "));
            limits.extend(fields.map(|(name, _)| name.to_owned()));
        }
        Self { limits, notes: fs::read_to_string(root().join("SPEC_NOTES.md")).unwrap() }
    }

    fn is_section(&self, text: &str) -> bool {
        let numbers = || text.split('.').map(str::parse::<u8>);
        // The notes have no rows for most primitive types.
        let is_of_a_type =
            || text.strip_prefix("1.6.").is_some_and(|text| (1..=24).contains(&text.parse().unwrap()));
        let is_number = numbers().count() > 1 && numbers().all(|number| number.is_ok());
        is_number && (self.notes.contains(text) || is_of_a_type())
    }

    /// Returns what is wrong with a text.
    fn fault_of(&self, Text { file, rule, text }: &Text) -> Option<&'static str> {
        let (said, section) = match text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) {
            Some((said, section)) => (said, Some(section)),
            None => (&**text, None),
        };
        let first = text.split(' ').next().unwrap_or_default();
        let is_name = first.len() > 1 && first.chars().all(|c| !c.is_lowercase());
        let in_style = first.starts_with(['{', '"']) || first.starts_with(char::is_lowercase) || is_name;
        let names_limit = || text.split([' ', ':', '`']).any(|word| self.limits.contains(word));
        if !in_style {
            Some("begins with a capital letter")
        } else if text.ends_with(['.', '!', ' ']) {
            Some("ends with a period or a space")
        } else if section.is_some_and(|section| !self.is_section(section)) {
            Some("ends with parentheses that hold no section of the standard")
        } else if size_of_text(text) > LONGEST {
            Some("is too long")
        } else if *rule == Rule::Broken
            && section.is_none()
            && !file.starts_with("src/extensions/")
            && !is_placeholder(text)
            && !names_limit()
        {
            Some("names neither a section nor a limit")
        } else if *rule == Rule::Name && said.contains(['(', ':']) {
            Some("is no name")
        } else {
            None
        }
    }
}

/// True for the text of another error.
fn is_placeholder(text: &str) -> bool {
    matches!(text, "{0}" | "{error}" | "{kind} at byte {offset}")
}

fn size_of_text(text: &str) -> usize {
    let mut size = 0;
    for (index, part) in text.split(['{', '}']).enumerate() {
        size += if index % 2 == 0 { part.len() } else { FILLED };
    }
    size
}

/// Collects the texts of a file, and the calls whose text is not found.
struct Search<'a> {
    file: &'a str,
    function: String,
    texts: Vec<Text>,
    unread: Vec<String>,
}

impl Search<'_> {
    fn run(file: &str, source: &str) -> (Vec<Text>, Vec<String>) {
        let tokens: TokenStream = source.parse().unwrap();
        let mut search = Search { file, function: String::new(), texts: Vec::new(), unread: Vec::new() };
        search.tokens(&tokens.into_iter().collect::<Vec<_>>(), &[]);
        (search.texts, search.unread)
    }

    /// Reads tokens in the body of a function, all of which is `body`.
    fn tokens(&mut self, tokens: &[TokenTree], body: &[TokenTree]) {
        let mut after_fn = false;
        for (at, token) in tokens.iter().enumerate() {
            if is_ident(token, "mod") && tokens.get(at + 1).is_some_and(|next| is_ident(next, "tests")) {
                // The rest of the file are tests.
                return;
            }
            if is_ident(token, "fn")
                && let Some(TokenTree::Ident(name)) = tokens.get(at + 1)
            {
                (after_fn, self.function) = (true, name.to_string());
            }
            let TokenTree::Group(group) = token else {
                after_fn &= !matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
                continue;
            };
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            if group.delimiter() == Delimiter::Brace && std::mem::take(&mut after_fn) {
                self.tokens(&inner, &inner);
                continue;
            }
            if !after_fn && group.delimiter() == Delimiter::Parenthesis {
                self.call(&tokens[..at], group, body);
            }
            self.tokens(&inner, body);
        }
    }

    /// Reads the arguments of a call, if what is called takes a text.
    fn call(&mut self, before: &[TokenTree], group: &Group, body: &[TokenTree]) {
        let path = path_before(before);
        let in_attribute = path == "error" && before.len() == 1;
        let name = if in_attribute && TAKERS.iter().any(|(name, ..)| *name == self.file) {
            self.file
        } else {
            path.strip_prefix("crate::error::").unwrap_or(&path)
        };
        let name = name.rsplit_once("self::").map_or(name, |(_, name)| name);
        let Some((_, place, rule)) = TAKERS.iter().find(|(taker, ..)| *taker == name) else { return };
        if name == "error" && !in_attribute {
            return;
        }
        let arguments: Vec<TokenTree> = group.stream().into_iter().collect();
        let Some(argument) = arguments.split(|token| is_punct(token, ',')).nth(*place) else { return };
        if argument.first().is_some_and(|first| is_ident(first, "transparent") || is_ident(first, "_")) {
            return;
        }
        let mut found = literals(argument);
        if has_why(argument) {
            found.extend(bound_to_why(body));
        }
        let shown = argument.iter().cloned().collect::<TokenStream>().to_string();
        // A parameter of a taker's own: its callers are checked.
        let is_passed_on = matches!(&*shown, "why" | "& why")
            && TAKERS.iter().any(|(taker, ..)| taker.rsplit(':').next() == Some(&self.function));
        if found.is_empty() && !is_passed_on && !PASSED_ON.contains(&&*shown) {
            self.unread.push(format!("{}: {name}({shown})", self.file));
        }
        let texts = found.into_iter().map(|text| Text { file: self.file.to_owned(), rule: *rule, text });
        self.texts.extend(texts);
    }
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

/// Returns the path that tokens end with, such as `ProtocolError::link`.
fn path_before(tokens: &[TokenTree]) -> String {
    let mut path = String::new();
    let mut due = true;
    for token in tokens.iter().rev() {
        match token {
            TokenTree::Ident(ident) if due => path.insert_str(0, &ident.to_string()),
            TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => path.insert(0, ':'),
            _ => break,
        }
        due = matches!(token, TokenTree::Punct(_));
    }
    path.trim_start_matches(':').to_owned()
}

/// Returns the string literals in an expression, except those that are compared or joined with.
fn literals(tokens: &[TokenTree]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Literal(literal) => found.extend(text_of(&literal.to_string())),
            // Only the template of `format!`, or the bodies of `if` and `match`; no argument of another call.
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let is_call = group.delimiter() == Delimiter::Parenthesis
                    && at > 0
                    && (matches!(&tokens[at - 1], TokenTree::Ident(_)) || is_punct(&tokens[at - 1], '!'));
                let is_format =
                    at > 1 && is_punct(&tokens[at - 1], '!') && is_ident(&tokens[at - 2], "format");
                match (is_call, is_format) {
                    (_, true) => {
                        found.extend(inner.first().map(ToString::to_string).and_then(|it| text_of(&it)))
                    }
                    (true, false) => {}
                    (false, false) => found.extend(literals(&inner)),
                }
            }
            _ => {}
        }
    }
    found
}

/// Returns the content of a string literal.
fn text_of(literal: &str) -> Option<String> {
    Some(literal.strip_prefix('"')?.strip_suffix('"')?.replace("\\\"", "\""))
}

fn has_why(tokens: &[TokenTree]) -> bool {
    tokens.iter().any(|token| match token {
        TokenTree::Group(group) => has_why(&group.stream().into_iter().collect::<Vec<_>>()),
        token => is_ident(token, "why"),
    })
}

/// Returns the literals in each `let why = ..;` of a function.
fn bound_to_why(tokens: &[TokenTree]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            found.extend(bound_to_why(&group.stream().into_iter().collect::<Vec<_>>()));
        }
        let is_bound = is_ident(token, "why")
            && at > 0
            && is_ident(&tokens[at - 1], "let")
            && tokens.get(at + 1).is_some_and(|next| is_punct(next, '='));
        if is_bound {
            let value = tokens[at + 2..].split(|token| is_punct(token, ';')).next().unwrap_or_default();
            found.extend(literals(value));
        }
    }
    found
}

#[test]
fn text_of_every_error_in_src_keeps_the_rule() {
    let mut names = Vec::new();
    files("src", &mut names);
    names.retain(|name| !name.starts_with("src/testing") && !name.contains("/tests"));
    let (known, mut faults, mut counts) = (Known::read(), Vec::new(), [0; 3]);
    for name in names {
        let (texts, unread) = Search::run(&name, &fs::read_to_string(root().join(&name)).unwrap());
        faults.extend(unread.into_iter().map(|call| format!("{call}: the text is not found")));
        for text in texts {
            counts[text.rule as usize] += 1;
            faults.extend(known.fault_of(&text).map(|fault| format!("{}: {:?} {fault}", name, text.text)));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}\n", faults.len(), faults.join("\n"));
    let [broken, styled, names] = counts;
    assert!(broken > 110 && styled > 40 && names >= 5, "{counts:?} texts are found");
}

#[test]
fn planted_faults_are_found() {
    let known = Known::read();
    let faults = |source: &str| {
        let (texts, unread) = Search::run("src/planted.rs", &format!("fn {source}"));
        let faults = texts.iter().filter_map(|text| known.fault_of(text));
        faults.map(str::to_owned).chain(unread.iter().map(|_| "unread".to_owned())).collect::<Vec<_>>()
    };
    let long = format!("f() {{ not_allowed(\"{} (2.4.1)\") }}", "x".repeat(120));
    for (source, fault) in [
        (r#"f() { ProtocolError::link(ErrorCondition::NotAllowed, "a fault") }"#, "neither a section"),
        (r#"f() { let why = "a fault"; ProtocolError::session(C, why) }"#, "neither a section"),
        (
            r#"f() { let why = if a { "a fault (2.7.5)" } else { "a fault" }; ProtocolError::session(C, &why) }"#,
            "neither",
        ),
        (r#"f() { ProtocolError::connection(C, &format!("handle {}", handle)) }"#, "neither a section"),
        (
            r#"f() { Err(crate::error::CommandError::IllegalState(match a { _ => "a state" })) }"#,
            "neither a section",
        ),
        (r#"f() { not_allowed("A fault (2.4.1)") }"#, "capital"),
        (r#"f() { not_allowed("a fault (2.4.1).") }"#, "period"),
        (r#"f() { not_allowed("a fault (9.4.1)") }"#, "no section of the standard"),
        (r#"f() { not_allowed("a fault (of theirs)") }"#, "no section of the standard"),
        (r#"f() { Failure::new(Cause::Lost, C, "it is over.") }"#, "period"),
        (r#"f() { CommandError::LimitReached("a name: 3") }"#, "no name"),
        (r#"f() { ProtocolError::link(C, SOME_TEXT) }"#, "unread"),
        (r#"unknown(why: &str) { ProtocolError::link(C, why) }"#, "unread"),
        (&long, "too long"),
    ] {
        let found = faults(source);
        assert!(found.len() == 1 && found[0].contains(fault), "{source}: {found:?}");
    }
    for source in [
        r#"f() { not_allowed("a fault (2.4.1)") }"#,
        r#"f() { ProtocolError::session(C, &format!("more than max_unsettled: {max}")) }"#,
        r#"f() { let why = format!("handle {remote} (2.7.2)"); ProtocolError::session(C, &why) }"#,
        r#"invalid(why: &str) { ProtocolError::session(C, why) }"#,
        r#"f() { other("a fault") }"#,
    ] {
        assert_eq!(faults(source), [""; 0], "{source}");
    }
}
