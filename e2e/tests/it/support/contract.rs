//! `docs/asyncapi.yaml` as a judge: whether a frame is one of the messages that it describes, or one of its examples.

mod example;
mod words;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

pub(crate) use example::Example;
use example::{command, payload};

/// The document, with its schemas ready for use.
pub(crate) static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// See [`CONTRACT`].
pub(crate) struct Contract {
    document: Value,
    messages: BTreeMap<String, Message>,
}

/// The schemas of a message.
struct Message {
    headers: Validator,
    payload: Validator,
}

impl Contract {
    fn read() -> Self {
        let document: Value =
            yaml_serde::from_str(include_str!("../../../../docs/asyncapi.yaml")).unwrap();
        let messages = document["components"]["messages"].as_object().unwrap();
        let compile = |schema: &Value| {
            // References are to the document's components.
            let root = json!({ "allOf": [schema], "components": document["components"] });
            let options = jsonschema::options()
                .with_draft(Draft::Draft7)
                .should_validate_formats(true);
            options.build(&root).unwrap()
        };
        let messages = messages.iter().map(|(name, message)| {
            let message = Message {
                headers: compile(&message["headers"]),
                payload: compile(&message["payload"]),
            };
            (name.clone(), message)
        });
        Self {
            messages: messages.collect(),
            document,
        }
    }

    /// Fails unless a frame from the gateway is exactly one of the messages that may be there.
    pub(crate) fn check(&self, command: &str, headers: &Value, body: &str) {
        let candidates = self.candidates(command, headers);
        let fits = |name: &&String| {
            let message = &self.messages[name.as_str()];
            message.headers.is_valid(headers) && message.payload.is_valid(&payload(command, body))
        };
        let fitting = candidates.iter().filter(fits).count();
        assert_eq!(fitting, 1, "{candidates:?}: {command} {headers} {body}");
    }

    /// The messages that a frame from the gateway may be.
    fn candidates(&self, command: &str, headers: &Value) -> Vec<String> {
        match command {
            "CONNECTED" => vec!["connected".to_owned()],
            "RECEIPT" => vec!["receipt".to_owned()],
            "ERROR" => vec!["breach".to_owned()],
            "MESSAGE" => {
                let destination = headers["destination"].as_str().unwrap_or_default();
                let channels = self.document["channels"].as_object().unwrap();
                let mut channels = channels.values();
                let channel = channels.find(|channel| is_address(channel, destination));
                let channel = channel.unwrap_or_else(|| panic!("no channel {destination:?}"));
                let messages = channel["messages"].as_object().unwrap();
                messages.keys().cloned().collect()
            }
            other => panic!("the gateway sends no {other}"),
        }
    }

    /// Every example there is.
    pub(crate) fn examples(&self) -> Vec<String> {
        let messages = self.document["components"]["messages"].as_object().unwrap();
        let examples = messages.iter().flat_map(|(message, definition)| {
            let examples = definition["examples"].as_array().unwrap();
            examples
                .iter()
                .map(move |example| format!("{message}/{}", example["name"].as_str().unwrap()))
        });
        examples.collect()
    }

    /// The example `message/name`, whose own form is checked.
    pub(crate) fn example(&self, name: &str) -> Example {
        let (message, example) = name.split_once('/').unwrap();
        let definition = &self.document["components"]["messages"][message];
        let mut examples = definition["examples"].as_array().unwrap().iter();
        let example = examples.find(|found| found["name"] == example).unwrap();
        let schemas = &self.messages[message];
        assert!(schemas.payload.is_valid(&example["payload"]), "{name}");
        if let Some(headers) = example.get("headers") {
            assert!(schemas.headers.is_valid(headers), "{name}");
        }
        Example::new(command(message), example.clone())
    }
}

/// Whether a channel's address, with any parameters, is this destination.
fn is_address(channel: &Value, destination: &str) -> bool {
    let Some(address) = channel["address"].as_str() else {
        return false;
    };
    let (parts, found) = (address.split('/'), destination.split('/'));
    parts.clone().count() == found.clone().count()
        && parts
            .zip(found)
            .all(|(part, found)| part == found || part.starts_with('{'))
        // `/user/queue/errors` is no user's.
        && (address == destination || !destination.starts_with("/user/queue/"))
}
