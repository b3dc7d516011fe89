//! Documents that are written from the code, or speak of its enums, say what the code says.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

mod asyncapi;
mod cockpit;
mod configuration;
mod manifests;
mod prometheus_rule;

#[test]
fn the_configuration_page_is_that_of_the_flags() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let written = std::fs::read_to_string(page).unwrap_or_default();
    assert!(
        written == configuration::page(),
        "docs/configuration.md is not what the flags say; `make docs` writes it"
    );
}
