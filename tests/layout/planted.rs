//! The checker's own tests: each plants one fault and expects to be told of it, and of nothing else.

use crate::rules::{BANNED_MACROS, FILE_LINES, INLINE_TEST_LINES, RANKS, check};
use crate::unfinished_marks;
use std::collections::BTreeMap;

/// Checks a small tree. `lib.rs` declares the modules of the files at the top in rank order; `root` is added to it.
fn faults_with_root(root: &str, files: &[(&str, &str)]) -> Vec<String> {
    let mut tree: BTreeMap<String, String> = BTreeMap::new();
    let mut lib = String::from("#![no_std]\n#![forbid(unsafe_code)]\n");
    for (module, _) in RANKS {
        let paths = [format!("{module}.rs"), format!("{module}/mod.rs")];
        if files.iter().any(|(file, _)| paths.iter().any(|path| path == file)) {
            lib.push_str(&format!("mod {module};\n"));
        }
    }
    lib.push_str(root);
    tree.insert("src/lib.rs".to_owned(), lib);
    tree.extend(files.iter().map(|(file, text)| (format!("src/{file}"), (*text).to_owned())));
    check(&tree).iter().map(ToString::to_string).collect()
}

fn faults(files: &[(&str, &str)]) -> Vec<String> {
    faults_with_root("", files)
}

const TYPES: (&str, &str) = ("types/mod.rs", "pub struct Symbol;");
const CODEC: (&str, &str) = ("codec/mod.rs", "use crate::types::Symbol;");
const NOTHING: [String; 0] = [];

#[test]
fn downward_imports_are_allowed() {
    let session =
        "use crate::{types::Symbol, codec};\npub(crate) mod window;\nfn f(s: crate::types::Symbol) {}";
    let window = "use super::super::types::Symbol;\nuse self::inner::A;\nmod inner { pub use super::super::f; pub struct A; }";
    assert_eq!(faults(&[TYPES, CODEC, ("session/mod.rs", session), ("session/window.rs", window)]), NOTHING);
}

#[test]
fn upward_and_sideways_uses_are_caught() {
    let callback = ("callback/mod.rs", "");
    let up = ("connection/mod.rs", "\nuse crate::callback;");
    assert_eq!(faults(&[up, callback]), ["src/connection/mod.rs:2: connection (9) imports callback (11)"]);
    let sisters = [("frame/mod.rs", "use crate::spec::Begin;"), ("spec/mod.rs", "use crate::frame;")];
    let expected =
        ["src/frame/mod.rs:1: frame (3) imports spec (3)", "src/spec/mod.rs:1: spec (3) imports frame (3)"];
    assert_eq!(faults(&sisters), expected);
    let faces = [callback, ("transaction/mod.rs", "use amqp_proto::callback::Handler;")];
    assert_eq!(faults(&faces), ["src/transaction/mod.rs:1: transaction (10) imports callback (11)"]);
}

#[test]
fn every_spelling_of_a_path_is_caught() {
    let spellings = [
        "fn f(x: crate::codec::Decoder) {}",
        "fn f() { let x = crate::codec::read(); }",
        "use crate::{ids::{SessionId}, codec::{Decoder}};",
        "use super::codec::Decoder;",
        "mod a { mod b { use super::super::super::codec::Decoder; } }",
        "mod a { use super::{super::codec as c}; }",
        "fn f() { assert_eq!(1, super::codec::ONE); }",
        "macro_rules! m { () => { $crate::codec::Decoder } }",
        "impl From<::amqp_proto::codec::Decoder> for A {}",
        "#[derive(crate::codec::Derive)] struct A;",
        "use crate::Decoder;",
        "fn f() { self::super::codec::read::<u8>() }",
        "#[cfg(test)] mod tests { use crate::codec::Decoder; }",
    ];
    for text in spellings {
        let found = faults_with_root(
            "pub use codec::Decoder;",
            &[("types.rs", text), ("ids.rs", ""), ("codec/mod.rs", "")],
        );
        let of_ids = "src/types.rs:1: types (1) imports ids (1)";
        let found: Vec<&String> = found.iter().filter(|fault| *fault != of_ids).collect();
        assert_eq!(found, ["src/types.rs:1: types (1) imports codec (2)"], "{text}");
    }
}

#[test]
fn imports_through_the_root_are_caught() {
    let hidden = "`crate::*` takes in the crate's root; name the module";
    assert_eq!(faults(&[("types.rs", "use crate::*;")]), [format!("src/types.rs:1: {hidden}")]);
    let hidden = hidden.replace("crate::*", "super::*");
    assert_eq!(faults(&[("types.rs", "use super::*;")]), [format!("src/types.rs:1: {hidden}")]);
    let renamed = "renames the crate's root, which hides what is imported";
    assert_eq!(faults(&[("types.rs", "use crate as root;")]), [format!("src/types.rs:1: {renamed}")]);
    let unknown = "`crate::Decoder` is neither a ranked module nor re-exported by name";
    let glob =
        faults_with_root("pub use codec::*;", &[("types.rs", "use crate::Decoder;"), ("codec.rs", "")]);
    assert_eq!(glob, [format!("src/types.rs:1: {unknown}")]);
}

#[test]
fn test_code_may_use_the_kit_and_nothing_else_above_it() {
    let text = "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::testing::Pair;\n    use crate::callback::H;\n}";
    let files = [("link/mod.rs", text), ("testing/mod.rs", ""), ("callback/mod.rs", "")];
    assert_eq!(faults(&files), ["src/link/mod.rs:5: link (7) imports callback (11)"]);
    let sibling =
        [("link/mod.rs", "#[cfg(test)]\nmod tests;"), ("link/tests.rs", "use crate::testing::Pair;")];
    assert_eq!(faults(&[sibling[0], sibling[1], files[1]]), NOTHING);
    let outside = [("link/mod.rs", "use crate::testing::Pair;"), files[1]];
    assert_eq!(faults(&outside), ["src/link/mod.rs:1: link (7) imports testing (11)"]);
}

#[test]
fn a_macro_is_judged_where_it_is_invoked() {
    let macros = "macro_rules! composites { () => { inner!(); } }\nmacro_rules! inner { () => { $crate::codec::f() } }";
    let spec = ("spec/mod.rs", "composites! {}");
    assert_eq!(faults(&[("macros.rs", macros), CODEC, TYPES, spec]), NOTHING);
    let types = ("types/mod.rs", "pub struct Symbol;\ncomposites! {}");
    let expected = "src/types/mod.rs:2: types (1) imports codec (2) through composites!";
    assert_eq!(faults(&[("macros.rs", macros), CODEC, types]), [expected]);
    let far = "macro_rules! far {\n    () => { $crate::session::f() };\n}";
    let expected = "src/macros.rs:2: a macro names session (8); macros reach up to rank 3";
    assert_eq!(faults(&[("macros.rs", far), ("session/mod.rs", "")]), [expected]);
}

#[test]
fn states_live_in_one_file_and_change_in_one_way() {
    let expected = ["src/state.rs:1: state.rs imports nothing"];
    assert_eq!(faults(&[("state.rs", "use core::fmt;")]), expected);
    assert_eq!(faults(&[("state.rs", "#[cfg(test)] mod tests { use super::*; use core::fmt; }")]), NOTHING);
    let expected = ["src/link/mod.rs:1: transition tables live in state.rs"];
    assert_eq!(faults(&[("link/mod.rs", "transitions! { A on B {} }")]), expected);
    let set = "impl A { fn f(&mut self) {\nself.state = State::Attached; } }";
    let expected = ["src/link/mod.rs:2: a state changes by `self.state = self.state.next(trigger)?`"];
    assert_eq!(faults(&[("link/mod.rs", set)]), expected);
    let right =
        "impl A { fn f(&mut self) { self.state = self.state.next(trigger)?; if self.state == X {} } }";
    assert_eq!(faults(&[("link/mod.rs", right)]), NOTHING);
}

#[test]
fn performatives_are_named_in_spec_and_testing_alone() {
    let spec = ("spec/mod.rs", "pub enum Performative {}\npub(crate) mod kind;");
    let kind = ("spec/kind.rs", "use super::Performative;\npub(crate) enum Kind { Open }");
    let tree = |text| faults(&[spec, kind, ("session/mod.rs", "mod flow;"), ("session/flow.rs", text)]);
    let expected =
        "src/session/flow.rs:2: `Performative` is named in spec/, testing/, observe/ and trace/ alone";
    for text in [
        "\nuse crate::spec::Performative;",
        "\nuse crate::spec::{self, Performative as Body};",
        "\nfn f() { crate::spec::Performative::decode(1) }",
        "\nfn f() { matches!(x, Performative::Open(_)) }",
        "mod inner {\nfn f(x: Performative) {} }",
    ] {
        assert_eq!(tree(text), [expected], "{text}");
    }
    assert_eq!(tree("#[cfg(test)] mod tests { use crate::spec::Performative; }"), NOTHING);
    assert_eq!(faults(&[spec, kind, ("testing/mod.rs", "use crate::spec::Performative;")]), NOTHING);
}

#[test]
fn the_kind_of_a_frame_is_matched_in_routers_alone() {
    let spec = ("spec/mod.rs", "pub(crate) mod kind;");
    let kind = ("spec/kind.rs", "pub(crate) enum Kind { Open }");
    let tree = |text| faults(&[spec, kind, ("session/mod.rs", "mod flow;"), ("session/flow.rs", text)]);
    let text = "the kind of a frame is matched in the receive.rs of a layer alone";
    for spelling in [
        "\nuse crate::spec::kind::Kind;",
        "\nuse crate::spec::{kind::{Kind as K}};",
        "\nuse crate::spec::kind;",
        "\nfn f() { match x { super::super::spec::kind::Kind::Open => {} } }",
        "use crate::spec;\nfn f() { if spec::kind::Kind::Open == x {} }",
    ] {
        assert_eq!(tree(spelling), [format!("src/session/flow.rs:2: {text}")], "{spelling}");
    }
    let reexport = ("spec/mod.rs", "pub(crate) mod kind;\npub(crate) use kind::Kind;");
    assert_eq!(faults(&[reexport, kind]), [format!("src/spec/mod.rs:2: {text}")]);
    let sibling = ("spec/other.rs", "use super::kind;");
    let spec = ("spec/mod.rs", "pub(crate) mod kind;\nmod other;");
    assert_eq!(faults(&[spec, kind, sibling]), [format!("src/spec/other.rs:1: {text}")]);
    let router = [
        ("spec/mod.rs", "pub(crate) mod kind;"),
        kind,
        ("session/mod.rs", "mod receive;"),
        ("session/receive.rs", "use crate::spec::kind::Kind;"),
        ("types/mod.rs", "mod array;"),
        ("types/array.rs", "use super::Kind;"),
    ];
    assert_eq!(faults(&router), NOTHING);
}

#[test]
fn a_layer_has_one_router() {
    let session = ("session/mod.rs", "mod receive;");
    let one = "impl A { fn receive(&mut self) {} fn receive_body(&mut self) {} }";
    assert_eq!(faults(&[session, ("session/receive.rs", one)]), NOTHING);
    let two = "impl A { fn receive(&mut self) {} }\nfn receive() {}";
    let expected = "src/session/receive.rs:2: a second `fn receive`: a layer has one router";
    assert_eq!(faults(&[session, ("session/receive.rs", two)]), [expected]);
    let expected = "src/link/mod.rs:1: `fn receive` is the router of a layer and stands in its receive.rs";
    assert_eq!(faults(&[("link/mod.rs", one)]), [expected]);
    assert_eq!(faults(&[("testing/mod.rs", one)]), NOTHING);
    assert_eq!(faults(&[("link/mod.rs", "#[cfg(test)] mod tests { fn receive() {} }")]), NOTHING);
}

#[test]
fn the_engine_has_no_clock_no_threads_no_hash_order_and_no_cells() {
    let banned = [
        ("use std::time::Instant;", "std::time::Instant"),
        ("use std::{io, thread};", "std::thread"),
        ("fn f() { std::thread::yield_now() }", "std::thread"),
        ("fn f() { let x = rand::random(); }", "rand"),
        ("use core::cell;", "core::cell"),
        ("struct A(std::collections::HashMap<u8, u8>);", "HashMap"),
        ("use alloc::{vec::Vec, collections::HashSet as Set};", "HashSet"),
        ("struct A(RefCell<u8>);", "RefCell"),
        ("struct A(Cell<u8>);", "Cell"),
        ("struct A(std::sync::Mutex<u8>);", "Mutex"),
        ("struct A(AtomicU64);", "AtomicU64"),
        ("fn f(t: SystemTime) {}", "SystemTime"),
    ];
    for (text, what) in banned {
        let expected = [format!("src/session/mod.rs:1: `{what}` has no place in the engine")];
        assert_eq!(faults(&[("session/mod.rs", text)]), expected, "{text}");
        assert_eq!(faults(&[("callback/mod.rs", text)]), NOTHING, "{text}");
        let in_test = format!("#[cfg(test)] mod tests {{ {text} }}");
        assert_eq!(faults(&[("session/mod.rs", &in_test)]), NOTHING, "{text}");
    }
    let conversions = "types/system_time.rs";
    let types = ("types/mod.rs", "mod system_time;");
    let converts = "use std::time::SystemTime; fn f(t: SystemTime) {}";
    assert_eq!(faults(&[types, (conversions, converts)]), NOTHING);
    for (text, what) in [
        ("fn f() { SystemTime::now() }", "now"),
        ("fn f(t: SystemTime) { t.elapsed() }", "elapsed"),
        ("struct A(Mutex<SystemTime>);", "Mutex"),
    ] {
        let expected = [format!("src/types/system_time.rs:1: `{what}` has no place in the engine")];
        assert_eq!(faults(&[types, (conversions, text)]), expected, "{text}");
    }
    let ours = "use crate::time::Instant; use core::time::Duration; use alloc::sync::Arc;";
    assert_eq!(faults(&[("session/mod.rs", ours), ("time.rs", "")]), NOTHING);
}

#[test]
fn long_files_and_long_inline_tests_are_caught() {
    let long = "// filler\n".repeat(FILE_LINES);
    let expected = "src/context.rs:1: 600 lines without tests; a file stays under 600";
    assert_eq!(faults(&[("context.rs", &long)]), [expected]);
    assert_eq!(faults(&[("context.rs", &"// filler\n".repeat(FILE_LINES - 1))]), NOTHING);
    let with_tests = |lines| format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    fn f() {}\n".repeat(lines));
    assert_eq!(faults(&[("context.rs", &with_tests(INLINE_TEST_LINES - 3))]), NOTHING);
    let expected = "src/context.rs:1: 151 lines of tests; over 150 they move to a sibling tests.rs";
    assert_eq!(faults(&[("context.rs", &with_tests(INLINE_TEST_LINES - 2))]), [expected]);
    let sibling = [
        ("context/mod.rs", "#[cfg(all(test, feature = \"std\"))]\nmod tests;"),
        ("context/tests.rs", long.as_str()),
    ];
    assert_eq!(faults(&sibling), NOTHING);
}

#[test]
fn unfinished_code_is_caught() {
    for name in BANNED_MACROS {
        let text = format!("fn f() {{ vec![{name}!()] }}");
        assert_eq!(faults(&[("context.rs", &text)]), [format!("src/context.rs:1: unfinished: {name}!")]);
        assert_eq!(faults(&[("context.rs", &text.replace(name, &format!("core::{name}")))]).len(), 1);
    }
    for mark in unfinished_marks() {
        let text = format!("\n// {mark}: later");
        assert_eq!(faults(&[("context.rs", &text)]), [format!("src/context.rs:2: unfinished: {mark}")]);
    }
}

#[test]
fn the_root_is_a_table_of_contents() {
    let tree = |lib: &str| BTreeMap::from([("src/lib.rs".to_owned(), lib.to_owned())]);
    let texts = |lib: &str| check(&tree(lib)).into_iter().map(|fault| fault.text).collect::<Vec<_>>();
    assert_eq!(texts("#![no_std]"), ["`#![forbid(unsafe_code)]` is missing"]);
    assert_eq!(texts("#![forbid(unsafe_code)]"), ["`#![no_std]` is missing"]);
    let head = "#![no_std]#![forbid(unsafe_code)]";
    assert_eq!(texts(&format!("{head} fn f() {{}}")), ["lib.rs holds modules and re-exports, no code"]);
    assert_eq!(texts(&format!("{head} mod types;")), ["`mod types` has no file"]);
    assert_eq!(faults(&[("ids.rs", "mod")]).len(), 1, "a file that does not parse is a fault");
    let unranked = faults_with_root("mod extra;", &[("extra.rs", "")]);
    assert_eq!(unranked, ["src/lib.rs:3: `mod extra` has no rank; give it one in RANKS"]);
    let order = faults_with_root("mod ids;", &[TYPES, CODEC, ("ids/mod.rs", "")]);
    let order: Vec<&String> = order.iter().filter(|fault| fault.contains("rank order")).collect();
    assert_eq!(order, ["src/lib.rs:6: ids (1) comes after codec (2): keep rank order"]);
    assert_eq!(
        faults(&[TYPES, ("types/lost.rs", "")]),
        ["src/types/lost.rs:1: no module declares this file"]
    );
    let hidden = [("types/mod.rs", "#[path = \"a.rs\"]\nmod b;")];
    assert_eq!(faults(&hidden), ["src/types/mod.rs:1: `mod b` hides its place behind #[path]"]);
}
