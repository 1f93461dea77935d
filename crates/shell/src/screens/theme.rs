//! How things look: for dark terminals, for light ones, and without colour. Only the sixteen colours that every terminal
//! has are used, in the way in which each background shows them; what matters is also said by a sign or a letter.

use millstream_session::Tone;
use ratatui::style::{Color, Modifier, Style};

/// A set of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Light text on a dark ground.
    Dark,
    /// Dark text on a light ground.
    Light,
    /// No colour.
    Plain,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text,
    /// What stands in the background.
    Dim,
    /// Names of columns.
    Head,
    /// What is chosen: a tab, the sorted column.
    Chosen,
    /// The row of the cursor.
    Row,
    /// The cell of the cursor.
    Cursor,
    /// A row that just came, or was inserted.
    New,
    /// A cell that just changed, or a new version.
    Fresh,
    /// A row that went.
    Gone,
    /// What somebody should look at.
    Warning,
    /// The line of figures.
    Status,
    /// A series of a chart.
    Series(usize),
}

impl Theme {
    /// All of them with their names.
    pub const ALL: [(&'static str, Theme); 3] =
        [("dark", Theme::Dark), ("light", Theme::Light), ("plain", Theme::Plain)];

    /// The theme of this name.
    pub fn parse(name: &str) -> Option<Theme> {
        Theme::ALL.iter().find(|(known, _)| *known == name).map(|(_, theme)| *theme)
    }

    /// The theme that fits: none without colour; light where the terminal says so (`COLORFGBG`, as rxvt, Konsole and
    /// others set it: the last number is the ground).
    pub fn fitting(color: bool, ground: Option<&str>) -> Theme {
        let ground = ground.and_then(|text| text.rsplit(';').next()).and_then(|number| number.parse::<u8>().ok());
        match ground {
            _ if !color => Theme::Plain,
            Some(7 | 15) => Theme::Light,
            _ => Theme::Dark,
        }
    }

    /// The next one.
    pub fn next(self) -> Theme {
        match self {
            Theme::Dark => Theme::Light,
            Theme::Light => Theme::Plain,
            Theme::Plain => Theme::Dark,
        }
    }

    /// How a part looks.
    pub fn style(self, part: Part) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let reversed = plain.add_modifier(Modifier::REVERSED);
        match (self, part) {
            (_, Part::Text) => plain,
            (_, Part::Row) => bold,
            (_, Part::Cursor) => reversed,
            (Theme::Plain, Part::Dim) => plain.add_modifier(Modifier::DIM),
            (_, Part::Dim) => plain.fg(Color::DarkGray),
            (_, Part::Head) => bold,
            (Theme::Plain, Part::Chosen) => bold.add_modifier(Modifier::UNDERLINED),
            (Theme::Dark, Part::Chosen) => bold.fg(Color::LightCyan),
            (Theme::Light, Part::Chosen) => bold.fg(Color::Blue),
            (Theme::Plain, Part::New | Part::Fresh) => bold,
            (Theme::Dark, Part::New) => plain.fg(Color::LightGreen),
            (Theme::Light, Part::New) => plain.fg(Color::Green),
            (Theme::Dark, Part::Fresh) => bold.fg(Color::LightYellow),
            (Theme::Light, Part::Fresh) => bold.fg(Color::Magenta),
            (Theme::Plain, Part::Gone) => plain.add_modifier(Modifier::DIM),
            (Theme::Dark, Part::Gone) => plain.fg(Color::LightRed),
            (Theme::Light, Part::Gone) => plain.fg(Color::Red),
            (Theme::Plain, Part::Warning) => bold.add_modifier(Modifier::UNDERLINED),
            (Theme::Dark, Part::Warning) => bold.fg(Color::LightRed),
            (Theme::Light, Part::Warning) => bold.fg(Color::Red),
            (_, Part::Status) => reversed,
            (theme, Part::Series(number)) => theme.series(number),
        }
    }

    fn series(self, number: usize) -> Style {
        const DARK: [Color; 6] = [
            Color::LightCyan,
            Color::LightYellow,
            Color::LightGreen,
            Color::LightMagenta,
            Color::LightRed,
            Color::LightBlue,
        ];
        const LIGHT: [Color; 6] = [Color::Blue, Color::Red, Color::Green, Color::Magenta, Color::Cyan, Color::Black];
        match self {
            Theme::Dark => Style::new().fg(DARK[number % DARK.len()]),
            Theme::Light => Style::new().fg(LIGHT[number % LIGHT.len()]),
            Theme::Plain => Style::new(),
        }
    }

    /// How a cell of a table looks, that is neither new nor chosen.
    pub fn tone(self, tone: Tone) -> Style {
        self.style(match tone {
            Tone::Plain => Part::Text,
            Tone::Dim => Part::Dim,
            Tone::Good => Part::New,
            Tone::Fresh => Part::Fresh,
            Tone::Gone => Part::Gone,
            Tone::Head => Part::Head,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ground_chooses_and_no_colour_is_no_colour() {
        assert_eq!(Theme::fitting(true, Some("0;15")), Theme::Light);
        assert_eq!(Theme::fitting(true, Some("15;default;0")), Theme::Dark);
        assert_eq!(Theme::fitting(true, None), Theme::Dark);
        assert_eq!(Theme::fitting(false, Some("0;15")), Theme::Plain);
        let parts = [Part::Dim, Part::Chosen, Part::New, Part::Fresh, Part::Gone, Part::Warning, Part::Series(3)];
        for part in parts {
            let style = Theme::Plain.style(part);
            assert_eq!((style.fg, style.bg), (None, None), "{part:?}");
        }
    }
}
