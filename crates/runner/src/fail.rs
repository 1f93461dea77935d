//! Places at which a test may kill the process, as `kill -9` does: no destructor runs, no buffer is
//! flushed. `MILLSTREAM_KILL_AT=name` kills at the first passage, `name:3` at the third. And a disk that fails:
//! `MILLSTREAM_DISK=write:full:5:3` lets writes find it full from the fifth on, three times; `sync:broken:1:1`
//! lets the first sync fail. They exist only in builds with debug assertions.

/// A place to die at; see the protocol for what has happened there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The sources have been asked for the barrier.
    BarrierAsked,
    /// All parts of the cut are there.
    CutComplete,
    /// Some of the state is written.
    HalfSaved,
    /// The manifest is written, not yet under its name.
    ManifestWritten,
    /// The manifest is durable.
    ManifestRenamed,
    /// The marker is in the transaction, the commit not sent.
    MarkerSent,
    /// The transaction is committed.
    Committed,
    /// The decided epoch is noted, the sinks have not committed.
    Noted,
    /// The sinks have committed.
    Finished,
    /// An old checkpoint has lost its name.
    Collecting,
    /// At the start: older producers are fenced.
    Fenced,
    /// At the start: the marker is ours.
    Claimed,
    /// At the start: the decided epoch is loaded, the graph does not run yet.
    Loaded,
}

impl Point {
    /// All points.
    pub const ALL: [Point; 13] = [
        Point::BarrierAsked,
        Point::CutComplete,
        Point::HalfSaved,
        Point::ManifestWritten,
        Point::ManifestRenamed,
        Point::MarkerSent,
        Point::Committed,
        Point::Noted,
        Point::Finished,
        Point::Collecting,
        Point::Fenced,
        Point::Claimed,
        Point::Loaded,
    ];

    /// Its name in the environment.
    pub fn name(self) -> &'static str {
        match self {
            Point::BarrierAsked => "barrier-asked",
            Point::CutComplete => "cut-complete",
            Point::HalfSaved => "half-saved",
            Point::ManifestWritten => "manifest-written",
            Point::ManifestRenamed => "manifest-renamed",
            Point::MarkerSent => "marker-sent",
            Point::Committed => "committed",
            Point::Noted => "noted",
            Point::Finished => "finished",
            Point::Collecting => "collecting",
            Point::Fenced => "fenced",
            Point::Claimed => "claimed",
            Point::Loaded => "loaded",
        }
    }
}

/// Dies here if the environment says so.
#[cfg(debug_assertions)]
pub fn fail_point(point: Point) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("MILLSTREAM_KILL_AT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_string(), count.parse().unwrap_or(1)))
    });
    if let Some((name, count)) = wanted
        && name == point.name()
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *count
    {
        let pid = std::process::id().to_string();
        let killed = std::process::Command::new("kill").args(["-9", &pid]).status();
        // The signal may arrive a moment after the command has ended.
        drop(killed);
        loop {
            std::thread::park();
        }
    }
}

/// Does nothing in this build.
#[cfg(not(debug_assertions))]
pub fn fail_point(_: Point) {}

/// What is asked of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// To take bytes.
    Write,
    /// To make them last.
    Sync,
    /// To give a file its name.
    Rename,
}

/// Fails if the environment says so.
#[cfg(debug_assertions)]
pub fn disk(asked: Disk) -> std::io::Result<()> {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Fault {
        asked: Disk,
        code: i32,
        from: u64,
        times: u64,
    }
    static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let fault = FAULT.get_or_init(|| {
        let text = std::env::var("MILLSTREAM_DISK").ok()?;
        let [asked, how, from, times] = text.split(':').collect::<Vec<_>>().try_into().ok()?;
        let asked = match asked {
            "write" => Disk::Write,
            "sync" => Disk::Sync,
            _ => Disk::Rename,
        };
        // ENOSPC and EIO.
        let code = if how == "full" { 28 } else { 5 };
        Some(Fault { asked, code, from: from.parse().ok()?, times: times.parse().ok()? })
    });
    let Some(Fault { code, from, times, .. }) = fault.as_ref().filter(|fault| fault.asked == asked) else {
        return Ok(());
    };
    let passed = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    if (*from..from.saturating_add(*times)).contains(&passed) {
        return Err(std::io::Error::from_raw_os_error(*code));
    }
    Ok(())
}

/// Never fails in this build.
#[cfg(not(debug_assertions))]
pub fn disk(_: Disk) -> std::io::Result<()> {
    Ok(())
}
