//! Guides: how to use the engine, with programs that run as tests. The same pages are in the folder `docs`.

/// Declares a guide for each page. The first definition of a link is the one that counts, so that a page's links lead to
/// other guides here, and to files in the repository.
macro_rules! guides {
    ($($name:ident: $file:literal, $summary:literal;)*) => {$(
        #[doc = $summary]
        #[doc = "\n"]
        #[doc = "[loop.md]: super::your_loop\n[flow_control.md]: super::flow_control"]
        #[doc = "\n"]
        #[doc = include_str!(concat!("../docs/", $file, ".md"))]
        pub mod $name {}
    )*};
}

guides! {
    your_loop: "loop", "How to read, write and wait, and what to do when that fails.";
}
