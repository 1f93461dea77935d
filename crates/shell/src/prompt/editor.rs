//! Alt-E: the text in the editor of the user's choice, and back into the line. The editor gets the terminal as it
//! was found; one that cannot be started is a sentence and no end of the prompt.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::Command;

use super::history;

/// The text as it was left in the editor, or why there is none. `chosen` goes before the environment.
pub fn edit(text: &str, chosen: Option<&str>) -> Result<String, String> {
    let named = |name: &str| std::env::var(name).ok().filter(|command| !command.trim().is_empty());
    let command = chosen.map(str::to_string).or_else(|| named("VISUAL")).or_else(|| named("EDITOR"));
    let command = command.unwrap_or_else(|| "vi".into());
    let file = Draft::new(text).map_err(|error| format!("the text cannot be written down for the editor: {error}"))?;
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = Command::new(program).args(words).arg(&file.0).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("the editor '{program}' ended with {status}; the text is as it was")),
        Err(error) => {
            return Err(format!("the editor '{program}' cannot be started: {error}; set $VISUAL or $EDITOR"));
        }
    }
    let text = fs::read_to_string(&file.0).map_err(|error| format!("the edited text cannot be read: {error}"))?;
    Ok(text.trim_end().to_string())
}

/// A file that only its owner can read, and that goes when it is done with.
struct Draft(PathBuf);

impl Draft {
    fn new(text: &str) -> io::Result<Draft> {
        let folder = history::folder().unwrap_or_else(std::env::temp_dir);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join(format!("edit-{}.sql", std::process::id()));
        // One of our own name is left from a program that was killed; nothing else is written over.
        let _ = fs::remove_file(&path);
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        let draft = Draft(path);
        file.write_all(text.as_bytes())?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = fs::remove_file(&self.0);
    }
}
