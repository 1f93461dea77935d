//! What a cell shows, in every form that a front end may know: tables as HTML and text, charts as Vega-Lite,
//! SVG and text, graphs as SVG and text. Text of records reaches HTML through one function that leaves no
//! markup in it.

use millstream_session::chart::{Chart, Drawing, escape};
use millstream_session::{Excerpt, Explained, Look, Tone, gate};
use serde_json::{Map, Value, json};

/// The MIME type of Vega-Lite 5: JupyterLab 4 draws this one, and not version 6.
const VEGA: &str = "application/vnd.vegalite.v5+json";

/// One output in several forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle(Map<String, Value>);

impl Bundle {
    /// Text alone.
    pub fn text(text: &str) -> Bundle {
        Bundle::of([("text/plain", json!(text.trim_end_matches('\n')))])
    }

    /// A table with a line of small print below it.
    pub fn table(excerpt: &Excerpt, small_print: &str, look: &Look) -> Bundle {
        let mut text = excerpt.text(look);
        text.push_str(small_print);
        let html = html(excerpt, small_print);
        Bundle::of([("text/html", json!(html)), ("text/plain", json!(text.trim_end_matches('\n')))])
    }

    /// A chart. It has no HTML beside it, which would be shown instead of it.
    pub fn chart(chart: &Chart, small_print: &str, look: &Look) -> Bundle {
        let text = chart.text(look) + small_print;
        Bundle::of([
            (VEGA, chart.vega()),
            ("image/svg+xml", json!(chart.svg())),
            ("text/plain", json!(text.trim_end_matches('\n'))),
        ])
    }

    /// The graph of a query.
    pub fn graph(explained: &Explained) -> Bundle {
        let (picture, text) = (Drawing::of(&explained.graph).svg(), explained.to_string());
        Bundle::of([("image/svg+xml", json!(picture)), ("text/plain", json!(gate::shown_lines(&text)))])
    }

    /// Forms that somebody else has made; one of text is added if there is none.
    pub fn made(forms: impl IntoIterator<Item = (String, String)>) -> Bundle {
        let mut all: Map<String, Value> = forms.into_iter().map(|(mime, form)| (mime, json!(form))).collect();
        let known = all.keys().next().cloned().unwrap_or_default();
        all.entry("text/plain").or_insert_with(|| json!(format!("<{known}>")));
        Bundle(all)
    }

    fn of<const N: usize>(forms: [(&str, Value); N]) -> Bundle {
        Bundle(forms.into_iter().map(|(mime, form)| (mime.to_string(), form)).collect())
    }

    /// The forms by their MIME types.
    pub fn data(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// The form as text, which every bundle has.
    pub fn plain(&self) -> &str {
        self.0.get("text/plain").and_then(Value::as_str).unwrap_or("")
    }
}

/// A table of plain tags: names with their types, numbers to the right, a gap where rows are left out.
fn html(excerpt: &Excerpt, small_print: &str) -> String {
    let mut out = String::from("<table>\n<thead><tr>");
    for head in &excerpt.heads {
        let (name, kind) = (escape(&head.name), escape(&head.kind));
        out.push_str(&format!("<th style=\"text-align:{}\">{name}<br><small>{kind}</small></th>", side(head.right)));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (number, row) in excerpt.rows.iter().enumerate() {
        if excerpt.gap == Some(number) {
            out.push_str(&format!(
                "<tr>{}</tr>\n",
                "<td style=\"text-align:center\">⋮</td>".repeat(excerpt.heads.len())
            ));
        }
        out.push_str("<tr>");
        for (cell, head) in row.iter().zip(&excerpt.heads) {
            let text = escape(&cell.text);
            let text = if cell.tone == Tone::Dim { format!("<em>{text}</em>") } else { text };
            out.push_str(&format!("<td style=\"text-align:{}\">{text}</td>", side(head.right)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>");
    let notes = [excerpt.note().unwrap_or_default(), small_print.trim().to_string()];
    let notes: Vec<String> = notes.iter().filter(|note| !note.is_empty()).map(|note| escape(note)).collect();
    if !notes.is_empty() {
        out.push_str(&format!("\n<p><small>{}</small></p>", notes.join("<br>").replace('\n', "<br>")));
    }
    out
}

fn side(right: bool) -> &'static str {
    if right { "right" } else { "left" }
}

#[cfg(test)]
mod tests {
    use millstream_session::{Cell, Head};

    use super::*;

    #[test]
    fn no_text_of_a_record_is_markup() {
        let hostile = "<script>alert(1)</script><img src=x onerror='x'>\"&amp;";
        let head = |right| Head { name: hostile.into(), kind: hostile.into(), right };
        let cell = |tone| Cell { text: hostile.into(), tone };
        let rows = vec![vec![cell(Tone::Plain), cell(Tone::Dim)]];
        let excerpt = Excerpt { heads: vec![head(true), head(false)], rows, gap: Some(0), total: 9 };
        let html = html(&excerpt, hostile);
        let mut tags: Vec<&str> =
            html.split('<').skip(1).map(|rest| rest.split(['>', ' ']).next().unwrap_or("")).collect();
        tags.sort_unstable();
        tags.dedup();
        let ours = [
            "/em", "/p", "/small", "/table", "/tbody", "/td", "/th", "/thead", "/tr", "br", "em", "p", "small",
            "table", "tbody", "td", "th", "thead", "tr",
        ];
        assert_eq!(tags, ours, "{html}");
        assert!(html.contains("1 of 9 rows shown") && html.contains("&amp;amp;"), "{html}");
    }
}
