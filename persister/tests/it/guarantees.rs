//! `docs/guarantees.md` names tests that exist.

use std::path::Path;

#[test]
fn every_test_that_the_guarantees_rest_on_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let mut named = 0;
    for code in page.split('`').skip(1).step_by(2) {
        let Some((file, test)) = code.split_once("::") else {
            continue;
        };
        let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        assert!(source.contains(&format!("fn {test}(")), "{code}");
        named += 1;
    }
    assert!(named > 20, "the table was read: {named}");
}
