//! A box table: names, types under them, numbers to the right, cells cut to the room there is. It can be
//! written at once or line by line, with widths that stay.

use super::Look;
use super::width::{cut, cut_front, pad, width};

/// The narrowest that a column is made to fit the screen.
const NARROW: usize = 5;
/// The narrowest that text is made as long as something else can give way.
const TEXT: usize = 12;
/// The narrowest that times are made as long as something else can give way: `…18:41:39.939`.
const TIME: usize = 13;
/// The widest cell where the screen does not say.
const WIDE: usize = 100;

/// The head of a column; the texts have been through the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The name.
    pub name: String,
    /// The type as SQL writes it.
    pub kind: String,
    /// Whether cells stand to the right.
    pub right: bool,
}

impl Head {
    /// Whether its cells say nothing when they are cut: numbers and times. Of a text, the beginning still tells.
    fn is_firm(&self) -> bool {
        self.right || ["TIME", "DATE", "BOOL"].iter().any(|kind| self.kind.starts_with(kind))
    }
}

fn is_time(head: &Head) -> bool {
    head.kind.starts_with("TIMESTAMP")
}

/// How a cell is coloured, if there is colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal writes.
    Plain,
    /// In the background: nulls, types, dots.
    Dim,
    /// A new row.
    Good,
    /// A new version of a row.
    Fresh,
    /// A row that is taken back.
    Gone,
    /// The name of a column.
    Head,
}

impl Tone {
    /// Writes `text` in this tone.
    pub fn paint(self, out: &mut String, text: &str, look: &Look) {
        let code = match self {
            Tone::Plain => "",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Fresh => "36",
            Tone::Gone => "31",
            Tone::Head => "1",
        };
        if code.is_empty() || !look.color {
            return out.push_str(text);
        }
        out.extend(["\x1b[", code, "m", text, "\x1b[0m"]);
    }
}

/// A cell; its text has been through the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What stands in it.
    pub text: String,
    /// How it looks.
    pub tone: Tone,
}

/// The columns of a table with their widths.
#[derive(Clone, Debug)]
pub struct Grid {
    heads: Vec<Head>,
    /// What the cells alone would take.
    cells: Vec<usize>,
    widths: Vec<usize>,
    /// Columns that have no room: these stand between `hidden.start` and `hidden.end`.
    hidden: std::ops::Range<usize>,
}

struct Lines {
    left: &'static str,
    middle: &'static str,
    right: &'static str,
    bar: &'static str,
}

impl Grid {
    /// Widths that fit these rows, and the screen.
    pub fn fit<'a>(heads: Vec<Head>, rows: impl IntoIterator<Item = &'a [Cell]>, look: &Look) -> Grid {
        let mut cells = vec![1; heads.len()];
        for row in rows {
            for (wide, cell) in cells.iter_mut().zip(row) {
                *wide = (*wide).max(width(&cell.text)).min(WIDE);
            }
        }
        let named = |(head, cells): (&Head, &usize)| width(&head.name).max(width(&head.kind)).max(*cells).min(WIDE);
        let widths = heads.iter().zip(&cells).map(named).collect();
        let mut grid = Grid { heads, cells, widths, hidden: 0..0 };
        if let Some(screen) = look.width {
            grid.shrink(screen);
        }
        grid
    }

    /// Gives columns at least this much room, where the screen has it: for rows that are yet to come.
    pub fn widen(&mut self, least: impl Fn(&Head) -> usize, look: &Look) {
        for ((wide, cells), head) in self.widths.iter_mut().zip(&mut self.cells).zip(&self.heads) {
            (*wide, *cells) = ((*wide).max(least(head)), (*cells).max(least(head)));
        }
        if let Some(screen) = look.width {
            self.shrink(screen);
        }
    }

    /// How many columns have no room.
    pub fn hidden(&self) -> usize {
        self.hidden.len()
    }

    /// Makes room: first where a type is longer than its column, then in long texts, then in names, then in the dates of
    /// times, then in all texts, and in numbers only when there is no other way.
    fn shrink(&mut self, screen: usize) {
        self.hidden = 0..0;
        let name = |grid: &Grid, column: usize| width(&grid.heads[column].name);
        let firm = |grid: &Grid, column: usize| grid.heads[column].is_firm();
        let full = |grid: &Grid, column: usize| name(grid, column).max(grid.cells[column]);
        let part = |grid: &Grid, column: usize| if firm(grid, column) { usize::MAX } else { TEXT };
        self.give_way(screen, full);
        self.give_way(screen, |grid, column| full(grid, column).min(part(grid, column)));
        self.give_way(screen, |grid, column| grid.cells[column].min(part(grid, column)));
        let time = |grid: &Grid, column: usize| if is_time(&grid.heads[column]) { TIME } else { usize::MAX };
        self.give_way(screen, |grid, column| grid.cells[column].min(part(grid, column)).min(time(grid, column)));
        self.give_way(
            screen,
            |grid, column| if firm(grid, column) { grid.cells[column].min(time(grid, column)) } else { NARROW },
        );
        self.give_way(screen, |_, _| NARROW);
        self.hide(screen);
    }

    /// Cuts the widest column, again and again, until all fit or each is as narrow as it may be made.
    fn give_way(&mut self, screen: usize, least: impl Fn(&Grid, usize) -> usize) {
        let least: Vec<usize> = (0..self.widths.len()).map(|column| least(&*self, column).max(NARROW)).collect();
        while self.total() > screen {
            let wider = (0..self.widths.len()).filter(|&column| self.widths[column] > least[column]);
            let Some(widest) = wider.max_by_key(|&column| self.widths[column]) else { break };
            let over = self.widths[widest] - least[widest];
            self.widths[widest] -= over.min(1.max(over / 8));
        }
    }

    /// Leaves out columns from the middle, as many as must be.
    fn hide(&mut self, screen: usize) {
        let middle = self.widths.len().div_ceil(2);
        self.hidden = middle..middle;
        while self.total() > screen && self.hidden.len() + 2 < self.widths.len() {
            let front = self.hidden.start;
            let back = self.widths.len() - self.hidden.end;
            if front > back { self.hidden.start -= 1 } else { self.hidden.end += 1 }
        }
    }

    fn total(&self) -> usize {
        let shown: usize = self.shown().map(|column| self.widths[column] + 3).sum();
        shown + 1 + if self.hidden.is_empty() { 0 } else { 4 }
    }

    fn shown(&self) -> impl Iterator<Item = usize> {
        (0..self.widths.len()).filter(|column| !self.hidden.contains(column))
    }

    /// The line above the names, and all of [`Grid::names`].
    pub fn head(&self, out: &mut String, look: &Look) {
        self.line(out, if look.ascii { &ASCII } else { &Lines { left: "┌", middle: "┬", right: "┐", bar: "─" } });
        self.names(out, look);
    }

    /// The names, the types and the line below them.
    pub fn names(&self, out: &mut String, look: &Look) {
        let of = |text: fn(&Head) -> &String, tone| {
            self.heads.iter().map(move |head| Cell { text: text(head).clone(), tone }).collect::<Vec<_>>()
        };
        self.write(out, &of(|head| &head.name, Tone::Head), look, |_| false);
        self.write(out, &of(|head| &head.kind, Tone::Dim), look, |_| false);
        self.rule(out, look);
    }

    /// The line below the names.
    pub fn rule(&self, out: &mut String, look: &Look) {
        self.line(out, if look.ascii { &ASCII } else { &Lines { left: "├", middle: "┼", right: "┤", bar: "─" } });
    }

    /// The line below the last row.
    pub fn foot(&self, out: &mut String, look: &Look) {
        self.line(out, if look.ascii { &ASCII } else { &Lines { left: "└", middle: "┴", right: "┘", bar: "─" } });
    }

    /// One row. Of a time the end tells more than the beginning: rows that are shown together are of the same days.
    pub fn row(&self, out: &mut String, cells: &[Cell], look: &Look) {
        self.write(out, cells, look, |column| is_time(&self.heads[column]));
    }

    fn write(&self, out: &mut String, cells: &[Cell], look: &Look, keeps_end: impl Fn(usize) -> bool) {
        let bar = if look.ascii { "|" } else { "│" };
        for (column, (cell, &width)) in cells.iter().zip(&self.widths).enumerate() {
            if self.hidden.contains(&column) {
                if column == self.hidden.start {
                    out.push_str(bar);
                    Tone::Dim.paint(out, " … ", look);
                }
                continue;
            }
            out.push_str(bar);
            out.push(' ');
            let mut text = String::new();
            let fitting = if keeps_end(column) { cut_front(&cell.text, width) } else { cut(&cell.text, width) };
            pad(&mut text, &fitting, width, self.heads[column].right);
            cells[column].tone.paint(out, &text, look);
            out.push(' ');
        }
        out.push_str(bar);
        out.push('\n');
    }

    fn line(&self, out: &mut String, lines: &Lines) {
        let mut first = true;
        for column in 0..self.widths.len() {
            let room = match column {
                column if column == self.hidden.start && !self.hidden.is_empty() => 3,
                column if self.hidden.contains(&column) => continue,
                column => self.widths[column] + 2,
            };
            out.push_str(if first { lines.left } else { lines.middle });
            out.extend(std::iter::repeat_n(lines.bar, room));
            first = false;
        }
        out.push_str(if first { lines.left } else { "" });
        out.push_str(lines.right);
        out.push('\n');
    }
}

const ASCII: Lines = Lines { left: "+", middle: "+", right: "+", bar: "-" };

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(columns: usize, cell: &str, look: &Look) -> String {
        let head = |number| Head { name: format!("c{number}"), kind: "STRING".into(), right: false };
        let row: Vec<Cell> = (0..columns).map(|_| Cell { text: cell.into(), tone: Tone::Plain }).collect();
        let grid = Grid::fit((0..columns).map(head).collect(), [row.as_slice()], look);
        let mut out = String::new();
        grid.head(&mut out, look);
        grid.row(&mut out, &row, look);
        grid.foot(&mut out, look);
        out
    }

    #[test]
    fn a_table_fits_every_screen_that_has_room_for_two_columns() {
        for screen in 21..200 {
            for columns in 1..30 {
                let look = Look { width: Some(screen), ..Look::plain() };
                let drawn = draw(columns, "some text that is rather long 漢字", &look);
                let widths: Vec<_> = drawn.lines().map(width).collect();
                assert!(widths.iter().all(|wide| *wide <= screen), "{screen} {columns}\n{drawn}");
                assert!(widths.iter().all(|wide| *wide == widths[0]), "{screen} {columns}\n{drawn}");
            }
        }
    }

    #[test]
    fn numbers_and_times_keep_their_room_as_long_as_texts_can_give_way() {
        let head = |name: &str, kind: &str, right| Head { name: name.into(), kind: kind.into(), right };
        let heads = vec![
            head("a_rather_long_name_of_a_text", "ROW<`id` STRING, `site` STRING>", false),
            head("at", "TIMESTAMP(3)", false),
            head("n", "DECIMAL(38, 6)", true),
        ];
        let row = ["(id: pump-7, site: Graz)", "2026-11-21 18:41:39.939", "59.3"];
        let row = row.map(|text| Cell { text: text.into(), tone: Tone::Plain });
        let drawn = |screen| {
            let look = Look { width: Some(screen), ..Look::plain() };
            let grid = Grid::fit(heads.clone(), [row.as_slice()], &look);
            let mut out = String::new();
            grid.names(&mut out, &look);
            grid.row(&mut out, &row, &look);
            assert!(out.lines().all(|line| width(line) <= screen), "{out}");
            out
        };
        assert!(drawn(120).contains("DECIMAL(38, 6)") && drawn(120).contains("site: Graz)"), "{}", drawn(120));
        for screen in [80, 60] {
            let out = drawn(screen);
            assert!(out.contains("2026-11-21 18:41:39.939") && out.contains(" 59.3 "), "{screen}:\n{out}");
        }
        assert!(drawn(38).contains("…18:41:39.939") && drawn(38).contains("(id: pump"), "{}", drawn(38));
        assert!(drawn(60).contains("DECI…") && drawn(60).contains("(id: pump-7"), "{}", drawn(60));
    }

    #[test]
    fn a_table_without_columns_or_room_is_drawn_all_the_same() {
        for screen in 0..21 {
            let look = Look { width: Some(screen), ascii: true, ..Look::plain() };
            assert!(draw(3, "x", &look).lines().count() == 6);
            assert!(!draw(0, "x", &look).is_empty());
        }
    }
}
