//! Slices: the pieces of time that overlapping windows share.
//!
//! Rows are aggregated once, into the slice they fall in; a window is the sum of its slices. A tumbling
//! window is one slice, a hopping one has slices as long as the greatest common divisor of size and slide,
//! a cumulating one as long as its step. All times here are milliseconds of the window's wall clock.

use millstream_plan::Window;

/// A stretch `[start, end)`. Ordered by end, as windows close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First millisecond behind it.
    pub end: i64,
    /// First millisecond in it.
    pub start: i64,
}

/// How a window function cuts time.
#[derive(Clone, Copy, Debug)]
pub struct Slices {
    window: Window,
    length: i64,
    offset: i64,
}

impl Slices {
    /// The slices of a window function; `None` for sessions, whose borders depend on the rows.
    pub fn of(window: Window) -> Option<Slices> {
        let (length, offset) = match window {
            Window::Tumble { size, offset } => (size, offset),
            Window::Hop { size, slide, offset } => (gcd(size, slide), offset),
            Window::Cumulate { step, offset, .. } => (step, offset),
            Window::Session { .. } => return None,
        };
        Some(Slices { window, length, offset })
    }

    /// The slice in which a moment lies.
    pub fn slice(&self, time: i64) -> Span {
        let start = floor(time, self.length, self.offset);
        Span { start, end: start.saturating_add(self.length) }
    }

    /// The first end of a slice that is later than `time`.
    pub fn next_end(&self, time: i64) -> i64 {
        self.slice(time).end
    }

    /// The windows that hold a span of whole slices, first to close first. Windows that would end behind
    /// the end of time are left out.
    pub fn windows(&self, span: Span) -> impl Iterator<Item = Span> + use<> {
        let (first, last, step, size, grows) = match self.window {
            Window::Tumble { .. } | Window::Session { .. } => {
                (span.end, span.end, 1, span.end.saturating_sub(span.start), false)
            }
            Window::Hop { size, slide, offset } => {
                let last = floor(span.start, slide, offset);
                // Starts at or before the span's, ends at or behind its end.
                let reach = size.saturating_sub(span.end.saturating_sub(last)).max(-1).div_euclid(slide) * slide;
                (last.saturating_sub(reach).saturating_add(size), last.saturating_add(size), slide, size, false)
            }
            Window::Cumulate { size, step, offset } => {
                (span.end, floor(span.start, size, offset).saturating_add(size), step, size, true)
            }
        };
        let ends = std::iter::successors(Some(first), move |end| end.checked_add(step));
        let ends = ends.take_while(move |&end| end <= last);
        let offset = self.offset;
        let start = move |end: i64| if grows { floor(end - 1, size, offset) } else { end.saturating_sub(size) };
        ends.map(move |end| Span { end, start: start(end) })
    }

    /// The end of the last window that holds a slice; `None` if no window does.
    pub fn last_end(&self, slice: Span) -> Option<i64> {
        match self.window {
            Window::Tumble { .. } | Window::Session { .. } => Some(slice.end),
            Window::Hop { size, slide, offset } => {
                Some(floor(slice.start, slide, offset).saturating_add(size)).filter(|&end| end >= slice.end)
            }
            Window::Cumulate { size, offset, .. } => Some(floor(slice.start, size, offset).saturating_add(size)),
        }
    }

    /// Whether a window's sum is the start of the next one's.
    pub fn accumulate(&self) -> bool {
        matches!(self.window, Window::Cumulate { .. })
    }
}

/// The latest border at or before `time` of a grid with this spacing and offset.
pub fn floor(time: i64, spacing: i64, offset: i64) -> i64 {
    time.saturating_sub(time.saturating_sub(offset).rem_euclid(spacing))
}

/// The greatest common divisor (Euclid).
fn gcd(left: i64, right: i64) -> i64 {
    if right == 0 { left } else { gcd(right, left % right) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Flink's definition, window by window.
    fn by_definition(window: Window, time: i64) -> Vec<(i64, i64)> {
        let mut windows: Vec<(i64, i64)> = match window {
            Window::Tumble { size, offset } => {
                vec![floor(time, size, offset)].into_iter().map(|start| (start, start + size)).collect()
            }
            Window::Hop { size, slide, offset } => {
                let last = floor(time, slide, offset);
                (0..)
                    .map(|n| last - n * slide)
                    .take_while(|start| *start > time - size)
                    .map(|start| (start, start + size))
                    .collect()
            }
            Window::Cumulate { size, step, offset } => {
                let start = floor(time, size, offset);
                (1..=size / step).map(|n| (start, start + n * step)).filter(|(_, end)| *end > time).collect()
            }
            Window::Session { .. } => Vec::new(),
        };
        windows.sort_by_key(|&(_, end)| end);
        windows
    }

    proptest! {
        #[test]
        fn slices_make_the_windows_of_the_definition(time in -1000i64..1000, a in 1i64..20, b in 1i64..20, offset in -5i64..5, kind in 0..3) {
            let offset = offset % a.min(b).max(1);
            let window = match kind {
                0 => Window::Tumble { size: a, offset },
                1 => Window::Hop { size: a, slide: b, offset },
                _ => Window::Cumulate { size: a * b, step: a, offset },
            };
            let slices = Slices::of(window).expect("no session");
            let slice = slices.slice(time);
            prop_assert!(slice.start <= time && time < slice.end);
            let windows: Vec<_> = slices.windows(slice).map(|span| (span.start, span.end)).collect();
            let expected = by_definition(window, time);
            prop_assert_eq!(slices.last_end(slice), expected.last().map(|&(_, end)| end));
            prop_assert_eq!(windows, expected);
        }
    }

    #[test]
    fn the_ends_of_time_are_no_trap() {
        let windows = [
            Window::Tumble { size: 10, offset: 3 },
            Window::Hop { size: 10, slide: 5, offset: -2 },
            Window::Cumulate { size: 10, step: 5, offset: 1 },
        ];
        let near = [0, 1, 2, 5, 9, 10, 11, 30];
        let times = near.into_iter().flat_map(|n| [i64::MAX - n, i64::MIN + n]);
        for (time, window) in times.flat_map(|time| windows.map(|window| (time, window))) {
            let slices = Slices::of(window).expect("no session");
            let all = slices.windows(slices.slice(time)).take(3).count();
            assert!(all <= 2, "{window} has too many windows at {time}");
            slices.last_end(slices.slice(time));
        }
    }
}
