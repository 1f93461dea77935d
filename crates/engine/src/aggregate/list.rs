//! `LISTAGG(text, separator)` in order of arrival; nulls are left out. It grows with the rows.

use crate::aggregate::texts::AddText;

/// The texts of a group, one behind the other.
#[derive(Debug)]
pub struct Listed {
    /// What stands between two texts.
    pub separator: String,
}

impl AddText for Listed {
    fn add(&self, cell: &mut Option<String>, text: &str) {
        match cell {
            Some(list) => {
                list.push_str(&self.separator);
                list.push_str(text);
            }
            empty => *empty = Some(text.into()),
        }
    }
}
