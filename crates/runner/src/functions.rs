//! The functions of Rust that a job brings along: who compiles them, and what is said where nobody can.

use std::path::PathBuf;
use std::sync::Arc;

use millstream_plan::{Compiler, Uncompiled, UserFunction};
use millstream_record::Stop;
use millstream_rust_functions::{Functions, Place};

use crate::config::Config;

/// Who compiles the functions of a job.
pub enum Compiled {
    /// This process, in which they run, unless their libraries are there already.
    Here,
    /// The same; the libraries are put into this folder.
    Into(PathBuf),
    /// Whoever plays the job: somebody who looks after them in a way of his own.
    By(Arc<dyn Compiler>),
}

impl Compiled {
    /// The compiler for a job with these settings.
    pub(crate) fn compiler(&self, config: &Config) -> Arc<dyn Compiler> {
        let libraries = config.functions.clone();
        match self {
            Compiled::By(compiler) => compiler.clone(),
            Compiled::Here => Arc::new(InJob { functions: here().with_libraries(libraries), into: None }),
            Compiled::Into(folder) => Arc::new(InJob { functions: here(), into: Some(folder.clone()) }),
        }
    }
}

fn here() -> Functions {
    Functions::new(Place::Here)
}

/// Functions in the process of a job.
struct InJob {
    functions: Functions,
    into: Option<PathBuf>,
}

impl Compiler for InJob {
    fn compile(&self, source: &str, stop: &Stop) -> Result<Vec<UserFunction>, Uncompiled> {
        if let Some(folder) = &self.into {
            self.functions.build(source, folder, stop)?;
        }
        self.functions.compile(source, stop).map_err(|mut error| {
            if error.no_compiler {
                let hint = "or compile them where there is one: millstream-runner JOB --build-functions DIR, and start with --functions DIR";
                error.hints.push(hint.into());
            }
            error
        })
    }
}
