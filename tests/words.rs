//! The words of comments and of the README: plain English, checked on the text itself.
//!
//! A phrase is found across line breaks. Code is not read, and neither are string literals.

use std::path::Path;

/// Phrases with no place in a comment or in the README.
const BANNED: [&str; 16] = [
    "octet",
    "octets",
    "so many",
    "so much",
    "has come",
    "come to",
    "is told",
    "tells of",
    "in a hurry",
    "as it came",
    "the say of",
    "lies in",
    "anew",
    "be it",
    // A function returns; it does neither of these. The first covers "gives way" too.
    "gives",
    "says",
];

/// Openings of a doc comment that describe a question. A doc comment opens with a verb, a noun phrase or "True if".
const BANNED_OPENINGS: [&str; 4] = ["What", "Whether", "Who", "How far"];

/// A run of comment lines without a break, or a paragraph of prose.
struct Paragraph {
    /// The lines with their numbers, markers removed.
    lines: Vec<(usize, String)>,
    is_doc: bool,
}

/// The text of a comment that starts on this line, with its marker removed.
fn comment(line: &str) -> Option<(&'static str, &str)> {
    let start = line.trim_start();
    for marker in ["///", "//!", "//"] {
        if let Some(text) = start.strip_prefix(marker) {
            return Some((marker, text));
        }
    }
    // Behind code. The two spaces and quotes that a string with slashes would need are not in the tree.
    let at = line.find(" // ").filter(|at| line[..*at].matches('"').count().is_multiple_of(2))?;
    Some(("//", &line[at + 3..]))
}

fn comments(text: &str) -> Vec<Paragraph> {
    let mut found: Vec<Paragraph> = Vec::new();
    let mut last = None;
    for (index, line) in text.lines().enumerate() {
        let Some((marker, text)) = comment(line) else {
            last = None;
            continue;
        };
        let whole_line = line.trim_start().starts_with("//");
        if last != Some(marker) || !whole_line {
            found.push(Paragraph { lines: Vec::new(), is_doc: marker != "//" });
        }
        last = whole_line.then_some(marker);
        found.last_mut().unwrap().lines.push((index + 1, text.to_owned()));
    }
    found
}

fn prose(text: &str) -> Vec<Paragraph> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.to_owned())).collect();
    vec![Paragraph { lines, is_doc: false }]
}

/// The words of a paragraph in lower case, each with its line. Punctuation that ends a phrase is an empty word.
fn words(paragraph: &Paragraph) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (number, line) in &paragraph.lines {
        let is_in_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '\'' | '-' | '_');
        let ends_phrase = |letter: char| matches!(letter, '.' | ',' | ';' | ':' | '|');
        for run in line.split(|letter| !is_in_word(letter) && !ends_phrase(letter)) {
            for part in run.split_inclusive(ends_phrase) {
                let word = part.trim_end_matches(ends_phrase);
                words.extend((!word.is_empty()).then(|| (*number, word.to_lowercase())));
                words.extend((word != part).then(|| (*number, String::new())));
            }
        }
    }
    words
}

fn faults(file: &str, paragraphs: &[Paragraph]) -> Vec<String> {
    let mut faults = Vec::new();
    for paragraph in paragraphs {
        let words = words(paragraph);
        for phrase in BANNED {
            let phrase_words: Vec<&str> = phrase.split(' ').collect();
            for run in words.windows(phrase_words.len()) {
                if run.iter().map(|(_, word)| word).eq(phrase_words.iter()) {
                    faults.push(format!("{file}:{}: \"{phrase}\"", run[0].0));
                }
            }
        }
        let Some((number, first)) = paragraph.lines.first().filter(|_| paragraph.is_doc) else { continue };
        let opening = BANNED_OPENINGS.iter().find(|opening| {
            let rest = first.trim_start().strip_prefix(**opening);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
        faults.extend(opening.map(|opening| format!("{file}:{number}: opens with \"{opening}\"")));
    }
    faults
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            found.push(name.replace('\\', "/"));
        }
    }
}

#[test]
fn comments_in_src_and_the_readme_keep_to_plain_words() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    files.sort();
    let text = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let mut found: Vec<String> = files.iter().flat_map(|file| faults(file, &comments(&text(file)))).collect();
    found.extend(faults("README.md", &prose(&text("README.md"))));
    assert!(files.len() > 50, "{} files", files.len());
    assert!(found.is_empty(), "{} faults:\n{}\n", found.len(), found.join("\n"));
}

/// A fault is planted in a file of its own, and found on its line; and nothing else is.
fn faults_in(text: &str) -> Vec<String> {
    faults("a.rs", &comments(text))
}

const NOTHING: [String; 0] = [];

#[test]
fn every_banned_phrase_is_found_in_every_kind_of_comment() {
    for phrase in BANNED {
        let expected = [format!("a.rs:2: \"{phrase}\"")];
        for comment in ["// A {} b.", "/// A {} b.", "//! A ({}).", "    /// A {}, b", "let a = 1; // a {}."]
        {
            let text = format!("fn f() {{}}\n{}\n", comment.replace("{}", phrase));
            assert_eq!(faults_in(&text), expected, "{text}");
        }
        let prose_faults = faults("README.md", &prose(&format!("\nA [{phrase}](b) c.\n")));
        assert_eq!(prose_faults, [format!("README.md:2: \"{phrase}\"")]);
        let capital = phrase[..1].to_uppercase() + &phrase[1..];
        assert_eq!(faults_in(&format!("\n/// {capital} a.")), expected);
    }
}

#[test]
fn banned_phrase_across_two_lines_is_found_on_the_first() {
    assert_eq!(faults_in("/// The peer has\n/// come."), ["a.rs:1: \"has come\""]);
    assert_eq!(faults_in("/// The peer has\nfn come() {}\n// come"), NOTHING);
    assert_eq!(faults_in("// The peer has.\n// Come."), NOTHING);
}

#[test]
fn code_strings_and_longer_words_are_no_faults() {
    assert_eq!(faults_in("fn octets() { says(\"octet // says\") }"), NOTHING);
    assert_eq!(faults_in("/// Octopus, outcome to, and to become to: so, many."), NOTHING);
}

#[test]
fn doc_comment_that_opens_with_a_question_word_is_found() {
    for opening in BANNED_OPENINGS {
        let expected = [format!("a.rs:2: opens with \"{opening}\"")];
        assert_eq!(faults_in(&format!("\n/// {opening} a.")), expected);
        assert_eq!(faults_in(&format!("\n//! {opening} a.\n//! {opening} b.")), expected);
        assert_eq!(faults_in(&format!("\n// {opening} a.\n/// A.\n/// {opening} b.")), NOTHING);
        assert_eq!(faults_in(&format!("\n/// {opening}ever a.")), NOTHING);
    }
}
