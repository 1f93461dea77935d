//! The screens, judged by what a terminal shows: each view at several sizes and in each theme is drawn through the real
//! backend into a terminal emulator and compared with what is written down (`UPDATE=1` writes it anew). And whatever
//! keys come at whatever size, nothing breaks.

mod fixture;
mod random;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::act::{self, Effect};
use super::frame;
use super::keys::Keys;
use super::state::{State, View};
use super::theme::Theme;
use fixture::scene;
use millstream_session::Zone;
use millstream_session::watch::Control;

fn state(theme: Theme) -> State {
    State::new(["bars"], theme, Keys::default(), Zone::UTC)
}

/// Takes a picture, as the loop does.
fn look(state: &mut State, area: Rect) {
    for _ in 0..2 {
        let page = frame::page(state, area);
        let scene = scene(&state.ask(page));
        if state.take(scene, page) {
            break;
        }
    }
}

/// What a terminal of this size shows, and below it how: a letter for each place that is not plain.
fn drawn(state: &State, area: Rect) -> String {
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut bytes = Vec::new();
    // Whatever the surroundings of the test say of colour.
    crossterm::style::force_color_output(true);
    let mut terminal = Terminal::with_options(CrosstermBackend::new(&mut bytes), options).expect("a viewport");
    terminal.draw(|frame| frame::draw(state, frame.area(), frame.buffer_mut())).expect("memory");
    drop(terminal);
    let size = |cells: u16| std::num::NonZeroU16::new(cells).expect("a screen has cells");
    let mut emulator = vt100::Parser::new(size(area.height), size(area.width), 0);
    emulator.process(&bytes);
    let screen = emulator.screen();
    let mut out = String::new();
    for line in screen.rows(0, area.width) {
        writeln!(out, "|{}", line.trim_end()).expect("memory");
    }
    for y in 0..area.height {
        let line: String = (0..area.width).map(|x| screen.cell(y, x).map_or(' ', letter)).collect();
        if !line.trim().is_empty() {
            writeln!(out, "{y:>3} {}", line.trim_end()).expect("memory");
        }
    }
    out
}

/// How a place looks: `R` reversed, the digit of its colour, `b` bold, `d` dim.
fn letter(cell: &vt100::Cell) -> char {
    match cell.fgcolor() {
        _ if cell.inverse() => 'R',
        vt100::Color::Idx(color) => char::from_digit(color.into(), 16).unwrap_or('?'),
        vt100::Color::Rgb(..) => '?',
        vt100::Color::Default if cell.bold() => 'b',
        vt100::Color::Default if cell.dim() => 'd',
        vt100::Color::Default => ' ',
    }
}

fn press(state: &mut State, keys: &str) -> Effect {
    let mut effect = Effect::None;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '\t' => KeyCode::Tab,
            letter => KeyCode::Char(letter),
        };
        effect = act::key(state, &KeyEvent::new(code, KeyModifiers::NONE));
    }
    effect
}

fn check(name: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/screens/tests/shots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes it");
        fs::write(&path, drawn).expect("is writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == drawn, "{name} looks otherwise; UPDATE=1 writes it anew:\n{drawn}");
}

#[test]
fn every_view_at_every_size_and_theme() {
    let views = View::TABS.iter().map(|(view, name)| (*view, *name));
    for (view, name) in views.chain([(View::History, "history")]) {
        let mut all = String::new();
        for (theme, (width, height)) in
            [(Theme::Dark, (80, 24)), (Theme::Light, (120, 16)), (Theme::Plain, (40, 10)), (Theme::Dark, (12, 4))]
        {
            let area = Rect::new(0, 0, width, height);
            let mut state = state(theme);
            look(&mut state, area);
            if view == View::History {
                press(&mut state, "j\n");
            } else {
                act::show(&mut state, view);
            }
            look(&mut state, area);
            writeln!(all, "{width} x {height}, {theme:?}\n{}", drawn(&state, area)).expect("memory");
        }
        check(name, &all);
    }
}

#[test]
fn bars_sparks_help_and_what_is_typed() {
    let area = Rect::new(0, 0, 80, 20);
    let mut all = String::new();
    for keys in ["3m", "3mm", "?", "/sym:a\x1b/AAP", ":sort volume desc", "ls", "5+", ":plot y nothing\n"] {
        let mut state = state(Theme::Dark);
        look(&mut state, area);
        for key in keys.chars() {
            press(&mut state, &key.to_string());
            look(&mut state, area);
        }
        writeln!(all, "{keys:?}\n{}", drawn(&state, area)).expect("memory");
    }
    let mut replayed = self::state(Theme::Dark);
    replayed.tape = Some(fixture::tape());
    for area in [area, Rect::new(0, 0, 30, 8)] {
        look(&mut replayed, area);
        writeln!(all, "a tape\n{}", drawn(&replayed, area)).expect("memory");
    }
    check("typed", &all);
}

#[test]
fn keys_sort_filter_copy_and_leave() {
    let area = Rect::new(0, 0, 80, 24);
    let mut state = state(Theme::Dark);
    look(&mut state, area);
    assert_eq!(press(&mut state, "jly"), Effect::Copy("10".into()), "the cell under the cursor");
    assert!(matches!(press(&mut state, "Y"), Effect::Copy(row) if row.contains('\t')));
    press(&mut state, "/msft");
    look(&mut state, area);
    assert_eq!(state.shown().rows().map(|rows| rows.fit), Some(10));
    press(&mut state, "\x1b");
    look(&mut state, area);
    assert_eq!(state.shown().rows().map(|rows| rows.fit), Some(30), "Esc drops what was typed");
    press(&mut state, "G");
    look(&mut state, area);
    assert_eq!(state.shown().row, 29);
    press(&mut state, "g");
    look(&mut state, area);
    press(&mut state, "\n");
    look(&mut state, area);
    assert_eq!(state.view, View::History);
    assert_eq!(press(&mut state, "\x1b"), Effect::None);
    assert_eq!(state.view, View::Table);
    press(&mut state, ":plot x window_end");
    assert_eq!(press(&mut state, "\n"), Effect::Sketch("x window_end".into()));
    press(&mut state, ":them");
    press(&mut state, " light\n");
    assert_eq!(state.theme, Theme::Light);
    press(&mut state, ":sord\n");
    assert!(state.said.as_ref().is_some_and(|said| said.contains("did you mean 'sort'")), "{:?}", state.said);
    assert_eq!(press(&mut state, " "), Effect::Hold(true));
    assert_eq!(press(&mut state, "."), Effect::Advance);
    assert_eq!(press(&mut state, " "), Effect::Hold(false));
    assert_eq!(press(&mut state, ".,"), Effect::None, "the arrows move through the columns");
    state.tape = Some(fixture::tape());
    assert_eq!(press(&mut state, "."), Effect::Tape(Control::Event));
    assert_eq!(press(&mut state, ","), Effect::Tape(Control::Back(1)));
    assert_eq!(press(&mut state, ">"), Effect::Tape(Control::Faster(true)));
    assert_eq!(press(&mut state, ":goto 12:04\n"), Effect::Statement("GOTO 12:04;".into()));
    assert_eq!(press(&mut state, "q"), Effect::Leave);
    for before in ["?", "/", ":"] {
        press(&mut state, before);
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(act::key(&mut state, &control_c), Effect::Leave, "Ctrl-C behind {before}");
    }
}
