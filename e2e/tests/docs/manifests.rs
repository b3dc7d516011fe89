//! `k8s/`: what has to be there twice is the same. Whether the manifests are valid is for `make check`.

use std::path::{Path, PathBuf};

use crate::prometheus_rule;

/// Files of `deploy/` that kustomize, which reads nothing outside of its folder, needs a copy of.
const COPIES: [(&str, &str); 3] = [
    (
        "deploy/nats/authorization.conf",
        "k8s/components/nats-authorization/authorization.conf",
    ),
    (
        "deploy/postgres/roles.sql",
        "k8s/overlays/development/roles.sql",
    ),
    (
        "deploy/postgres/make-roles.sh",
        "k8s/overlays/development/make-roles.sh",
    ),
];

#[test]
fn copies_are_copies() {
    for (original, copy) in COPIES {
        assert!(
            read(original) == read(copy),
            "{copy} is not {original}: cp {original} {copy}"
        );
    }
}

#[test]
fn the_prometheus_rule_is_that_of_the_alerts() {
    let alerts = std::fs::read_to_string(prometheus_rule::ALERTS).unwrap();
    assert!(
        read("k8s/components/monitoring/prometheus-rule.yaml")
            == prometheus_rule::manifest(&alerts),
        "the PrometheusRule is not what the alerts say; `make docs` writes it"
    );
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &str) -> String {
    let file = root(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
