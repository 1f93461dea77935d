//! The door for callers in another process. What is asked for comes as numbers over a socket, the columns lie in
//! a file in memory that both processes have open; the answer goes the same way back. The process ends when the
//! socket closes, or when whoever started it is gone, even if the function never comes back.
//!
//! A request: function, work, rows, number of columns, length of the file's part; then for each column three
//! buffers with place and length (length 0 of the first: nothing is null). An answer: 0 and the
//! number of numbers that follow, which describe the column from the outside in (rows, nulls, buffers with place
//! and length, children); or 1, the row + 1, and the length of the text that follows.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::parent_id;
use std::time::Duration;

use crate::{Built, Column, Dispatch, Failure};

/// Buffers begin at multiples of this.
const ALIGNED: usize = 64;
/// Numbers that describe a column.
const PER_COLUMN: usize = 6;

/// Answers requests that come over the standard input until there are no more.
pub fn serve(dispatch: Dispatch, region: &str) -> io::Result<()> {
    watch_parent();
    let mut socket = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let region = File::options().read(true).write(true).open(region)?;
    numbers_out(&mut socket, &[0])?;
    let mut memory: Vec<u128> = Vec::new();
    let mut head = [0; 5];
    while numbers_in(&mut socket, &mut head)? {
        let [function, work, rows, columns, length] = head;
        let mut described = vec![0; columns as usize * PER_COLUMN];
        numbers_in(&mut socket, &mut described)?;
        memory.resize((length as usize).div_ceil(16) + ALIGNED / 16, 0);
        let base = memory.as_mut_ptr().cast::<u8>();
        let skew = base.align_offset(ALIGNED);
        // SAFETY: the memory has room for the length and the skew, and nobody else uses it.
        let bytes = unsafe { std::slice::from_raw_parts_mut(base.add(skew), length as usize) };
        region.read_exact_at(bytes, 0)?;
        let columns: Vec<Column<'_>> =
            described.chunks_exact(PER_COLUMN).map(|described| column(bytes, described)).collect();
        match dispatch(function as u32, work as u32, &columns, rows as usize) {
            Ok(built) => answer(&mut socket, &region, &built)?,
            Err(Failure { row, message }) => {
                numbers_out(&mut socket, &[1, row.map_or(0, |row| row as u64 + 1), message.len() as u64])?;
                socket.write_all(message.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// A function that never comes back must not outlive its caller.
fn watch_parent() {
    let parent = parent_id();
    std::thread::spawn(move || {
        while parent_id() == parent {
            std::thread::sleep(Duration::from_millis(500));
        }
        std::process::exit(0);
    });
}

fn column<'a>(bytes: &'a [u8], described: &[u64]) -> Column<'a> {
    let part = |index: usize| {
        let (start, length) = (described[2 * index] as usize, described[2 * index + 1] as usize);
        bytes[start..start + length].as_ptr()
    };
    let validity = if described[1] == 0 { std::ptr::null() } else { part(0) };
    // SAFETY: the caller wrote the buffers of an Arrow array there.
    unsafe { Column::new(0, validity, part(1), part(2)) }
}

fn answer(socket: &mut File, region: &File, built: &Built) -> io::Result<()> {
    let (mut numbers, mut end) = (Vec::new(), 0);
    write(region, built, &mut end, &mut numbers)?;
    numbers_out(socket, &[0, numbers.len() as u64])?;
    numbers_out(socket, &numbers)
}

fn write(region: &File, built: &Built, end: &mut usize, numbers: &mut Vec<u64>) -> io::Result<()> {
    numbers.extend([built.rows as u64, built.nulls as u64, built.buffers.len() as u64]);
    for buffer in &built.buffers {
        let Some(buffer) = buffer else {
            numbers.extend([0, 0]);
            continue;
        };
        // SAFETY: a buffer owns its bytes.
        let bytes = unsafe { std::slice::from_raw_parts(buffer.start, buffer.bytes) };
        region.write_all_at(bytes, *end as u64)?;
        numbers.extend([*end as u64, bytes.len() as u64]);
        *end = (*end + bytes.len()).next_multiple_of(ALIGNED);
    }
    numbers.push(built.children.len() as u64);
    built.children.iter().try_for_each(|child| write(region, child, end, numbers))
}

fn numbers_out(socket: &mut File, numbers: &[u64]) -> io::Result<()> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    socket.write_all(&bytes)
}

/// Reads numbers; whether there were any.
fn numbers_in(socket: &mut File, numbers: &mut [u64]) -> io::Result<bool> {
    let mut bytes = vec![0; numbers.len() * 8];
    match socket.read_exact(&mut bytes) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error),
    }
    for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(8)) {
        *number = u64::from_le_bytes(bytes.try_into().expect("a chunk has eight bytes"));
    }
    Ok(true)
}
