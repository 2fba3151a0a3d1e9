//! One router per layer: who may name the performatives' enum and the kind of a frame, and where `fn receive` stands.

use crate::rules::Fault;
use crate::tokens::*;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

/// The routers: the only files where a frame meets its handler. Each has one `fn receive` at most.
pub(crate) const ROUTERS: [&str; 2] = ["src/connection/receive.rs", "src/session/receive.rs"];

/// The file of the enum of frame kinds.
const KIND: &str = "src/spec/kind.rs";

/// The folders that may name `Performative`. The engine decodes the one performative that a frame's kind names.
const NAME_PERFORMATIVE: [&str; 4] = ["src/spec/", "src/testing/", "src/observe/", "src/trace/"];

/// The layers that frames pass through.
const LAYERS: [&str; 3] = ["src/connection/", "src/session/", "src/link/"];

/// Checks the code of one file, its tests excepted.
pub(crate) fn check(file: &str, syntax: &syn::File, faults: &mut Vec<Fault>) {
    let mut walk = Walk { file, faults, routers: 0 };
    walk.items(&syntax.items);
}

struct Walk<'a> {
    file: &'a str,
    faults: &'a mut Vec<Fault>,
    /// Functions named `receive` seen so far.
    routers: usize,
}

impl Walk<'_> {
    fn fault(&mut self, line: usize, text: &str) {
        self.faults.push(Fault { file: self.file.to_owned(), line, text: text.to_owned() });
    }

    fn items(&mut self, items: &[syn::Item]) {
        for item in items {
            let tokens = item.to_token_stream();
            match item {
                _ if is_test_only(&tokens) => {}
                syn::Item::Mod(syn::ItemMod { content: Some((_, items)), .. }) => self.items(items),
                _ => self.tokens(tokens),
            }
        }
    }

    fn tokens(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        for at in 0..tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    let line = line_of(ident.span());
                    if ident == "Performative"
                        && !NAME_PERFORMATIVE.iter().any(|folder| self.file.starts_with(folder))
                    {
                        self.fault(
                            line,
                            "`Performative` is named in spec/, testing/, observe/ and trace/ alone",
                        );
                    }
                    if ident == "fn" && tokens.get(at + 1).is_some_and(|name| is_ident(name, "receive")) {
                        self.receive(line);
                    }
                    if !follows_a_segment(&tokens, at) {
                        self.path(&tokens, at);
                    }
                }
                _ => {}
            }
        }
    }

    fn receive(&mut self, line: usize) {
        if !LAYERS.iter().any(|layer| self.file.starts_with(layer)) {
            return;
        }
        self.routers += 1;
        if !ROUTERS.contains(&self.file) {
            self.fault(line, "`fn receive` is the router of a layer and stands in its receive.rs");
        } else if self.routers > 1 {
            self.fault(line, "a second `fn receive`: a layer has one router");
        }
    }

    fn path(&mut self, tokens: &[TokenTree], at: usize) {
        if self.file == KIND || ROUTERS.contains(&self.file) {
            return;
        }
        let mut paths = Vec::new();
        flatten(tokens, at, &[], &mut paths);
        let in_spec = self.file.starts_with("src/spec/");
        for path in paths {
            let names_kind = path.segments.windows(2).any(|pair| {
                let pair = [pair[0].as_str(), pair[1].as_str()];
                matches!(pair, ["spec", "kind" | "Kind"] | ["kind", "Kind"])
                    || in_spec && pair == ["super", "kind"]
            });
            if names_kind {
                self.fault(path.line, "the kind of a frame is matched in the receive.rs of a layer alone");
            }
        }
    }
}
