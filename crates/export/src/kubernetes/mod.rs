//! `kubernetes/`: a stateful set of one pod with a volume for its state, the job as a config map, passwords from a
//! secret that somebody else makes, probes, and a service for whoever collects metrics.

pub mod objects;

use std::collections::BTreeMap;

use objects::*;

use crate::container::{PORT, USER};
use crate::yaml::{documents, value};
use crate::{Job, Secret};

/// The files of the folder, by name. `files` are those of the job that the pod reads.
pub fn files(job: &Job, files: &BTreeMap<&str, &str>) -> Vec<(&'static str, String)> {
    let data = files.iter().map(|(path, text)| (key(path), text.to_string())).collect();
    vec![
        ("config-map.yaml", documents(&[value(&config_map(job, "job", data))])),
        ("service.yaml", documents(&[value(&service(job))])),
        ("stateful-set.yaml", documents(&[value(&stateful_set(job, files))])),
        ("kustomization.yaml", documents(&[value(&kustomization())])),
    ]
}

/// The key of a file in a config map, which has no folders.
fn key(path: &str) -> String {
    path.replace('/', ".")
}

/// The labels of all objects of a job.
pub fn labels(job: &Job) -> Labels {
    let label = |key: &str, value: &str| (key.to_string(), value.to_string());
    Labels::from([
        label("app.kubernetes.io/name", &job.name),
        label("app.kubernetes.io/component", "stream-job"),
        label("app.kubernetes.io/managed-by", "millstream"),
    ])
}

/// The name of the secret that holds a job's passwords.
pub fn secret_name(job: &Job) -> String {
    format!("{}-secrets", job.name)
}

/// A config map of these files; `what` ends its name.
pub fn config_map(job: &Job, what: &str, data: BTreeMap<String, String>) -> Object<Data> {
    Object {
        api_version: "v1",
        kind: "ConfigMap",
        metadata: metadata(job, &format!("{}-{what}", job.name)),
        body: Data { data },
    }
}

/// The passwords, each from the secret.
pub fn environment(job: &Job) -> Vec<Variable> {
    let variable = |Secret { variable, .. }: &Secret| Variable {
        name: variable.clone(),
        value_from: ValueFrom { secret_key_ref: KeyRef { name: secret_name(job), key: variable.clone() } },
    };
    job.secrets.iter().map(variable).collect()
}

fn metadata(job: &Job, name: &str) -> Metadata {
    Metadata { name: name.into(), labels: labels(job) }
}

fn service(job: &Job) -> Object<Spec<ServiceSpec>> {
    let ports = vec![ServicePort { name: "metrics", port: PORT, target_port: "metrics" }];
    let spec = ServiceSpec { cluster_ip: "None", selector: labels(job), ports };
    Object { api_version: "v1", kind: "Service", metadata: metadata(job, &job.name), body: Spec { spec } }
}

fn stateful_set(job: &Job, files: &BTreeMap<&str, &str>) -> Object<Spec<StatefulSetSpec>> {
    let claim = Claim {
        metadata: ClaimMetadata { name: "state" },
        spec: ClaimSpec {
            access_modes: ["ReadWriteOnce"],
            resources: Resources { requests: BTreeMap::from([("storage", "10Gi")]), limits: BTreeMap::new() },
        },
    };
    // Where no file stands in a folder, every key is its path.
    let folders = files.keys().any(|path| path.contains('/'));
    let item = |path: &&str| KeyPath { key: key(path), path: (*path).to_string() };
    let items = if folders { files.keys().map(item).collect() } else { Vec::new() };
    let pod = PodSpec {
        security_context: Some(PodSecurity { run_as_non_root: true, run_as_user: USER, fs_group: USER }),
        termination_grace_period_seconds: Some(60),
        init_containers: Vec::new(),
        containers: vec![container(job)],
        volumes: vec![Volume {
            name: "job",
            config_map: Some(ConfigMapRef { name: format!("{}-job", job.name), items }),
            empty_dir: None,
        }],
    };
    let spec = StatefulSetSpec {
        // Two copies of a job would fence each other off; a second one only waits for the first to go.
        replicas: 1,
        service_name: job.name.clone(),
        selector: Selector { match_labels: labels(job) },
        template: Template { metadata: TemplateMetadata { labels: labels(job) }, spec: pod },
        volume_claim_templates: vec![claim],
    };
    Object { api_version: "apps/v1", kind: "StatefulSet", metadata: metadata(job, &job.name), body: Spec { spec } }
}

fn container(job: &Job) -> Container {
    let probe = |path, failure_threshold| Probe {
        http_get: HttpGet { path, port: "metrics" },
        period_seconds: 10,
        failure_threshold,
    };
    Container {
        name: "job".into(),
        image: Some(job.name.clone()),
        env: environment(job),
        ports: vec![ContainerPort { name: "metrics", container_port: PORT }],
        liveness_probe: Some(probe("/healthz", 6)),
        readiness_probe: Some(probe("/readyz", 3)),
        resources: Some(Resources {
            requests: BTreeMap::from([("cpu", "500m"), ("memory", "512Mi")]),
            limits: BTreeMap::from([("memory", "2Gi")]),
        }),
        security_context: Some(ContainerSecurity {
            allow_privilege_escalation: false,
            read_only_root_filesystem: true,
            capabilities: Capabilities { drop: ["ALL"] },
        }),
        volume_mounts: vec![
            Mount { name: "job", mount_path: "/job", read_only: true },
            Mount { name: "state", mount_path: "/state", read_only: false },
        ],
        ..Container::default()
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Kustomization {
    api_version: &'static str,
    kind: &'static str,
    resources: [&'static str; 3],
}

fn kustomization() -> Kustomization {
    Kustomization {
        api_version: "kustomize.config.k8s.io/v1beta1",
        kind: "Kustomization",
        resources: ["config-map.yaml", "service.yaml", "stateful-set.yaml"],
    }
}
