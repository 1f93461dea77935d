//! How the scripts come to a cluster: a shell script for a session cluster, one for the test, and a deployment
//! for Flink's Kubernetes operator. Values out of the environment are put in at the last moment, into a file
//! that nobody else may read.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{KAFKA_SERVERS, script};
use crate::Job;
use crate::kubernetes::objects::{ConfigMapRef, Container, Metadata, Mount, PodSpec, Volume};
use crate::kubernetes::{config_map, environment, labels};
use crate::yaml::{documents, value};

/// `fill.sh`: a script on its way from stdin to stdout, with values in the place of `${env:NAME}`.
pub const FILL: &str = r#"#!/usr/bin/env bash
# Puts values of the environment in the place of ${env:NAME}: fill.sh < job.sql. A variable that is not set ends it.
set -euo pipefail
quote="'"
text=$(cat; printf x)
text=${text%x}
while [[ $text =~ \$\{env:([A-Za-z_][A-Za-z0-9_]*)\} ]]; do
  name=${BASH_REMATCH[1]}
  [ -n "${!name+set}" ] || { echo "fill.sh: set $name in the environment" >&2; exit 2; }
  before=${text%%"${BASH_REMATCH[0]}"*}
  printf '%s%s' "$before" "${!name//$quote/$quote$quote}"
  text=${text:$((${#before} + ${#BASH_REMATCH[0]}))}
done
printf '%s' "$text"
"#;

/// `test.sh`: the job over its test input inside of the SQL client, and the answer compared.
pub const TEST: &str = r#"#!/usr/bin/env bash
# Runs the job over the input in test/ on the Flink in FLINK_HOME, inside of the SQL client, and compares the answer.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${FLINK_HOME:?set FLINK_HOME to the folder of Flink}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/test" "$work/test"
JOB_FOLDER=$work "$here/flink/fill.sh" < "$here/flink/job-files.sql" > "$work/job.sql"
"$FLINK_HOME/bin/sql-client.sh" -hist "$work/history" -f "$work/job.sql"
"${MILLSTREAM:-millstream}" test "$here" --answer "$work/flink-answer"
"#;

/// `session-cluster.sh`.
pub fn session_cluster(job: &Job) -> String {
    let kafka = job.tables().any(|table| matches!(table.tap.connector.as_str(), "topic" | "demo"));
    let servers = if kafka {
        format!("# {KAFKA_SERVERS} names the Kafka that holds the topics which are Millstream's own here.\n")
    } else {
        String::new()
    };
    format!(
        "#!/usr/bin/env bash\n\
         # Submits the job to the session cluster that FLINK_HOME/conf names; connectors.txt lists the jars it needs.\n\
         {servers}\
         set -euo pipefail\n\
         here=$(cd \"$(dirname \"${{BASH_SOURCE[0]}}\")\" && pwd)\n\
         : \"${{FLINK_HOME:?set FLINK_HOME to the folder of Flink}}\"\n\
         export DATA_FOLDER=${{DATA_FOLDER:-$PWD}}\n\
         umask 077\n\
         work=$(mktemp -d)\n\
         trap 'rm -rf \"$work\"' EXIT\n\
         \"$here/fill.sh\" < \"$here/job.sql\" > \"$work/job.sql\"\n\
         \"$FLINK_HOME/bin/sql-client.sh\" -hist \"$work/history\" -f \"$work/job.sql\"\n"
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deployment {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: DeploymentSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentSpec {
    image: String,
    flink_version: &'static str,
    flink_configuration: BTreeMap<&'static str, String>,
    service_account: &'static str,
    job_manager: Manager,
    task_manager: Manager,
    pod_template: PodTemplate,
    job: DeployedJob,
}

#[derive(Serialize)]
struct Manager {
    resource: Resource,
}

#[derive(Serialize)]
struct Resource {
    memory: &'static str,
    cpu: f64,
}

#[derive(Serialize)]
struct PodTemplate {
    spec: PodSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeployedJob {
    #[serde(rename = "jarURI")]
    jar_uri: &'static str,
    entry_class: &'static str,
    args: [&'static str; 2],
    parallelism: usize,
    upgrade_mode: &'static str,
}

/// `deployment.yaml`: an application of its own for Flink's Kubernetes operator, which reads the script itself.
pub fn deployment(job: &Job) -> String {
    let scripts = [("job.sql", script::for_kafka(job)), ("fill.sh", FILL.to_string())];
    let data = scripts.map(|(name, text)| (name.to_string(), text)).into();
    let mut name = config_map(job, "flink", data);
    name.metadata.labels = labels(job);
    let mount = |name, mount_path, read_only| Mount { name, mount_path, read_only };
    let fill = Container {
        name: "fill".into(),
        image: Some(image(job)),
        command: vec![
            "bash".into(),
            "-c".into(),
            "umask 077; bash /script/fill.sh < /script/job.sql > /filled/job.sql".into(),
        ],
        env: environment(job),
        volume_mounts: vec![mount("script", "/script", true), mount("filled", "/filled", false)],
        ..Container::default()
    };
    let main = Container {
        name: "flink-main-container".into(),
        volume_mounts: vec![mount("filled", "/filled", true)],
        ..Container::default()
    };
    let pod = PodSpec {
        security_context: None,
        termination_grace_period_seconds: None,
        init_containers: vec![fill],
        containers: vec![main],
        volumes: vec![
            Volume {
                name: "script",
                config_map: Some(ConfigMapRef { name: name.metadata.name.clone(), items: Vec::new() }),
                empty_dir: None,
            },
            Volume { name: "filled", config_map: None, empty_dir: Some(BTreeMap::new()) },
        ],
    };
    let deployment = Deployment {
        api_version: "flink.apache.org/v1beta1",
        kind: "FlinkDeployment",
        metadata: Metadata { name: format!("{}-flink", job.name), labels: labels(job) },
        spec: DeploymentSpec {
            image: image(job),
            flink_version: "v2_2",
            flink_configuration: BTreeMap::from([
                ("taskmanager.numberOfTaskSlots", job.policies.parallelism.to_string()),
                ("execution.checkpointing.storage", "filesystem".into()),
                ("execution.checkpointing.dir", "file:///flink-data/checkpoints".into()),
                ("execution.checkpointing.savepoint-dir", "file:///flink-data/savepoints".into()),
            ]),
            service_account: "flink",
            job_manager: Manager { resource: Resource { memory: "1600m", cpu: 0.5 } },
            task_manager: Manager { resource: Resource { memory: "2048m", cpu: 1.0 } },
            pod_template: PodTemplate { spec: pod },
            job: DeployedJob {
                jar_uri: "local:///opt/flink/lib/flink-table-runtime-2.2.0.jar",
                entry_class: "org.apache.flink.table.runtime.application.SqlDriver",
                args: ["--scriptUri", "file:///filled/job.sql"],
                parallelism: job.policies.parallelism,
                upgrade_mode: "savepoint",
            },
        },
    };
    let head = format!(
        "# For Flink's Kubernetes operator. The image {} is Flink's own with the jars of connectors.txt in /opt/flink/lib;\n\
         # checkpoints must go where all pods see them: change execution.checkpointing.dir.\n",
        image(job)
    );
    format!("{head}{}", documents(&[value(&name), value(&deployment)]))
}

fn image(job: &Job) -> String {
    format!("{}-flink", job.name)
}
