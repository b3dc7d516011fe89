//! Every header and field that the document knows, so that a test can see to it that none of them is made up.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Contract;

impl Contract {
    /// All of them, each with the schema that has it, or with the message where the schema is nobody else's.
    pub(crate) fn words(&self) -> BTreeSet<String> {
        let messages = self.document["components"]["messages"].as_object().unwrap();
        let words = messages
            .keys()
            .flat_map(|name| self.words_of(name, |_| true));
        words.collect()
    }

    /// Those of a message that a frame has.
    pub(crate) fn words_in(&self, message: &str, headers: &Value, body: &str) -> Vec<String> {
        let payload: Value = serde_json::from_str(body).unwrap_or_default();
        self.words_of(message, |word| {
            headers.get(word).is_some() || payload.get(word).is_some()
        })
    }

    fn words_of(&self, message: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let definition = &self.document["components"]["messages"][message];
        let mut words = Vec::new();
        for part in ["headers", "payload"] {
            self.collect(message, &definition[part], &wanted, &mut words);
        }
        words
    }

    fn collect(
        &self,
        owner: &str,
        schema: &Value,
        wanted: &impl Fn(&str) -> bool,
        words: &mut Vec<String>,
    ) {
        if let Some(reference) = schema["$ref"].as_str() {
            let path = reference.trim_start_matches('#');
            let owner = path.rsplit('/').next().unwrap();
            return self.collect(owner, self.document.pointer(path).unwrap(), wanted, words);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(owner, part, wanted, words);
        }
        let properties = schema["properties"].as_object();
        let names = properties.into_iter().flat_map(|all| all.keys());
        words.extend(
            names
                .filter(|name| wanted(name))
                .map(|name| format!("{owner}: {name}")),
        );
    }
}
