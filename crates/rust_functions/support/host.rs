//! The process in which functions of a session run: it opens one library and answers what it is asked. That
//! it is a process of its own is all there is to it: what breaks or hangs here breaks or hangs alone.
//!
//!     host LIBRARY REGION

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::process::ExitCode;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

const NOW: c_int = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, library, region] = &arguments[..] else {
        eprintln!("usage: host LIBRARY REGION");
        return ExitCode::from(2);
    };
    let Ok(path) = CString::new(library.as_str()) else { return ExitCode::from(2) };
    // SAFETY: the library was compiled for this program, and what it exports under this name has this type.
    let served = unsafe {
        let opened = dlopen(path.as_ptr(), NOW);
        let serve = if opened.is_null() { opened } else { dlsym(opened, c"millstream_serve".as_ptr()) };
        if serve.is_null() {
            eprintln!("{}", CStr::from_ptr(dlerror()).to_string_lossy());
            return ExitCode::from(3);
        }
        let serve: unsafe extern "C" fn(*const u8, usize) -> c_int = std::mem::transmute(serve);
        serve(region.as_ptr(), region.len())
    };
    ExitCode::from(served as u8)
}
