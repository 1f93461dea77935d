//! `README.md` of the folder: what the job does, how to run, test and deploy it, what it takes from its
//! environment, and where Flink differs.

use std::fmt::Write as _;

use crate::{Evidence, Job, flink, kubernetes};

/// The file.
pub fn file(job: &Job, evidence: &Evidence, to_flink: bool) -> String {
    let mut text = format!("# {}\n\nA stream job, exported by Millstream {}.\n\n", job.name, env!("CARGO_PKG_VERSION"));
    let names = |tables: &[millstream_sql::catalog::Table]| {
        let named = |table: &millstream_sql::catalog::Table| format!("`{}` ({})", table.tap.name, table.tap.connector);
        tables.iter().map(named).collect::<Vec<_>>().join(", ")
    };
    let _ = write!(text, "It reads {} and writes {}.\n\n", names(&job.taps), names(&job.sinks));
    text += "    millstream check .       # plans it and calls its topics\n    \
             millstream test .        # the input in test/ through the job, compared with test/answer; exit code 0 or 4\n    \
             millstream run .         # runs it with checkpoints; stop it with Ctrl-C, start it again, and it goes on\n\n";
    text += "`job.sql` is what it does, `millstream.toml` how. The folder `state` appears when it runs and must be kept.\n\n";
    secrets(&mut text, job);
    functions(&mut text, job);
    let _ = write!(
        text,
        "## In containers\n\n    MILLSTREAM_BIN=FOLDER-OF-millstream-runner docker compose up --build\n    \
         kubectl apply -k kubernetes/\n\n\
         The image `{name}` that compose builds is the one that `kubernetes/` names; push it where your cluster finds it.\n\
         One pod runs the job: a second copy would be fenced off. The broker must be reachable under the name in `job.sql`.\n\
         `/healthz`, `/readyz` and `/metrics` (Prometheus) are on port {port}.\n\n",
        name = job.name,
        port = crate::container::PORT
    );
    let _ = write!(
        text,
        "## The test\n\n`test/input.jsonl` is a tape: a line that names the tables, then a record a line in the order of \
         arrival, with table, topic, partition, offset, timestamp, key, headers and value as text (or `…_hex` where it is no \
         text). `test/answer/` holds the final rows of each sink, changes folded, a JSON object a line, sorted. Over the \
         input: {} records, {} rows.\n\n",
        lines(&evidence.tape).saturating_sub(1),
        evidence.answers.values().map(|rows| lines(rows)).sum::<usize>()
    );
    if to_flink {
        flink_part(&mut text, job, evidence);
    } else {
        text += "## On Apache Flink\n\nThis job cannot be said to Flink as it is:\n\n";
        for obstacle in flink::obstacles(job) {
            let _ = writeln!(text, "- {}: {}; {}", obstacle.uid, obstacle.why, obstacle.way_out);
        }
    }
    text
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

fn secrets(text: &mut String, job: &Job) {
    if job.secrets.is_empty() {
        return;
    }
    *text += "## What it takes from the environment\n\nNo password is in this folder. Set before you run it:\n\n";
    for secret in &job.secrets {
        let _ = writeln!(text, "- `{}`: {}", secret.variable, secret.purpose);
    }
    let literals: String = job.secrets.iter().map(|secret| format!(" --from-literal={}=…", secret.variable)).collect();
    let _ = write!(
        text,
        "\nFor Kubernetes: `kubectl create secret generic {}{literals}`\n\n",
        kubernetes::secret_name(job)
    );
}

fn functions(text: &mut String, job: &Job) {
    if job.functions.is_empty() {
        return;
    }
    *text += "## Functions of Rust\n\nThe job calls functions that its user has written:\n\n";
    for function in &job.functions {
        let _ = writeln!(text, "- `{}` in `{}`", function.name, function.file);
    }
    let _ = write!(
        text,
        "\nThey are compiled when the job starts, by the rustc on the PATH, and kept in the user's cache. A machine without \
         rustc needs their libraries, made on one of its kind with the same version of Millstream:\n\n    \
         millstream-runner . --build-functions functions    # and copy the folder; or name another with --functions\n\n\
         The `Dockerfile` does so in a stage of its own: the image that runs holds no compiler.\n\n",
    );
}

fn flink_part(text: &mut String, job: &Job, evidence: &Evidence) {
    *text += "## On Apache Flink\n\n    FLINK_HOME=… flink/session-cluster.sh   # submits flink/job.sql to a session cluster\n    \
              FLINK_HOME=… flink/test.sh              # the input in test/ on Flink, the answer compared\n    \
              kubectl apply -f flink/deployment.yaml  # with Flink's Kubernetes operator\n\n\
              `flink/job.sql` is the same query with the options of Flink's connectors; `flink/job-files.sql` the same over \
              files. `flink/connectors.txt` lists the jars to add. A changed query starts with new state there.\n";
    let notes = flink::notes(job);
    if !notes.is_empty() {
        *text += "\nWhat is set or differs there:\n\n";
        notes.iter().for_each(|note| *text += &format!("- {note}\n"));
    }
    let decoded = evidence.inputs.iter().filter_map(|input| Some((&input.table, input.decoded.as_ref()?)));
    for (table, why) in decoded {
        let _ = writeln!(text, "- in the test, `{table}` comes to Flink as JSON that Millstream has decoded: {why}");
    }
}
