//! What a process costs, as Linux tells it under `/proc`: processor time and memory.

use std::fs;

/// CPU seconds that a process has used, without its children; `None` if it has ended.
pub fn cpu(process: u32) -> Option<f64> {
    ticks(&format!("/proc/{process}/stat"), 11)
}

/// CPU seconds of all our children that have ended.
pub fn cpu_of_children() -> f64 {
    ticks("/proc/self/stat", 13).expect("Linux tells")
}

/// The sum of two neighbours in a line of ticks, in seconds; `from` counts behind the name, which may hold anything.
fn ticks(path: &str, from: usize) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let words = text.rsplit_once(')')?.1.split_whitespace().skip(from).take(2);
    Some(words.map(|word| word.parse::<f64>().expect("ticks")).sum::<f64>() / 100.0)
}

/// Bytes of memory that a process holds now; `None` if it has ended.
pub fn memory(process: u32) -> Option<u64> {
    kilobytes(process, "VmRSS:")
}

/// The most memory that a process has held so far, in bytes; `None` if it has ended.
pub fn peak(process: u32) -> Option<u64> {
    kilobytes(process, "VmHWM:")
}

fn kilobytes(process: u32, line: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let found = status.lines().find_map(|found| found.strip_prefix(line))?;
    found.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}
