//! Windows of event time: which windows a row belongs to, as the SQL table functions define it. The
//! arithmetic itself is the engine's; here stand the sizes and what makes sense of them.

use std::fmt;

/// A windowing table function with its sizes, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// `TUMBLE`: windows of `size` side by side, the first starting at `offset` from the epoch.
    Tumble {
        /// Length of each window.
        size: i64,
        /// Start of a window, from the epoch.
        offset: i64,
    },
    /// `HOP`: windows of `size`, one starting every `slide`.
    Hop {
        /// Length of each window.
        size: i64,
        /// Distance between two starts.
        slide: i64,
        /// Start of a window, from the epoch.
        offset: i64,
    },
    /// `CUMULATE`: windows that start together every `size` and end one `step` after the other.
    Cumulate {
        /// Length of the longest window.
        size: i64,
        /// Distance between two ends.
        step: i64,
        /// Start of a window, from the epoch.
        offset: i64,
    },
    /// `SESSION`: rows of one key that follow each other within `gap`.
    Session {
        /// The silence that ends a session; exactly this long still belongs to it.
        gap: i64,
    },
}

/// Sizes that make no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// A size, slide, step or gap is zero or negative.
    #[error("the {what} of a {window} window must be positive, it is {ms} ms")]
    NotPositive {
        /// Which window function.
        window: &'static str,
        /// Which size.
        what: &'static str,
        /// What was given.
        ms: i64,
    },
    /// The offset reaches beyond one window.
    #[error("the offset of a {window} window must be smaller than its size: {offset} ms is not below {size} ms")]
    Offset {
        /// Which window function.
        window: &'static str,
        /// What was given.
        offset: i64,
        /// The size (or slide) that it must stay below.
        size: i64,
    },
    /// The sizes do not divide.
    #[error("{window} needs a size that is a multiple of its {what}: {size} ms is not a multiple of {ms} ms{hint}")]
    NotMultiple {
        /// Which window function.
        window: &'static str,
        /// Which of the sizes.
        what: &'static str,
        /// The window's size.
        size: i64,
        /// The slide or step.
        ms: i64,
        /// A way out.
        hint: &'static str,
    },
}

impl Window {
    /// The name of the table function.
    pub fn name(&self) -> &'static str {
        match self {
            Window::Tumble { .. } => "TUMBLE",
            Window::Hop { .. } => "HOP",
            Window::Cumulate { .. } => "CUMULATE",
            Window::Session { .. } => "SESSION",
        }
    }

    /// Checks the sizes for the table function alone.
    pub fn check(&self) -> Result<(), WindowError> {
        let window = self.name();
        let positive = |what, ms| if ms > 0 { Ok(()) } else { Err(WindowError::NotPositive { window, what, ms }) };
        let below = |offset: i64, size: i64| match offset.checked_abs() {
            Some(distance) if distance < size => Ok(()),
            _ => Err(WindowError::Offset { window, offset, size }),
        };
        match *self {
            Window::Tumble { size, offset } => positive("size", size).and_then(|()| below(offset, size)),
            Window::Hop { size, slide, offset } => {
                positive("size", size).and_then(|()| positive("slide", slide)).and_then(|()| below(offset, size))
            }
            Window::Cumulate { size, step, offset } => {
                positive("size", size)?;
                positive("step", step)?;
                below(offset, size)?;
                multiple(window, "step", size, step, "")
            }
            Window::Session { gap } => positive("gap", gap),
        }
    }

    /// Checks the sizes for an aggregation, which is computed in slices and needs a slide that divides the size.
    pub fn check_aggregate(&self) -> Result<(), WindowError> {
        self.check()?;
        match *self {
            Window::Hop { size, slide, .. } => {
                let swapped =
                    if slide > size { "; some dialects write size and slide the other way round" } else { "" };
                multiple("HOP", "slide", size, slide, swapped)
            }
            _ => Ok(()),
        }
    }
}

fn multiple(
    window: &'static str,
    what: &'static str,
    size: i64,
    ms: i64,
    hint: &'static str,
) -> Result<(), WindowError> {
    if size % ms == 0 { Ok(()) } else { Err(WindowError::NotMultiple { window, what, size, ms, hint }) }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = |f: &mut fmt::Formatter<'_>, ms: i64| if ms == 0 { Ok(()) } else { write!(f, ", offset {ms} ms") };
        match *self {
            Window::Tumble { size, offset: ms } => write!(f, "TUMBLE({size} ms").and_then(|()| offset(f, ms))?,
            Window::Hop { size, slide, offset: ms } => {
                write!(f, "HOP({slide} ms, {size} ms").and_then(|()| offset(f, ms))?;
            }
            Window::Cumulate { size, step, offset: ms } => {
                write!(f, "CUMULATE({step} ms, {size} ms").and_then(|()| offset(f, ms))?;
            }
            Window::Session { gap } => write!(f, "SESSION({gap} ms")?,
        }
        f.write_str(")")
    }
}

/// A windowing table function over rows: every row comes out once for each of its windows, with
/// `window_start`, `window_end` and `window_time` behind its own columns.
#[derive(Clone, Debug, PartialEq)]
pub struct AssignWindow {
    /// The windows.
    pub window: Window,
    /// The event-time column.
    pub time: usize,
    /// The zone whose wall clock cuts the windows, for `TIMESTAMP_LTZ`; `None` for `TIMESTAMP`.
    pub zone: Option<String>,
    /// `PARTITION BY` of a session window: the columns that make a session's key.
    pub partition: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_must_make_sense() {
        let tumble = |size, offset| Window::Tumble { size, offset }.check().map_err(|error| error.to_string());
        assert_eq!(tumble(5000, -4999), Ok(()));
        assert_eq!(tumble(0, 0), Err("the size of a TUMBLE window must be positive, it is 0 ms".into()));
        assert_eq!(
            tumble(5000, 12000),
            Err("the offset of a TUMBLE window must be smaller than its size: 12000 ms is not below 5000 ms".into())
        );
        assert!(tumble(5000, i64::MIN).is_err());
    }

    #[test]
    fn a_hop_that_skips_rows_is_refused_for_aggregation_only() {
        let hop = Window::Hop { size: 5000, slide: 10000, offset: 0 };
        assert_eq!(hop.check(), Ok(()));
        let refused = hop.check_aggregate().expect_err("slide is larger than size").to_string();
        assert!(refused.contains("the other way round"), "{refused}");
        assert!(Window::Hop { size: 10000, slide: 4000, offset: 0 }.check_aggregate().is_err());
        assert!(Window::Cumulate { size: 10000, step: 4000, offset: 0 }.check().is_err());
    }
}
