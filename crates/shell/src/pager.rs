//! The pager: what is higher than the screen goes through `$PAGER`, on a terminal and nowhere else.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// How a pager is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pager {
    /// The command, with its arguments; none if nothing is to be paged.
    command: Option<String>,
}

impl Pager {
    /// `chosen`, else `$PAGER`, else `less`. An empty command, `cat` and `off` are none.
    pub fn new(chosen: Option<&str>) -> Pager {
        let command = chosen.map(str::to_string).or_else(|| std::env::var("PAGER").ok());
        let command = command.unwrap_or_else(|| "less".into());
        let none = matches!(command.trim(), "" | "cat" | "off");
        Pager { command: (!none).then_some(command) }
    }

    /// The command in words.
    pub fn name(&self) -> &str {
        self.command.as_deref().unwrap_or("off")
    }

    /// Whether a text of so many lines goes through the pager on a screen of so many rows.
    pub fn takes(&self, lines: usize, rows: usize) -> bool {
        self.command.is_some() && lines >= rows
    }

    /// Shows a text. Says `false` if the pager is not there.
    pub fn show(&self, text: &[u8]) -> io::Result<bool> {
        let Some(command) = &self.command else { return Ok(false) };
        let mut words = command.split_whitespace();
        let Some(program) = words.next() else { return Ok(false) };
        let mut pager = Command::new(program);
        pager.args(words).stdin(Stdio::piped());
        // As git does it: colours pass, long lines are cut, the screen stays as it was left. And Ctrl-C leaves.
        if std::env::var_os("LESS").is_none() {
            pager.env("LESS", "RSXK");
        }
        let Ok(mut child) = pager.spawn() else { return Ok(false) };
        if let Some(mut input) = child.stdin.take() {
            // Whoever leaves the pager early has seen enough.
            let _ = input.write_all(text);
        }
        child.wait()?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_higher_than_the_screen_is_paged() {
        let pager = Pager::new(Some("less -R"));
        assert!(pager.takes(24, 24) && !pager.takes(23, 24));
        for none in ["", "cat", "off"] {
            assert!(!Pager::new(Some(none)).takes(1000, 24));
        }
        assert!(!Pager::new(Some("no-such-pager-anywhere")).show(b"x").expect("no error"));
    }
}
