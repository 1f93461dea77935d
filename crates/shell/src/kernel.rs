//! `millstream kernel …`: the door to the program beside this one. The kernel is a program of its own, because
//! it needs no terminal and the prompt needs no Jupyter.

use std::ffi::OsString;
use std::io;
use std::process::Command;

use millstream_session::Fault;

use crate::exit::Exit;
use crate::screen::Screen;

const PROGRAM: &str = "millstream-kernel";

/// Hands the arguments to the kernel's program; its exit code is ours.
pub fn call(arguments: &[OsString], screen: &mut Screen) -> io::Result<Exit> {
    let program = std::env::current_exe()?.with_file_name(PROGRAM);
    match Command::new(&program).args(arguments).status() {
        Ok(status) if status.success() => Ok(Exit::Ok),
        Ok(_) => Ok(Exit::Usage),
        Err(error) => {
            let fault = Fault::usage(format!("cannot start {}: {error}", program.display()));
            screen.fault(&fault.hint("it is installed beside millstream: make install"))?;
            Ok(Exit::Usage)
        }
    }
}
