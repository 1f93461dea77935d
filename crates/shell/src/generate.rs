//! What the program writes about itself for the shell of the operating system: completions and manual pages, made
//! from the same description of the command line that parses it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;

/// The completions of a shell, to be sourced by it.
pub fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    // Into memory first: the generator panics where writing fails.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "millstream", &mut text);
    out.write_all(&text)
}

/// The manual page of the program; with a folder, those of all its commands as well, a file each.
pub fn man(folder: Option<&Path>, out: &mut dyn Write) -> io::Result<()> {
    match folder {
        Some(folder) => {
            fs::create_dir_all(folder)?;
            clap_mangen::generate_to(Args::command(), folder)
        }
        None => clap_mangen::Man::new(Args::command()).render(out),
    }
}
