//! Functions in the same process: the library is opened, and columns go in and out over Arrow's C data
//! interface without a copy. What aborts there aborts the process, so this is for jobs, whose functions have been
//! tried before; a session runs them in a process of their own.

use std::path::Path;

use arrow::array::{Array, ArrayRef, make_array};
use arrow::datatypes::DataType;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use libloading::{Library, Symbol};

use crate::{Failed, Task, last_words};

/// What is to be done, as C has it. The other side is `support/abi.rs`.
#[repr(C)]
struct Request {
    function: u32,
    work: u32,
    rows: u64,
    columns: *const *const FFI_ArrowArray,
    n_columns: u64,
}

/// A failure, as C has it.
#[repr(C)]
struct Failure {
    row: i64,
    text: *mut u8,
    length: u64,
}

type Call = unsafe extern "C" fn(*const Request, *mut FFI_ArrowArray, *mut Failure) -> i32;
type Forget = unsafe extern "C" fn(*mut Failure);

/// A library of functions. It is never closed: the columns that it gave are released by its code, and nobody
/// knows who still holds one.
pub struct Here {
    library: &'static Library,
    /// What is said if it takes the process along, for each of its functions.
    blame: &'static [String],
}

impl Here {
    /// Opens a library of functions with these names, by their numbers.
    pub fn open(path: &Path, names: &[&str]) -> Result<Here, String> {
        // SAFETY: rustc made it of a cell and of our own support a moment ago or in an earlier session, in a folder
        // that belongs to the user or to the job; it runs nothing when it is opened.
        let library = unsafe { Library::new(path) }.map_err(|error| format!("cannot be opened: {error}"))?;
        let blame = |name: &&str| format!("error: the function {name} has ended the process of its job\n");
        let blame = names.iter().map(blame).collect::<Vec<String>>();
        Ok(Here { library: Box::leak(Box::new(library)), blame: Vec::leak(blame) })
    }

    /// Does a task.
    pub fn run(&self, task: &Task<'_>) -> Result<ArrayRef, Failed> {
        let broken =
            |error: libloading::Error| Failed { row: None, message: format!("is not in its library: {error}") };
        // SAFETY: the library was compiled with these names and types (`glue.rs`, `support/abi.rs`).
        let call: Symbol<'_, Call> = unsafe { self.library.get(b"millstream_call") }.map_err(broken)?;
        // SAFETY: as above.
        let forget: Symbol<'_, Forget> = unsafe { self.library.get(b"millstream_forget") }.map_err(broken)?;
        let arrays: Vec<FFI_ArrowArray> =
            task.columns.iter().map(|column| FFI_ArrowArray::new(&column.to_data())).collect();
        let columns: Vec<*const FFI_ArrowArray> = arrays.iter().map(|array| array as *const _).collect();
        let request = Request {
            function: task.function,
            work: task.work,
            rows: task.rows as u64,
            columns: columns.as_ptr(),
            n_columns: columns.len() as u64,
        };
        let mut out = FFI_ArrowArray::empty();
        let mut failure = Failure { row: -1, text: std::ptr::null_mut(), length: 0 };
        // SAFETY: all pointers live through the call; the columns have the declared types.
        let blame = self.blame.get(task.function as usize).map_or("", String::as_str);
        if last_words::computing(blame, || unsafe { call(&request, &mut out, &mut failure) }) == 0 {
            return import(out, task.gives)
                .map_err(|error| Failed { row: None, message: format!("gave no column: {error}") });
        }
        // SAFETY: a failure has a text of so many bytes until it is forgotten, and it is forgotten once.
        let message = unsafe { std::slice::from_raw_parts(failure.text, failure.length as usize) };
        let message = String::from_utf8_lossy(message).into_owned();
        // SAFETY: as above.
        unsafe { forget(&mut failure) };
        Err(Failed { row: usize::try_from(failure.row).ok(), message })
    }
}

fn import(array: FFI_ArrowArray, data_type: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    let schema = FFI_ArrowSchema::try_from(data_type)?;
    // SAFETY: the library built the array by the declared type, and releases it when nobody holds it.
    let data = unsafe { from_ffi(array, &schema) }?;
    Ok(make_array(data))
}
