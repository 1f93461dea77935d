//! `complete`: what may be typed at the cursor, with the kind of each word for menus that show it.

use millstream_session::Vocabulary;
use serde_json::{Value, json};

use super::{code_points, cursor};

/// The answer to `complete_request`.
pub fn complete(vocabulary: &Vocabulary, asked: &Value) -> Value {
    let (code, at) = cursor(asked);
    let (start, candidates) = vocabulary.complete(code, at);
    let (start, end) = (code_points(code, start), code_points(code, at));
    let typed = |candidate: &millstream_session::Candidate| json!({ "start": start, "end": end, "text": candidate.text, "type": candidate.doc });
    json!({
        "status": "ok",
        "matches": candidates.iter().map(|candidate| &candidate.text).collect::<Vec<_>>(),
        "cursor_start": start,
        "cursor_end": end,
        "metadata": { "_jupyter_types_experimental": candidates.iter().map(typed).collect::<Vec<_>>() },
    })
}
