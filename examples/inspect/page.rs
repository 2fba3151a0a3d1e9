//! The page: one file with the frames as data, the styles and the program that draws them.

use std::io::{self, Write};

use serde_json::Value as Json;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const PROGRAM: &[&str] = &[include_str!("model.js"), include_str!("diagram.js"), include_str!("charts.js")];

/// Writes the page for the data of a report, which is JSON that [`escaped`] has returned.
pub fn write(out: &mut impl Write, data: &str) -> io::Result<()> {
    let page = TEMPLATE.replace("/*style*/", STYLE).replace("/*program*/", &PROGRAM.concat());
    let (before, behind) = page.split_once("<!--data-->").unwrap_or((&page, ""));
    [before, data, behind].iter().try_for_each(|part| out.write_all(part.as_bytes()))
}

/// Returns JSON for the page. Names are the peers' text: with these characters escaped, no text can end the element that the
/// data stands in.
pub fn escaped(json: &Json) -> String {
    json.to_string().replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}
