//! `millstream.toml`: how the job runs, with every policy said, also where it is the default.

use crate::Job;

/// The file.
pub fn file(job: &Job) -> String {
    let policies = &job.policies;
    let topics = policies.topics.as_ref().map_or(String::new(), |folder| {
        format!("\n[topics]\n# Where the embedded topics are, seen from this folder.\nfolder = {}\n", quoted(folder))
    });
    format!(
        "# How this job runs. `millstream run . --help` lists what the command line can change.\n\
         [job]\n\
         name = {name}\n\
         # Worker lanes; one a core is a good start. State is spread anew when this changes.\n\
         parallelism = {parallelism}\n\
         time-zone = {zone}\n\
         \n\
         [checkpoints]\n\
         # Output becomes visible with each checkpoint.\n\
         interval = {interval}\n\
         # Seen from this folder. It must outlive the process.\n\
         folder = \"state\"\n\
         keep = {keep}\n\
         # Memory for the state of all operators, together; what is more lies in the state folder.\n\
         state-memory = \"1 gb\"\n\
         \n\
         [policies]\n\
         # A record that cannot be read: fail, keep (count it and go on) or skip.\n\
         bad-records = {bad}\n\
         # A row behind the watermark is left out of its window and counted in /metrics.\n\
         late-rows = \"count\"\n\
         # A record that is gone before it was read: fail, or go on with the earliest or latest that is there.\n\
         lost-data = {lost}\n\
         {topics}\
         \n\
         [http]\n\
         # /healthz, /readyz and /metrics; port 0 is any free one, which the log tells. Or \"off\".\n\
         listen = \"127.0.0.1:0\"\n",
        name = quoted(&job.name),
        parallelism = policies.parallelism,
        zone = quoted(&policies.zone),
        interval = quoted(&policies.interval),
        keep = policies.keep,
        bad = quoted(&policies.bad_records),
        lost = quoted(&policies.lost_data),
    )
}

/// A basic string of TOML, whose escapes JSON shares.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
