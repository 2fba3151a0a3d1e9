//! The page: one file with the frames as data, the styles and the program that draws them.

use serde_json::Value as Json;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const PROGRAM: &[&str] = &[include_str!("model.js"), include_str!("diagram.js"), include_str!("charts.js")];

/// Returns the page for the data of a report.
pub fn page(data: &Json) -> String {
    // Names are the peers' text. With these escaped, no text can end the element that the data stands in.
    let data = data.to_string().replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    // The data goes in last, as it may contain the other marks.
    TEMPLATE
        .replace("/*style*/", STYLE)
        .replace("/*program*/", &PROGRAM.concat())
        .replace("<!--data-->", &data)
}
