//! Whatever is done to a workbook, taking it back leads through the same states in reverse, and making it
//! again leads forward through them; and what is written of it reads back as the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_sql::{Catalog, Relation, View};
use proptest::prelude::*;

use super::*;

/// Something that a user does.
#[derive(Clone, Debug)]
enum Act {
    Define(u8, u8),
    Drop(u8),
    Draft(u8),
    Undo,
    Redo,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..4u8, 0..5u8).prop_map(|(name, body)| Act::Define(name, body)),
        2 => (0..4u8).prop_map(Act::Drop),
        2 => (0..5u8).prop_map(Act::Draft),
        2 => Just(Act::Undo),
        1 => Just(Act::Redo),
    ]
}

fn view(name: u8, body: u8) -> Arc<View> {
    let text = format!("SELECT {body} AS v FROM t{}", body % 3);
    let query = millstream_sql::query(&text).expect("is a query");
    let (name, columns) = (format!("s{name}"), Vec::new());
    Arc::new(View { name, columns, query, text, temporary: false, comment: None })
}

/// The change of an act, if it changes anything.
fn change(workbook: &Workbook, act: &Act) -> Option<Change> {
    let edit = match act {
        Act::Define(name, body) => {
            let view = view(*name, *body);
            let before = workbook.step(&view.name).cloned();
            let after = Some(workbook.next(view.clone()));
            (before != after).then(|| Edit::Step { name: view.name.clone(), before, after })
        }
        Act::Drop(name) => {
            let name = format!("s{name}");
            workbook.step(&name).cloned().map(|step| Edit::Step { name, before: Some(step), after: None })
        }
        Act::Draft(body) => {
            let after: Option<Arc<str>> = (*body > 0).then(|| format!("FROM t{body}").into());
            let before = workbook.draft().cloned();
            (before != after).then_some(Edit::Draft { before, after })
        }
        Act::Undo | Act::Redo => None,
    }?;
    Some(Change { what: format!("{act:?}"), edits: vec![edit] })
}

/// All that can be seen of a workbook and its catalogue.
fn seen(workbook: &Workbook, catalog: &Catalog) -> (String, Vec<String>) {
    let relations = catalog.relations().map(|relation| match relation {
        Relation::View(view) => format!("{}: {}", view.name, view.text),
        Relation::Table(table) => table.tap.name.clone(),
    });
    (write(&pieces(workbook, catalog, &BTreeMap::new())), relations.collect())
}

proptest! {
    #[test]
    fn undo_and_redo_lead_through_the_same_states(acts in prop::collection::vec(act(), 1..60)) {
        let (mut workbook, mut catalog) = (Workbook::default(), Catalog::new());
        // The model: every state that stands before or behind the present one.
        let (mut past, mut future) = (Vec::new(), Vec::new());
        for act in &acts {
            let before = seen(&workbook, &catalog);
            match act {
                Act::Undo => match workbook.undo(&mut catalog) {
                    Some(_) => {
                        future.push(before);
                        prop_assert_eq!(seen(&workbook, &catalog), past.pop().expect("there was a change"));
                    }
                    None => prop_assert!(past.is_empty()),
                },
                Act::Redo => match workbook.redo(&mut catalog) {
                    Some(_) => {
                        past.push(before);
                        prop_assert_eq!(seen(&workbook, &catalog), future.pop().expect("it was taken back"));
                    }
                    None => prop_assert!(future.is_empty()),
                },
                act => if let Some(change) = change(&workbook, act) {
                    workbook.make(change, &mut catalog);
                    past.push(before);
                    future.clear();
                }
            }
        }
        while workbook.undo(&mut catalog).is_some() {
            prop_assert_eq!(seen(&workbook, &catalog), past.pop().expect("there was a change"));
        }
        prop_assert!(past.is_empty() && catalog.relations().next().is_none());
    }

    #[test]
    fn what_is_written_reads_back(acts in prop::collection::vec(act(), 1..40)) {
        let (mut workbook, mut catalog) = (Workbook::default(), Catalog::new());
        for act in &acts {
            if let Some(change) = change(&workbook, act) {
                workbook.make(change, &mut catalog);
            }
        }
        let settings = BTreeMap::from([("k'ey".to_string(), "it's".to_string())]);
        let written = pieces(&workbook, &catalog, &settings);
        let contents = read(&write(&written));
        prop_assert!(contents.broken.is_empty(), "{:?}", contents.broken);
        prop_assert_eq!(contents.pieces(), written);
        let mut versions = Vec::new();
        let mut draft = None;
        for entry in contents.parts.into_values().flat_map(|part| part.entries) {
            match entry {
                Entry::Draft(text) => draft = Some(text),
                Entry::Statement { statement, version } => match *statement {
                    millstream_sql::Statement::CreateView(view) => versions.push((view.name.text, version, view.text)),
                    millstream_sql::Statement::Set { key, value } => {
                        prop_assert_eq!((key.as_str(), value.as_str()), ("k'ey", "it's"));
                    }
                    other => prop_assert!(false, "{:?}", other),
                },
            }
        }
        let of_step = |step: &Step| {
            let version = |version: &Version| (version.view.name.clone(), Some(version.number), version.view.text.clone());
            step.versions().iter().map(version).collect::<Vec<_>>()
        };
        let wanted: Vec<_> = workbook.steps().flat_map(|(_, step)| of_step(step)).collect();
        prop_assert_eq!(versions, wanted);
        prop_assert_eq!(draft.as_deref(), workbook.draft().map(|draft| &**draft));
    }
}

#[test]
fn dependents_come_behind_what_they_read() {
    let (mut workbook, mut catalog) = (Workbook::default(), Catalog::new());
    let mut define = |name: &str, text: &str| {
        let query = millstream_sql::query(text).expect("is a query");
        let (columns, text) = (Vec::new(), text.to_string());
        let view = View { name: name.into(), columns, query, text, temporary: false, comment: None };
        let after = Some(workbook.next(Arc::new(view)));
        let edit = Edit::Step { name: name.into(), before: None, after };
        workbook.make(Change { what: String::new(), edits: vec![edit] }, &mut catalog);
    };
    define("z", "SELECT * FROM t");
    define("a", "SELECT * FROM m JOIN z ON m.v = z.v");
    define("m", "SELECT * FROM z");
    define("other", "SELECT * FROM u");
    assert_eq!(dependents(&workbook, ["t"]), ["z", "m", "a"]);
    assert_eq!(dependents(&workbook, ["m@1"]), ["a"]);
    assert_eq!(dependents(&workbook, ["a"]), Vec::<String>::new());
}
