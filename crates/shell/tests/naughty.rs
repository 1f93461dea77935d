//! Texts that try to take over a terminal, and the judge: title, clipboard, colours, cursor and screen stay as they were.

use crate::pty::Terminal;

/// Texts that have done harm elsewhere.
pub const NAUGHTY: &[&str] = &[
    "\x1b]0;owned\x07",
    "\x1b]2;owned\x1b\\",
    "\x1b]52;c;b3duZWQ=\x07",
    "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "\x1b[31mred\x1b[1m",
    "\x1b[2J\x1b[1;1Hgone",
    "\x1b[?1049h",
    "\x1b[?25l",
    "\x1bc",
    "\x1bP+q544e\x1b\\",
    "\u{9b}31mred",
    "\u{9d}0;owned\u{9c}",
    "over\rwrite",
    "back\x08\x08\x08\x08",
    "bell\x07",
    "line\nbreak\ttab",
    "pay\u{202e}cod.exe",
    "\u{2066}isolate\u{2069}",
    "zero\u{200b}width\u{200d}join\u{feff}",
    "tag\u{e0041}s",
    "nul\0byte",
    "del\x7f",
    "\u{2028}separators\u{2029}",
    "\x0e\x0f shift",
    "%s%n%x ${jndi:ldap://evil} '; DROP TABLE t; --",
    "<script>alert(1)</script>",
    "a|b`c\"d",
    "Ω≈ç√∫˜µ 漢字 🦀 ﷽",
];

/// Nobody but us has drawn: no title, no clipboard, no colour (of a program that was told to use none), no other screen.
pub fn assert_untouched(terminal: &Terminal, what: &str) {
    terminal.look(|parser| {
        let (screen, heard) = (parser.screen(), parser.callbacks());
        assert_eq!((&heard.titles, &heard.clipboard), (&vec![], &vec![]), "{what}");
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.application_cursor(), "{what}");
        let (rows, columns) = screen.size();
        for row in 0..rows.get() {
            for column in 0..columns.get() {
                let Some(cell) = screen.cell(row, column) else { continue };
                let plain = cell.fgcolor() == vt100::Color::Default && !cell.bold() && !cell.inverse();
                assert!(plain, "{what}: a cell is coloured at {row}, {column}: {:?}", cell.contents());
            }
        }
        let beside = screen.cursor_position().1;
        assert!(beside == 0 || beside == 2, "{what}: the cursor is where a line or a prompt begins: {beside}");
    });
}
