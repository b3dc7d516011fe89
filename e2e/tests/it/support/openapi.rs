//! The OpenAPI document that a gateway serves, and whether its answers are what it says.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;

use jsonschema::Draft;
use local::probe;
use serde_json::{Value, json};

use super::library::parse_document;

/// Where the document is.
pub(crate) const PATH: &str = "/api/openapi.json";

/// A gateway that is asked, and what it says that it answers.
pub(crate) struct Queries {
    gateway: SocketAddr,
    /// Shown with every question.
    token: Option<String>,
    document: Value,
    /// Operations and the statuses they were answered with.
    seen: Mutex<BTreeSet<(String, String)>>,
}

impl Queries {
    /// Fetches the document, and has it read by a parser of OpenAPI.
    pub(crate) async fn of(gateway: SocketAddr) -> Self {
        let answer = probe::ask(gateway, PATH).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &answer.body).unwrap();
        Self {
            gateway,
            token: None,
            document: parse_document("openapi", file.path()).await,
            seen: Mutex::default(),
        }
    }

    /// Asks as the holder of a token from here on.
    pub(crate) fn shows(&mut self, token: &str) {
        self.token = Some(format!("Bearer {token}"));
    }

    /// The JSON that a question is answered with, which has to be what the document says of this status.
    pub(crate) async fn ask(&self, path: &str, status: u16) -> Value {
        let token = self.token.as_deref();
        let headers: Vec<_> = token
            .map(|token| ("Authorization", token))
            .into_iter()
            .collect();
        let answer = probe::ask_with(self.gateway, path, &headers).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        let (resource, query) = path.split_once('?').unwrap_or((path, ""));
        let (template, operation) = self.operation(resource);
        assert_documented(operation, query);
        let response = &operation["responses"][status.to_string()];
        assert!(response.is_object(), "{template} never answers {status}");
        for name in response["headers"].as_object().into_iter().flatten() {
            assert!(answer.header(name.0).is_some(), "{path}: no {}", name.0);
        }
        let media_type = answer.header("content-type").unwrap();
        let schema = &response["content"][media_type]["schema"];
        assert!(schema.is_object(), "{template} is never {media_type}");

        let body = serde_json::from_str(&answer.body).unwrap();
        self.validate(schema, &body, path);
        let seen = (template.to_owned(), status.to_string());
        self.seen.lock().unwrap().insert(seen);
        body
    }

    /// The operations there are.
    pub(crate) fn operations(&self) -> Vec<&str> {
        let paths = self.document["paths"].as_object().unwrap();
        paths.keys().map(String::as_str).collect()
    }

    /// Fails when an operation was never answered with one of these statuses though it may be, by the document.
    pub(crate) fn assert_seen(&self, statuses: &[&str]) {
        let seen = self.seen.lock().unwrap();
        for template in self.operations() {
            let responses = &self.document["paths"][template]["get"]["responses"];
            for status in responses.as_object().unwrap().keys() {
                let pair = (template.to_owned(), status.clone());
                let asked = statuses.contains(&status.as_str());
                assert!(!asked || seen.contains(&pair), "{pair:?} was never seen");
            }
        }
    }

    /// The one operation that a path belongs to.
    fn operation(&self, resource: &str) -> (&str, &Value) {
        let fits = |template: &&str| {
            let (mut parts, mut found) = (template.split('/'), resource.split('/'));
            parts
                .by_ref()
                .zip(found.by_ref())
                .all(|(part, found)| part.starts_with('{') || part == found)
                && template.split('/').count() == resource.split('/').count()
        };
        let mut fitting = self.operations().into_iter().filter(fits);
        let template = fitting
            .next()
            .unwrap_or_else(|| panic!("{resource} is in no document"));
        assert_eq!(fitting.next(), None, "{resource} is ambiguous");
        (template, &self.document["paths"][template]["get"])
    }

    fn validate(&self, schema: &Value, body: &Value, path: &str) {
        // References are to the document's components.
        let mut root = schema.clone();
        root["components"] = self.document["components"].clone();
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(&root)
            .unwrap();
        let faults: Vec<_> = validator
            .iter_errors(body)
            .map(|fault| fault.to_string())
            .collect();
        assert_eq!(json!(faults), json!([]), "{path}: {body}");
    }
}

/// Every parameter that is asked with is in the document.
fn assert_documented(operation: &Value, query: &str) {
    let documented: Vec<_> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or(pair);
        assert!(documented.contains(&name), "{name}: {documented:?}");
    }
}
