//! `Dockerfile` and `compose.yaml`: the job and the lean runner in one image, its state on a volume.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::yaml::{documents, value};
use crate::{Job, Secret};

/// Where the image serves `/metrics` and its sisters.
pub const PORT: u16 = 9464;
/// The user of the image; it is nobody else's.
pub const USER: u32 = 10001;

/// The recipe of the image.
pub fn dockerfile(job: &Job) -> String {
    format!(
        "# docker build --build-context bin=FOLDER-OF-millstream-runner -t {name} .\n\
         FROM debian:bookworm-slim\n\
         RUN apt-get update \\\n\
         \x20   && apt-get install --yes --no-install-recommends ca-certificates libsasl2-2 libssl3 \\\n\
         \x20   && rm -rf /var/lib/apt/lists/* \\\n\
         \x20   && mkdir /state && chown {USER}:{USER} /state\n\
         COPY --from=bin millstream-runner /usr/local/bin/millstream-runner\n\
         COPY job.sql millstream.toml /job/\n\
         USER {USER}:{USER}\n\
         VOLUME /state\n\
         EXPOSE {PORT}\n\
         STOPSIGNAL SIGTERM\n\
         ENTRYPOINT [\"millstream-runner\", \"/job\", \"--state\", \"/state\", \"--listen\", \"0.0.0.0:{PORT}\"]\n",
        name = job.name
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
