//! Any keys, any mouse, any size from 1 × 1 to 300 × 100, resized in between, over pictures of any shape: nothing breaks,
//! and the cursor stays on the screen.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use millstream_session::watch::{Page, Rows, State as Running, Timeline, Window};
use millstream_session::{Millis, Zone};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::fixture::{scene, tape};
use crate::screens::act;
use crate::screens::frame;
use crate::screens::keys::{ENTRIES, Keys};
use crate::screens::state::{State, View};
use crate::screens::theme::Theme;

#[derive(Clone, Debug)]
enum Happens {
    Key(KeyCode, KeyModifiers),
    /// An action by its number.
    Action(usize),
    Mouse(u8, u16, u16),
    Size(u16, u16),
    /// The picture is another: empty, of one row, at the ends of time.
    Shape(u8),
}

fn happens() -> impl Strategy<Value = Happens> {
    let code = prop_oneof![
        any::<char>().prop_map(KeyCode::Char),
        prop::sample::select(vec!['/', ':', '?', 'q', '1', '3', '5', '*', '\u{202e}']).prop_map(KeyCode::Char),
        prop::sample::select(vec![KeyCode::Enter, KeyCode::Esc, KeyCode::Backspace, KeyCode::Tab, KeyCode::F(5)]),
    ];
    let held = prop::sample::select(vec![KeyModifiers::NONE, KeyModifiers::CONTROL, KeyModifiers::SHIFT]);
    prop_oneof![
        4 => (code, held).prop_map(|(code, held)| Happens::Key(code, held)),
        6 => (0..ENTRIES.len()).prop_map(Happens::Action),
        2 => (0..3u8, 0..300u16, 0..100u16).prop_map(|(what, x, y)| Happens::Mouse(what, x, y)),
        1 => (1..=300u16, 1..=100u16).prop_map(|(width, height)| Happens::Size(width, height)),
        1 => (0..5u8).prop_map(Happens::Shape),
    ]
}

fn picture(state: &mut State, area: Rect, shape: u8) {
    for _ in 0..2 {
        let page = frame::page(state, area);
        let mut scene = scene(&state.ask(page));
        match (&mut scene.page, shape) {
            (Page::Rows(rows), 1) => *rows = Rows::default(),
            (Page::Rows(rows), 2) => {
                rows.fit = rows.fit.min(1);
                rows.first = 0;
                rows.rows.truncate(1);
            }
            (Page::Timeline(time), 1) => *time = Timeline::default(),
            (Page::Timeline(time), 3) => {
                let window =
                    Window { step: "w".into(), start: Millis::MIN, closes: Millis::MAX, rows: u64::MAX, keys: 0 };
                time.windows = vec![window];
                time.late = vec![Millis::MIN, Millis::MAX];
                time.watermark = Some(Millis::MAX);
            }
            (Page::Chart(Ok(chart)), 1) => chart.series.clear(),
            (Page::Chart(Ok(chart)), 3) => {
                chart.series[0].points = vec![(f64::MIN, f64::MAX), (0.0, f64::MIN), (f64::MAX, 1e-300)];
            }
            (Page::Chart(chart), 4) => *chart = Err("nothing to draw".into()),
            (Page::Flow(flow), 1) => flow.lines.clear(),
            (Page::Aside(tables), 1) => tables.clear(),
            (_, 4) => scene.state = Running::Failed("it broke".into()),
            _ => {}
        }
        if state.take(scene, page) {
            break;
        }
    }
}

fn mouse(what: u8, column: u16, row: u16) -> MouseEvent {
    let kind = match what {
        0 => MouseEventKind::ScrollDown,
        1 => MouseEventKind::ScrollUp,
        _ => MouseEventKind::Down(MouseButton::Left),
    };
    MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks(
        (width, height) in (1..=300u16, 1..=100u16),
        theme in prop::sample::select(vec![Theme::Dark, Theme::Light, Theme::Plain]),
        all in prop::collection::vec(happens(), 1..40),
    ) {
        let mut area = Rect::new(0, 0, width, height);
        let mut shape = 0;
        let mut state = State::new(["bars", "漢字 with a long name"], theme, Keys::default(), Zone::UTC);
        for one in all {
            match one {
                Happens::Key(code, held) => drop(act::key(&mut state, &KeyEvent::new(code, held))),
                Happens::Action(number) => drop(act::act(&mut state, ENTRIES[number].action)),
                Happens::Mouse(what, x, y) => drop(act::mouse(&mut state, &mouse(what, x, y), area)),
                Happens::Size(width, height) => area = Rect::new(0, 0, width, height),
                Happens::Shape(other) => {
                    shape = other;
                    state.tape = (other > 2).then(tape);
                }
            }
            picture(&mut state, area, shape);
            let mut buffer = Buffer::empty(area);
            frame::draw(&state, area, &mut buffer);
            let step = state.shown();
            if let Some(rows) = step.rows() {
                prop_assert!(rows.fit == 0 || step.row < rows.fit);
                prop_assert!(step.first <= step.row);
                let page = frame::page(&state, area);
                prop_assert!(state.view == View::History || step.row < step.first + page, "{} {} {page}", step.row, step.first);
            }
            for cell in buffer.content() {
                prop_assert!(!cell.symbol().chars().any(millstream_session::gate::is_hostile), "{:?}", cell.symbol());
            }
        }
    }
}
