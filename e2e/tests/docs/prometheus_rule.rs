//! The `PrometheusRule` of `k8s/`, written from the alert rules that Prometheus in `docker-compose.yml` reads.

/// The alert rules.
pub(crate) const ALERTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/prometheus/alerts.yaml"
);

/// The manifest as it should be, for these alert rules.
pub(crate) fn manifest(alerts: &str) -> String {
    let mut manifest = String::from(
        "# Written by `make docs` from deploy/prometheus/alerts.yaml.\n\
         apiVersion: monitoring.coreos.com/v1\n\
         kind: PrometheusRule\n\
         metadata:\n  name: chat-events\n  namespace: chat-events\n\
         spec:\n",
    );
    // Comments at the top are about that file.
    let rules = alerts.lines().skip_while(|line| line.starts_with('#'));
    for line in rules {
        if !line.is_empty() {
            manifest.push_str("  ");
            manifest.push_str(line);
        }
        manifest.push('\n');
    }
    manifest
}
