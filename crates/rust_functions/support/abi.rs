//! The door for callers in the same process: Arrow's C data interface
//! (<https://arrow.apache.org/docs/format/CDataInterface.html>), and failures as C can hold them.

use std::ffi::c_void;
use std::ptr;

use crate::{Built, Column, Dispatch, Failure};

/// An array of the C data interface.
#[repr(C)]
pub struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

/// What is to be done.
#[repr(C)]
pub struct Request {
    function: u32,
    work: u32,
    rows: u64,
    columns: *const *const ArrowArray,
    n_columns: u64,
}

/// A failure: the row or -1, and the sentence's end as UTF-8, to be given back to [`forget`].
#[repr(C)]
pub struct Failed {
    row: i64,
    text: *mut u8,
    length: u64,
}

/// Does what is asked for. 0: `out` is the array; 1: `failed` says why not.
///
/// # Safety
/// All pointers are valid, and the arrays have the types that the function was declared with.
pub unsafe fn call(dispatch: Dispatch, request: *const Request, out: *mut ArrowArray, failed: *mut Failed) -> i32 {
    // SAFETY: the caller's promise; the arrays outlive the call.
    unsafe {
        let request = &*request;
        let columns: Vec<Column<'_>> =
            (0..request.n_columns as usize).map(|index| column(&**request.columns.add(index))).collect();
        match dispatch(request.function, request.work, &columns, request.rows as usize) {
            Ok(built) => {
                out.write(export(built));
                0
            }
            Err(Failure { row, message }) => {
                let text = Box::into_raw(message.into_bytes().into_boxed_slice());
                failed.write(Failed {
                    row: row.map_or(-1, |row| row as i64),
                    length: (&*text).len() as u64,
                    text: text.cast(),
                });
                1
            }
        }
    }
}

/// Frees the text of a failure.
///
/// # Safety
/// It came from [`call`] and is given back once.
pub unsafe fn forget(failed: *mut Failed) {
    // SAFETY: the caller's promise.
    unsafe {
        let Failed { text, length, .. } = failed.read();
        drop(Box::from_raw(ptr::slice_from_raw_parts_mut(text, length as usize)));
    }
}

unsafe fn column<'a>(array: &'a ArrowArray) -> Column<'a> {
    let buffer = |index: i64| match index < array.n_buffers {
        // SAFETY: an array has as many buffers as it says.
        true => unsafe { (*array.buffers.add(index as usize)).cast::<u8>() },
        false => ptr::null(),
    };
    // SAFETY: they are the buffers of an array that the caller keeps.
    unsafe { Column::new(array.offset as usize, buffer(0), buffer(1), buffer(2)) }
}

/// What an exported array keeps alive.
struct Kept {
    buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
    _built: Vec<Option<crate::give::Buffer>>,
}

fn export(built: Built) -> ArrowArray {
    let Built { rows, nulls, buffers, children } = built;
    let start =
        |buffer: &Option<crate::give::Buffer>| buffer.as_ref().map_or(ptr::null(), |buffer| buffer.start.cast());
    let children = children.into_iter().map(|child| Box::into_raw(Box::new(export(child)))).collect();
    let mut kept = Box::new(Kept { buffers: buffers.iter().map(start).collect(), children, _built: buffers });
    ArrowArray {
        length: rows as i64,
        null_count: nulls as i64,
        offset: 0,
        n_buffers: kept.buffers.len() as i64,
        n_children: kept.children.len() as i64,
        buffers: kept.buffers.as_mut_ptr(),
        children: kept.children.as_mut_ptr(),
        dictionary: ptr::null_mut(),
        release: Some(release),
        private_data: Box::into_raw(kept).cast(),
    }
}

unsafe extern "C" fn release(array: *mut ArrowArray) {
    // SAFETY: it was made by `export`, and whoever releases it does so once; a child that was moved away has no
    // release any more.
    unsafe {
        let array = &mut *array;
        let kept = Box::from_raw(array.private_data.cast::<Kept>());
        for &child in &kept.children {
            if let Some(release) = (*child).release {
                release(child);
            }
            drop(Box::from_raw(child));
        }
        array.release = None;
    }
}
