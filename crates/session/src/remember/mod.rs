//! What a session at a prompt finds of the one before: settings, tables, functions, steps and the draft, from the
//! workbook in the workspace. What cannot be read is set aside and named; the session begins all the same.
//!
//! Other prompts may be at the same workspace. Before each statement a session takes over what they have made,
//! and behind it writes what it has made itself into what stands there by then: nobody's tables and steps are
//! lost. Settings and the draft are everybody's own while a session lasts; the file keeps the newest.

use std::collections::BTreeMap;
use std::io;

use crate::session::Session;
use crate::workbook::{self, Contents, Edit, Key, Pieces, Stamp};

mod read;
#[cfg(test)]
mod tests;

/// What is known of the file, and what stood here when it was looked at last.
#[derive(Debug, Default)]
pub struct Kept {
    /// The number of the change up to which it was kept, and the settings.
    here: (u64, BTreeMap<String, String>),
    /// The pieces of this session at that time.
    mine: Pieces,
    /// The pieces of the file.
    file: Pieces,
    /// Which writing of the file that was.
    stamp: Option<Stamp>,
}

/// Takes up the workbook of the workspace.
pub fn recall(session: &mut Session) {
    session.kept.here = (session.workbook.changes(), BTreeMap::new());
    let stamp = session.store.stamp();
    let contents = match session.store.read() {
        Ok(Some(text)) => workbook::read(&text),
        Ok(None) => return,
        Err(error) => return set_aside(session, error.to_string()),
    };
    let file = contents.pieces();
    let mut broken = contents.broken;
    for (key, part) in contents.parts {
        let edit = read::edit(session, &key, part.entries, &mut broken);
        if let Some(edit) = edit {
            session.workbook.take_over(edit, &mut session.catalog);
        }
    }
    session.workbook.begin();
    if !broken.is_empty() {
        return set_aside(session, broken.join("; "));
    }
    session.kept = Kept { here: here(session), mine: pieces(session), file, stamp };
}

fn set_aside(session: &mut Session, reason: String) {
    let note = match session.store.set_aside(reason) {
        Ok(damage) => format!(
            "the workbook could not be read as a whole and is set aside as {}: {}",
            damage.path.display(),
            damage.reason
        ),
        Err(error) => format!("the workbook {} cannot be read: {error}", session.store.path().display()),
    };
    session.notes.push(note);
}

fn here(session: &Session) -> (u64, BTreeMap<String, String>) {
    (session.workbook.changes(), session.settings.here().clone())
}

fn pieces(session: &Session) -> Pieces {
    workbook::pieces(&session.workbook, &session.catalog, session.settings.here())
}

/// Takes over what other sessions have made since the file was looked at last.
pub fn meet(session: &mut Session) {
    let stamp = session.store.stamp();
    if stamp == session.kept.stamp {
        return;
    }
    // A file that cannot be read now is looked at again before it is written.
    if let Ok(Some(text)) = session.store.read() {
        let contents = workbook::read(&text);
        if contents.broken.is_empty() {
            take_over(session, contents);
            session.kept.stamp = stamp;
        }
    }
}

/// Takes over what differs from the file as it was known, but for what was changed here as well, which is given back.
fn take_over(session: &mut Session, contents: Contents) -> Vec<Key> {
    let file = contents.pieces();
    let mine = pieces(session);
    let own = workbook::changed(&session.kept.mine, &mine);
    let mut parts = contents.parts;
    let (mut taken, mut both) = (Vec::new(), Vec::new());
    let mut keys = workbook::changed(&session.kept.file, &file);
    // What is gone first: its name may stand for something else now.
    keys.sort_by_key(|key| file.contains_key(key));
    for key in keys {
        if matches!(key, Key::Setting(_) | Key::Draft) {
            continue;
        }
        let entries = parts.remove(&key).map(|part| part.entries).unwrap_or_default();
        let mut broken = Vec::new();
        let edit = read::edit(session, &key, entries, &mut broken);
        if own.contains(&key) {
            both.push(key.clone());
            rebase(session, edit);
        } else if let Some(edit) = edit {
            let name = edit.name().unwrap_or_default().to_string();
            taken.push(read::what(&edit));
            session.workbook.take_over(edit, &mut session.catalog);
            session.forget_asides(&name);
        }
        session.notes.extend(broken.into_iter().map(|reason| format!("not taken over from another session: {reason}")));
    }
    if !taken.is_empty() {
        session.notes.push(format!("from another session on this workspace: {}", taken.join(", ")));
    }
    // What was taken over is nobody's change any more; what is changed here still is.
    let mut known = pieces(session);
    for key in &own {
        match session.kept.mine.remove(key) {
            Some(piece) => known.insert(key.clone(), piece),
            None => known.remove(key),
        };
    }
    let settings = session.kept.here.1.clone();
    let changes = if own.is_empty() { session.workbook.changes() } else { session.kept.here.0 };
    (session.kept.mine, session.kept.file, session.kept.here) = (known, file, (changes, settings));
    both
}

/// A step that was changed here and there keeps the versions of both; the newest is the one of this session.
fn rebase(session: &mut Session, theirs: Option<Edit>) {
    let Some(Edit::Step { name, after: Some(theirs), .. }) = theirs else { return };
    let Some(mine) = session.workbook.step(&name).cloned() else { return };
    let after = mine.behind(&theirs);
    if after != theirs {
        let (theirs, own) = (theirs.label(), after.label());
        session.notes.push(format!("another session has made {theirs} meanwhile; what was made here is {own}"));
    }
    let edit = Edit::Step { name, before: Some(mine), after: Some(after) };
    session.workbook.take_over(edit, &mut session.catalog);
}

/// Keeps the workbook if it has changed since it was kept last.
pub fn keep(session: &mut Session) {
    if here(session) == session.kept.here {
        return;
    }
    if let Err(error) = write(session) {
        session.notes.push(format!(
            "the workbook {} cannot be written, it will be gone with the session: {error}",
            session.store.path().display()
        ));
    }
}

/// Writes what was changed here into the file as it is now.
fn write(session: &mut Session) -> io::Result<()> {
    let _lock = session.store.lock()?;
    if session.store.stamp() != session.kept.stamp {
        match session.store.read()?.map(|text| workbook::read(&text)) {
            Some(contents) if !contents.broken.is_empty() => set_aside(session, contents.broken.join("; ")),
            Some(contents) => {
                for key in take_over(session, contents) {
                    if let Key::Table(name) | Key::Function(name) = key {
                        session
                            .notes
                            .push(format!("another session has changed '{name}' meanwhile; what was said here stands"));
                    }
                }
            }
            None => {}
        }
    }
    let mine = pieces(session);
    let own = workbook::changed(&session.kept.mine, &mine);
    let gone = session.store.stamp().is_none();
    let file = if gone { mine.clone() } else { workbook::with(session.kept.file.clone(), &own, &mine) };
    session.store.write(&workbook::write(&file))?;
    session.kept = Kept { here: here(session), mine, file, stamp: session.store.stamp() };
    Ok(())
}
