//! Reading tokens: paths, attributes, lines.

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// One path of a `use` tree or of an expression, with the name it introduces.
pub(crate) struct FlatPath {
    pub(crate) segments: Vec<String>,
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// Reads the path that starts at `at`, `use` groups included, into `paths`; gives the index after it.
pub(crate) fn flatten(
    tokens: &[TokenTree],
    mut at: usize,
    prefix: &[String],
    paths: &mut Vec<FlatPath>,
) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| line_of(token.span()));
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => {
                segments.push(ident.to_string().trim_start_matches("r#").to_owned())
            }
            Some(TokenTree::Punct(punct)) if punct.as_char() == '*' => segments.push("*".to_owned()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in inner.split(|token| is_punct(token, ',')).filter(|branch| !branch.is_empty()) {
                    flatten(branch, 0, &segments, paths);
                }
                return at + 1;
            }
            // `Vec::<u8>::new`, `$name::..`: the path goes on in a way that names no module.
            _ => break,
        }
        at += 1;
        if !is_separator(tokens, at) {
            break;
        }
        at += 2;
    }
    let renamed =
        tokens.get(at).is_some_and(|token| is_ident(token, "as")).then(|| tokens.get(at + 1)).flatten();
    let own_name = segments.iter().rev().find(|segment| *segment != "self").cloned().unwrap_or_default();
    let name = renamed.map_or(own_name, ToString::to_string);
    paths.push(FlatPath { segments, name, line });
    at
}

pub(crate) fn paths_of_use(item: &TokenStream) -> Vec<FlatPath> {
    let tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    let mut paths = Vec::new();
    if let Some(at) = tokens.iter().position(|token| is_ident(token, "use")) {
        flatten(&tokens, at + 1, &[], &mut paths);
    }
    paths
}

pub(crate) fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

pub(crate) fn is_ident(token: &TokenTree, wanted: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == wanted)
}

/// Whether what follows a name makes it a macro invocation: `!` and its delimiter.
pub(crate) fn opens_macro(rest: &[TokenTree]) -> bool {
    rest.len() > 1 && is_punct(&rest[0], '!') && matches!(rest[1], TokenTree::Group(_))
}

pub(crate) fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint)
        && tokens.get(at + 1).is_some_and(|token| is_punct(token, ':'))
}

/// Whether the `::` before `at` continues a path (`a::b`) and does not open one (`::b`).
pub(crate) fn follows_a_segment(tokens: &[TokenTree], at: usize) -> bool {
    at >= 3 && is_separator(tokens, at - 2) && matches!(tokens[at - 3], TokenTree::Ident(_))
}

pub(crate) fn starts_with(segments: &[String], prefix: &[&str]) -> bool {
    segments.len() >= prefix.len() && segments.iter().zip(prefix).all(|(segment, wanted)| segment == wanted)
}

/// Whether an item opens with `#[test]`, `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
pub(crate) fn is_test_only(item: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    let attributes = tokens.chunks(2).take_while(|pair| is_punct(&pair[0], '#') && pair.len() == 2);
    attributes.map(|pair| squeezed(pair[1].to_token_stream())).any(|text| {
        let all = text.strip_prefix("[cfg(all(").and_then(|rest| rest.strip_suffix("))]"));
        text == "[test]"
            || text == "[cfg(test)]"
            || all.is_some_and(|all| all.split(',').any(|term| term == "test"))
    })
}

pub(crate) fn squeezed(tokens: TokenStream) -> String {
    tokens.to_string().split_whitespace().collect()
}

pub(crate) fn line_of(span: Span) -> usize {
    span.start().line
}

pub(crate) fn first_line(tokens: &TokenStream) -> usize {
    tokens.clone().into_iter().next().map_or(1, |token| line_of(token.span()))
}

pub(crate) fn last_line(tokens: &TokenStream) -> usize {
    tokens.clone().into_iter().last().map_or(1, |token| token.span().end().line)
}
