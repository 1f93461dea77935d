//! Threads that decode. A reader cuts its input into chunks and hands them over; the chunks are decoded
//! side by side and come back in the order in which they were handed over. The number of chunks under
//! way is bounded, so memory is; dropping the pool stops the threads after the chunk at hand; a panic in
//! a decoder becomes an error of the reader.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use millstream_record::{Error, Result};

/// Decodes work `W` into results `T` on its own threads, in order.
pub struct DecodePool<W, T> {
    work: Option<Sender<(u64, W)>>,
    done: Receiver<(u64, Result<T>)>,
    /// Results from the oldest one that has not been taken; `None` where one is still under way.
    results: VecDeque<Option<Result<T>>>,
    /// The number of the piece at the front of `results`.
    oldest: u64,
    most_under_way: usize,
    closing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl<W: Send + 'static, T: Send + 'static> DecodePool<W, T> {
    /// Starts `workers` threads (at least one); `make` gives each its own decoding function.
    pub fn new<F>(workers: usize, mut make: impl FnMut() -> Result<F>) -> Result<Self>
    where
        F: FnMut(W) -> Result<T> + Send + 'static,
    {
        let workers = workers.max(1);
        let most_under_way = workers * 2 + 1;
        let (work, todo) = bounded(most_under_way);
        let (report, done) = bounded(most_under_way);
        let closing = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::with_capacity(workers);
        for number in 0..workers {
            let worker =
                Worker { decode: make()?, todo: todo.clone(), report: report.clone(), closing: closing.clone() };
            let thread = std::thread::Builder::new().name(format!("decode-{number}")).spawn(move || worker.run());
            threads.push(thread.map_err(|error| Error::Invalid(format!("cannot start a decoding thread: {error}")))?);
        }
        let results = VecDeque::with_capacity(most_under_way);
        Ok(DecodePool { work: Some(work), done, results, oldest: 0, most_under_way, closing, threads })
    }

    /// As many workers as the machine has cores.
    pub fn cores() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// Whether another piece may be handed over.
    pub fn has_room(&self) -> bool {
        self.results.len() < self.most_under_way
    }

    /// How many pieces have been handed over and not been taken back.
    pub fn under_way(&self) -> usize {
        self.results.len()
    }

    /// Hands a piece over. Call it only when [`DecodePool::has_room`].
    pub fn submit(&mut self, piece: W) -> Result<()> {
        assert!(self.has_room(), "a reader takes results back before it hands more over");
        let number = self.oldest + self.results.len() as u64;
        let work = self.work.as_ref().expect("the sender lives until the pool is dropped");
        work.send((number, piece)).map_err(|_| Error::Invalid("the decoding threads have ended".into()))?;
        self.results.push_back(None);
        Ok(())
    }

    /// The result of the oldest piece; `None` if nothing is under way or `wait` is over before it is ready.
    pub fn next(&mut self, wait: Duration) -> Result<Option<T>> {
        let mut deadline = None;
        loop {
            match self.results.front_mut() {
                None => return Ok(None),
                Some(front) => {
                    if let Some(result) = front.take() {
                        self.results.pop_front();
                        self.oldest += 1;
                        return result.map(Some);
                    }
                }
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + wait);
            match self.done.recv_deadline(deadline) {
                Ok((number, result)) => self.results[(number - self.oldest) as usize] = Some(result),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Invalid("the decoding threads have ended".into()));
                }
            }
        }
    }
}

impl<W, T> Drop for DecodePool<W, T> {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        self.work = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked outside of its decoder has nothing left to say.
            let _ = thread.join();
        }
    }
}

struct Worker<F, W, T> {
    decode: F,
    todo: Receiver<(u64, W)>,
    report: Sender<(u64, Result<T>)>,
    closing: Arc<AtomicBool>,
}

impl<F: FnMut(W) -> Result<T>, W, T> Worker<F, W, T> {
    fn run(mut self) {
        while let Ok((number, piece)) = self.todo.recv() {
            if self.closing.load(Ordering::Acquire) {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| (self.decode)(piece)))
                .unwrap_or_else(|panic| Err(Error::Invalid(format!("a decoder failed: {}", panic_text(&*panic)))));
            if self.report.send((number, result)).is_err() {
                return;
            }
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it gave no reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn results_come_back_in_order_whatever_the_threads_do() {
        let slow_first = |number: u64| {
            std::thread::sleep(Duration::from_micros(if number.is_multiple_of(4) { 900 } else { 10 }));
            Ok(number * 2)
        };
        let mut pool = DecodePool::new(3, || Ok(slow_first)).expect("threads start");
        let (mut next_in, mut out) = (0u64, Vec::new());
        while out.len() < 200 {
            while pool.has_room() && next_in < 200 {
                pool.submit(next_in).expect("room");
                next_in += 1;
            }
            out.push(pool.next(SOON).expect("no failure").expect("in time"));
        }
        assert_eq!(out, (0..200).map(|number| number * 2).collect::<Vec<_>>());
        assert!(pool.next(Duration::ZERO).expect("no failure").is_none());
    }

    #[test]
    fn a_panic_becomes_an_error_and_the_next_piece_is_decoded() {
        let picky = |number: u64| if number == 1 { panic!("no {number}") } else { Ok(number) };
        let mut pool = DecodePool::new(2, || Ok(picky)).expect("threads start");
        for number in 0..3 {
            pool.submit(number).expect("room");
        }
        assert_eq!(pool.next(SOON).expect("fine"), Some(0));
        assert_eq!(pool.next(SOON).expect_err("it panicked").to_string(), "a decoder failed: no 1");
        assert_eq!(pool.next(SOON).expect("fine"), Some(2));
    }

    #[test]
    fn dropping_leaves_no_thread_and_does_not_work_off_the_queue() {
        let done = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (gate, wait) = bounded::<()>(0);
        let count = done.clone();
        let mut pool = DecodePool::new(1, || {
            let (wait, count) = (wait.clone(), count.clone());
            Ok(move |_: u64| {
                // Ends with an error when the gate is dropped.
                let _ = wait.recv();
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        })
        .expect("threads start");
        for number in 0..3 {
            pool.submit(number).expect("room");
        }
        let closing = pool.closing.clone();
        let dropper = std::thread::spawn(move || drop(pool));
        while !closing.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        drop(gate);
        dropper.join().expect("joined");
        assert!(done.load(Ordering::Relaxed) <= 1);
        assert_eq!(Arc::strong_count(&done), 2);
    }
}
