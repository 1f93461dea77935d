//! What a cell sends out: streams, results, displays that are updated, an error. A silent cell sends nothing.

use serde_json::{Value, json};

use super::run::Failure;
use crate::bundle::Bundle;
use crate::channel::Channel;
use crate::wire::Header;

/// The outputs of one cell.
pub struct Output {
    iopub: Channel,
    parent: Header,
    count: u64,
    silent: bool,
    result: Option<String>,
    pages: Vec<Value>,
}

/// A display that can be drawn again, also when its cell has ended.
#[derive(Clone)]
pub struct Display {
    iopub: Channel,
    parent: Header,
    id: String,
    silent: bool,
}

impl Output {
    /// The outputs of the cell with this header and number.
    pub fn new(iopub: Channel, parent: Header, count: u64, silent: bool) -> Output {
        Output { iopub, parent, count, silent, result: None, pages: Vec::new() }
    }

    /// The result as text, if there is one.
    pub fn result(&self) -> Option<&str> {
        self.result.as_deref()
    }

    /// Text for the pager of the front end.
    pub fn pages(&self) -> &[Value] {
        &self.pages
    }

    /// A line of text: what was done.
    pub fn say(&self, text: &str) {
        self.stream("stdout", text);
    }

    /// A line that should not be passed over.
    pub fn warn(&self, text: &str) {
        self.stream("stderr", text);
    }

    fn stream(&self, name: &str, text: &str) {
        self.publish("stream", json!({ "name": name, "text": format!("{text}\n") }));
    }

    /// The result of the cell.
    pub fn show_result(&mut self, bundle: &Bundle) {
        self.result = Some(bundle.plain().to_string());
        let content = json!({ "execution_count": self.count, "data": bundle.data(), "metadata": {} });
        self.publish("execute_result", content);
    }

    /// An output beside the result.
    pub fn show(&self, bundle: &Bundle) {
        self.publish("display_data", json!({ "data": bundle.data(), "metadata": {}, "transient": {} }));
    }

    /// An output that will be drawn again.
    pub fn display(&self, bundle: &Bundle) -> Display {
        let id = uuid::Uuid::new_v4().to_string();
        let display = Display { iopub: self.iopub.clone(), parent: self.parent.clone(), id, silent: self.silent };
        display.send("display_data", bundle);
        display
    }

    /// Takes away what the cell has shown, when the next output comes if `wait`.
    pub fn clear(&self, wait: bool) {
        self.publish("clear_output", json!({ "wait": wait }));
    }

    /// Text for the pager.
    pub fn page(&mut self, bundle: &Bundle) {
        self.pages.push(json!({ "source": "page", "data": bundle.data(), "start": 0 }));
    }

    /// Why the cell failed.
    pub fn error(&self, failure: &Failure) {
        self.publish("error", failure.content());
    }

    fn publish(&self, msg_type: &str, content: Value) {
        if !self.silent {
            self.iopub.publish(msg_type, &self.parent, content);
        }
    }
}

impl Display {
    /// Draws it again.
    pub fn update(&self, bundle: &Bundle) {
        self.send("update_display_data", bundle);
    }

    fn send(&self, msg_type: &str, bundle: &Bundle) {
        if !self.silent {
            let content = json!({ "data": bundle.data(), "metadata": {}, "transient": { "display_id": self.id } });
            self.iopub.publish(msg_type, &self.parent, content);
        }
    }
}
