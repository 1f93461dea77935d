//! `Dockerfile` and `compose.yaml`: the job and the lean runner in one image, its state on a volume.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::yaml::{documents, value};
use crate::{Job, Secret};

/// Where the image serves `/metrics` and its sisters.
pub const PORT: u16 = 9464;
/// The user of the image; it is nobody else's.
pub const USER: u32 = 10001;

/// Where the image has the libraries of the job's functions.
pub const LIBRARIES: &str = "/libraries";
/// The packages that the runner needs beside what a small Debian has.
const PACKAGES: &str = "apt-get update \\\n\
                        \x20   && apt-get install --yes --no-install-recommends ca-certificates libsasl2-2 libssl3 \\\n\
                        \x20   && rm -rf /var/lib/apt/lists/*";
/// What goes into the image.
const FILES: [&str; 2] = ["job.sql", "millstream.toml"];

/// What of the folder the image is made of.
pub fn dockerignore(job: &Job) -> String {
    let functions = (!job.functions.is_empty()).then_some("functions");
    let files: String = FILES.into_iter().chain(functions).map(|file| format!("!{file}\n")).collect();
    format!("*\n{files}")
}

/// The stage that compiles the functions of a job, so that the image that runs needs no compiler.
fn compiled(job: &Job) -> String {
    if job.functions.is_empty() {
        return String::new();
    }
    format!(
        "FROM rust:1-slim-bookworm AS functions\n\
         RUN {PACKAGES}\n\
         COPY --from=bin millstream-runner /usr/local/bin/millstream-runner\n\
         COPY job.sql millstream.toml /job/\n\
         COPY functions /job/functions\n\
         RUN [\"millstream-runner\", \"/job\", \"--build-functions\", \"{LIBRARIES}\"]\n\
         \n"
    )
}

/// The recipe of the image.
pub fn dockerfile(job: &Job) -> String {
    let (functions, libraries) = match job.functions.is_empty() {
        true => (String::new(), String::new()),
        false => (
            format!("COPY functions /job/functions\nCOPY --from=functions {LIBRARIES} {LIBRARIES}\n"),
            format!(", \"--functions\", \"{LIBRARIES}\""),
        ),
    };
    format!(
        "# docker build --build-context bin=FOLDER-OF-millstream-runner -t {name} .\n\
         {compiled}\
         FROM debian:bookworm-slim\n\
         RUN {PACKAGES} \\\n\
         \x20   && mkdir /state && chown {USER}:{USER} /state\n\
         COPY --from=bin millstream-runner /usr/local/bin/millstream-runner\n\
         COPY job.sql millstream.toml /job/\n\
         {functions}\
         USER {USER}:{USER}\n\
         VOLUME /state\n\
         EXPOSE {PORT}\n\
         STOPSIGNAL SIGTERM\n\
         ENTRYPOINT [\"millstream-runner\", \"/job\", \"--state\", \"/state\", \"--listen\", \"0.0.0.0:{PORT}\"{libraries}]\n",
        name = job.name,
        compiled = compiled(job)
    )
}

#[derive(Serialize)]
struct Compose {
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct Service {
    build: Build,
    image: String,
    restart: &'static str,
    /// Brokers are reached under the names that job.sql has for them.
    network_mode: &'static str,
    volumes: Vec<String>,
    stop_grace_period: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    environment: Vec<String>,
}

#[derive(Serialize)]
struct Build {
    context: &'static str,
    additional_contexts: BTreeMap<&'static str, &'static str>,
}

/// One service on the host's network, so that `localhost` in `job.sql` means the same as outside.
pub fn compose(job: &Job) -> String {
    let volume = format!("{}-state", job.name);
    let environment = job.secrets.iter().map(|Secret { variable, .. }| {
        format!("{variable}=${{{variable}:?set {variable} in the environment or in .env}}")
    });
    let service = Service {
        build: Build {
            context: ".",
            additional_contexts: BTreeMap::from([("bin", "${MILLSTREAM_BIN:-/usr/local/bin}")]),
        },
        image: job.name.clone(),
        restart: "on-failure",
        network_mode: "host",
        volumes: vec![format!("{volume}:/state")],
        stop_grace_period: "1m",
        environment: environment.collect(),
    };
    let compose = Compose {
        services: BTreeMap::from([(job.name.clone(), service)]),
        volumes: BTreeMap::from([(volume, BTreeMap::new())]),
    };
    let head = "# MILLSTREAM_BIN=FOLDER-OF-millstream-runner docker compose up --build\n";
    format!("{head}{}", documents(&[value(&compose)]))
}
