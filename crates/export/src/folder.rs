//! The folder, as a value: what stands in each file. The same job gives the same bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::flink::Input;
use crate::{Job, container, flink, kubernetes, native, readme, settings};

/// What a job is tested with.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The records, as a tape.
    pub tape: Vec<u8>,
    /// What comes of them: the final rows of each sink, a JSON object a line.
    pub answers: BTreeMap<String, Vec<u8>>,
    /// The same records as files for Flink; empty if the job cannot be said to Flink.
    pub inputs: Vec<Input>,
}

/// Files by their paths below the folder.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Folder {
    /// The folder of a job. With `to_flink` it is said to Flink, too, which must be possible.
    pub fn of(job: &Job, evidence: &Evidence, to_flink: bool) -> Folder {
        let mut folder = Folder::default();
        let (script, settings) = (native::script(job), settings::file(job));
        let mut own = BTreeMap::from([("job.sql", script.as_str()), ("millstream.toml", settings.as_str())]);
        own.extend(job.function_files());
        for (name, text) in kubernetes::files(job, &own) {
            folder.put(format!("kubernetes/{name}"), text);
        }
        for (path, text) in &own {
            folder.put(*path, *text);
        }
        folder.put("Dockerfile", container::dockerfile(job));
        folder.put(".dockerignore", container::dockerignore(job));
        folder.put("compose.yaml", container::compose(job));
        folder.put("test/input.jsonl", evidence.tape.clone());
        for (sink, rows) in &evidence.answers {
            folder.put(format!("test/answer/{sink}.jsonl"), rows.clone());
        }
        if to_flink {
            for input in &evidence.inputs {
                folder.put(format!("test/flink/{}.jsonl", input.table), input.bytes.clone());
            }
            for (name, text) in flink::files(job, &evidence.inputs) {
                folder.put(format!("flink/{name}"), text);
            }
        }
        folder.put("README.md", readme::file(job, evidence, to_flink));
        folder
    }

    /// Adds a file, or replaces it.
    pub fn put(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), bytes.into());
    }

    /// The files, by path.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_path(), bytes.as_slice()))
    }

    /// One of the files.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(Path::new(path)).map(Vec::as_slice)
    }
}
