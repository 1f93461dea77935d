//! `millstream config`: what config.toml says, and where each value came from.

use std::io;
use std::path::Path;

use millstream_session::{Config, Reply};

use crate::exit::Exit;
use crate::play;
use crate::screen::Screen;

/// Lists the files that are looked for and the values that they set.
pub fn show(config: &Config, workspace: &Path, screen: &mut Screen) -> io::Result<Exit> {
    for file in Config::places(workspace) {
        let there = if config.files.contains(&file) { "read" } else { "not there" };
        screen.aside(&format!("{}: {there}", file.display()))?;
    }
    if let Reply::Table(table) = config.listing() {
        play::write_table(&table, screen)?;
    }
    Ok(Exit::Ok)
}
