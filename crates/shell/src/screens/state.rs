//! What a screen shows and where the user is in it: plain data. Keys change it, pictures of the steps come into it, and
//! the views are drawn from it. It knows neither session nor terminal.

use millstream_session::chart::{Mark, Sketch};
use millstream_session::watch::{Ask, Order, Page, Rows, Scene, Show};
use millstream_session::{Standing, Zone, width};

use super::keys::Keys;
use super::theme::Theme;

/// The widest that a column is made.
const WIDE: usize = 40;

/// The views of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The rows that stand.
    Table,
    /// Every change.
    Changes,
    /// The changes of one key.
    History,
    /// A chart.
    Chart,
    /// The operators.
    Flow,
    /// Event time.
    Timeline,
    /// What was set aside.
    Aside,
}

impl View {
    /// Those that have a tab, with their names.
    pub const TABS: [(View, &'static str); 6] = [
        (View::Table, "table"),
        (View::Changes, "changes"),
        (View::Chart, "chart"),
        (View::Flow, "operators"),
        (View::Timeline, "time"),
        (View::Aside, "aside"),
    ];

    fn show(self) -> Show {
        match self {
            View::Table => Show::Table,
            View::Changes | View::History => Show::Changes,
            View::Chart => Show::Chart,
            View::Flow => Show::Flow,
            View::Timeline => Show::Timeline,
            View::Aside => Show::Aside,
        }
    }
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// Lines, or points.
    Line,
    /// A bar for each value.
    Bar,
    /// A small line for each series.
    Spark,
}

impl Drawing {
    /// The next one.
    pub fn next(self) -> Drawing {
        match self {
            Drawing::Line => Drawing::Bar,
            Drawing::Bar => Drawing::Spark,
            Drawing::Spark => Drawing::Line,
        }
    }
}

/// Where the user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Keys do what they are bound to.
    Keys,
    /// The help is open, scrolled so far.
    Help(usize),
    /// A filter is typed, in place of this one.
    Filtering(String),
    /// A command is typed.
    Commanding(String),
}

/// One step on the screen.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// The newest picture.
    pub scene: Option<Scene>,
    /// The row of the cursor among all that fit, or the line to which a drawing is scrolled.
    pub row: usize,
    /// The column of the cursor.
    pub column: usize,
    /// The first row on the screen.
    pub first: usize,
    /// The first column on the screen.
    pub left: usize,
    /// Rows with these words are shown.
    pub filter: String,
    /// The order of the table.
    pub order: Order,
    /// The columns and texts of the key whose history is shown, with the view it was opened from.
    pub history: Option<(Vec<(usize, String)>, View)>,
    /// What a chart shows, if somebody said so.
    pub sketch: Option<Sketch>,
    /// How it is drawn, if somebody said so.
    pub drawing: Option<Drawing>,
    /// How often the timeline was halved.
    pub zoom: i8,
    /// The widths of the columns: as wide as what they have shown.
    pub widths: Vec<usize>,
}

impl Step {
    fn new(name: &str) -> Step {
        Step {
            name: name.into(),
            scene: None,
            row: 0,
            column: 0,
            first: 0,
            left: 0,
            filter: String::new(),
            order: Order::Newest,
            history: None,
            sketch: None,
            drawing: None,
            zoom: 0,
            widths: Vec::new(),
        }
    }

    /// The rows that are shown, if rows are.
    pub fn rows(&self) -> Option<&Rows> {
        match &self.scene.as_ref()?.page {
            Page::Rows(rows) => Some(rows),
            _ => None,
        }
    }

    /// How the chart is drawn.
    pub fn drawing(&self) -> Drawing {
        let said = self.drawing.or_else(|| match &self.scene.as_ref()?.page {
            Page::Chart(Ok(chart)) if chart.mark == Mark::Bar => Some(Drawing::Bar),
            _ => None,
        });
        said.unwrap_or(Drawing::Line)
    }

    /// How many lines a drawing has to scroll through.
    fn lines(&self) -> usize {
        match self.scene.as_ref().map(|scene| &scene.page) {
            Some(Page::Flow(flow)) => flow.lines.len() + 1,
            Some(Page::Timeline(time)) => time.partitions.len() + time.windows.len() + 4,
            Some(Page::Aside(tables)) => tables.iter().map(|table| table.rows.len() + 1).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Takes back what moves: another view begins at its top.
    pub fn rewind(&mut self) {
        (self.row, self.first) = (0, 0);
    }

    fn learn_widths(&mut self) {
        let Some(Scene { page: Page::Rows(rows), .. }) = &self.scene else { return };
        self.widths.resize(rows.heads.len(), 0);
        for (column, (wide, head)) in self.widths.iter_mut().zip(&rows.heads).enumerate() {
            // A sign of the order stands behind the name.
            *wide = (*wide).max(width::width(&head.name) + 2).max(width::width(&head.kind));
            let cells = rows.rows.iter().filter_map(|row| row.cells.get(column));
            *wide = cells.map(|cell| width::width(&cell.text)).fold(*wide, usize::max).min(WIDE);
        }
    }
}

/// All that is on the screen.
#[derive(Clone, Debug)]
pub struct State {
    /// The steps; at least one.
    pub steps: Vec<Step>,
    /// Which of them is shown.
    pub step: usize,
    /// How it is shown.
    pub view: View,
    /// What keys do.
    pub mode: Mode,
    /// Whether the picture stands still.
    pub held: bool,
    /// Where the tape stands, in a replay.
    pub tape: Option<Standing>,
    /// How things look.
    pub theme: Theme,
    /// Which key does what.
    pub keys: Keys,
    /// The zone in which times are shown.
    pub zone: Zone,
    /// Something to say until the next key.
    pub said: Option<String>,
    /// Rows of the body when it was drawn last.
    pub page: usize,
}

impl State {
    /// These steps, not yet seen.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>, theme: Theme, keys: Keys, zone: Zone) -> State {
        State {
            steps: names.into_iter().map(Step::new).collect(),
            step: 0,
            view: View::Table,
            mode: Mode::Keys,
            held: false,
            tape: None,
            theme,
            keys,
            zone,
            said: None,
            page: 20,
        }
    }

    /// The step that is shown.
    pub fn shown(&self) -> &Step {
        &self.steps[self.step]
    }

    /// The step that is shown, to change it.
    pub fn shown_mut(&mut self) -> &mut Step {
        &mut self.steps[self.step]
    }

    /// What is to be asked for a picture with `page` rows.
    pub fn ask(&self, page: usize) -> Ask {
        let step = self.shown();
        let key = step.history.as_ref().filter(|_| self.view == View::History).map(|(key, _)| key.clone());
        Ask {
            show: self.view.show(),
            first: step.first,
            count: page,
            filter: step.filter.clone(),
            key: key.unwrap_or_default(),
            order: step.order,
            sketch: step.sketch.clone(),
            zone: Some(self.zone),
        }
    }

    /// Takes a picture of the step that is shown. `false` if it begins elsewhere than where the cursor is: then another
    /// one is to be asked for.
    pub fn take(&mut self, scene: Scene, page: usize) -> bool {
        self.page = page.max(1);
        let page = self.page;
        let step = self.shown_mut();
        step.scene = Some(scene);
        step.learn_widths();
        let columns = step.rows().map_or(0, |rows| rows.heads.len());
        step.column = step.column.min(columns.saturating_sub(1));
        step.left = step.left.min(step.column);
        let first = step.first;
        step.settle(page);
        step.first == first
    }
}

impl Step {
    /// Moves the first row so that the cursor is on the screen, and the cursor so that it is on a row.
    pub fn settle(&mut self, page: usize) {
        match self.rows().map(|rows| rows.fit) {
            Some(fit) => {
                self.row = self.row.min(fit.saturating_sub(1));
                self.first = self.first.clamp((self.row + 1).saturating_sub(page), self.row);
            }
            // A drawing has no cursor: it moves as a whole.
            None => {
                self.row = self.row.min(self.lines().saturating_sub(page));
                self.first = self.row;
            }
        }
    }
}
