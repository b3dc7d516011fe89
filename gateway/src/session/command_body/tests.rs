//! Bodies as tables: what is read, what is refused, and with which words.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(body: &str, user: Option<i64>, expected: &str) {
    let user = user.map(|user| UserId::try_from(user).unwrap());
    let found = match read(body.as_bytes(), user) {
        Ok((author, chat)) => format!("{author} {chat}"),
        Err(BadSend {
            refusal,
            author,
            chat,
        }) => {
            let known = |id: Option<i64>| id.map_or("-".to_owned(), |id| id.to_string());
            let (author, chat) = (known(author.map(i64::from)), known(chat.map(i64::from)));
            format!(
                "{author} {chat} {}, {}",
                refusal.code.name(),
                refusal.message
            )
        }
    };
    assert_eq!(found, expected, "{body} from {user:?}");
}

#[test]
fn both_ids_are_read_whatever_else_there_is() {
    for body in [
        r#"{"authorId":1,"chatId":4}"#,
        r#" { "chatId" : 4 , "authorId" : 1 } "#,
        r#"{"authorId":1,"chatId":4,"x":{"authorId":[]},"y":null}"#,
        r#"{"authorId":"x","chatId":0,"authorId":1,"chatId":4}"#,
    ] {
        check(body, None, "1 4");
    }
    check(
        r#"{"authorId":9223372036854775807,"chatId":1}"#,
        None,
        "9223372036854775807 1",
    );
}

#[test]
fn what_is_no_object_with_numbers_is_malformed() {
    for (body, expected) in [
        ("", "- - MALFORMED_PAYLOAD, The body is not valid JSON"),
        ("{", "- - MALFORMED_PAYLOAD, The body is not valid JSON"),
        (
            r#"{"authorId":1,"chatId":4} x"#,
            "- - MALFORMED_PAYLOAD, The body is not valid JSON",
        ),
        (
            r"{authorId:1}",
            "- - MALFORMED_PAYLOAD, The body is not valid JSON",
        ),
        ("[]", "- - MALFORMED_PAYLOAD, The body is not a JSON object"),
        ("1", "- - MALFORMED_PAYLOAD, The body is not a JSON object"),
        ("-1", "- - MALFORMED_PAYLOAD, The body is not a JSON object"),
        (
            "1.5",
            "- - MALFORMED_PAYLOAD, The body is not a JSON object",
        ),
        (
            "null",
            "- - MALFORMED_PAYLOAD, The body is not a JSON object",
        ),
        (
            "true",
            "- - MALFORMED_PAYLOAD, The body is not a JSON object",
        ),
        (
            r#""x""#,
            "- - MALFORMED_PAYLOAD, The body is not a JSON object",
        ),
        (
            r#"{"chatId":"x"}"#,
            "- - MALFORMED_PAYLOAD, Field chatId must be an integer",
        ),
        (
            r#"{"authorId":1,"chatId":"x"}"#,
            "1 - MALFORMED_PAYLOAD, Field chatId must be an integer",
        ),
        (
            r#"{"authorId":1,"chatId":"4"}"#,
            "1 - MALFORMED_PAYLOAD, Field chatId must be an integer",
        ),
        (
            r#"{"authorId":1,"chatId":1.5}"#,
            "1 - MALFORMED_PAYLOAD, Field chatId must be an integer",
        ),
        (
            r#"{"authorId":true,"chatId":4}"#,
            "- 4 MALFORMED_PAYLOAD, Field authorId must be an integer",
        ),
        (
            r#"{"authorId":[1],"chatId":4}"#,
            "- 4 MALFORMED_PAYLOAD, Field authorId must be an integer",
        ),
        (
            r#"{"authorId":{},"chatId":0}"#,
            "- - MALFORMED_PAYLOAD, Field authorId must be an integer",
        ),
    ] {
        check(body, None, expected);
    }
    let refusal = read(b"{\"x\":\"\xff\"}", None).unwrap_err().refusal;
    assert_eq!(refusal.message, "The body is not UTF-8");
}

#[test]
fn numbers_that_are_no_ids_are_named() {
    for (body, expected) in [
        ("{}", "- - INVALID_FIELD, Field authorId is missing"),
        (
            r#"{"authorId":1}"#,
            "1 - INVALID_FIELD, Field chatId is missing",
        ),
        (
            r#"{"authorId":1,"chatId":null}"#,
            "1 - INVALID_FIELD, Field chatId is missing",
        ),
        (
            r#"{"authorId":1,"chatid":4}"#,
            "1 - INVALID_FIELD, Field chatId is missing",
        ),
        (
            r#"{"authorId":1,"chatId":0}"#,
            "1 - INVALID_FIELD, Field chatId must be a positive integer",
        ),
        (
            r#"{"authorId":1,"chatId":-4}"#,
            "1 - INVALID_FIELD, Field chatId must be a positive integer",
        ),
        (
            r#"{"authorId":0,"chatId":4}"#,
            "- 4 INVALID_FIELD, Field authorId must be a positive integer",
        ),
        (
            r#"{"authorId":1,"chatId":9223372036854775808}"#,
            "1 - INVALID_FIELD, Field chatId is larger than 9223372036854775807",
        ),
        (
            r#"{"authorId":1,"chatId":99999999999999999999999}"#,
            "1 - INVALID_FIELD, Field chatId is larger than 9223372036854775807",
        ),
        (
            r#"{"authorId":1,"chatId":-99999999999999999999999}"#,
            "1 - INVALID_FIELD, Field chatId must be a positive integer",
        ),
    ] {
        check(body, None, expected);
    }
}

#[test]
fn with_authentication_the_author_is_the_tokens_user() {
    for (body, expected) in [
        (r#"{"chatId":4}"#, "7 4"),
        (r#"{"authorId":null,"chatId":4}"#, "7 4"),
        (r#"{"authorId":7,"chatId":4}"#, "7 4"),
        (
            r#"{"authorId":1,"chatId":4}"#,
            "1 4 AUTHOR_MISMATCH, The session belongs to user 7, not to user 1",
        ),
        (
            r#"{"authorId":0,"chatId":4}"#,
            "7 4 INVALID_FIELD, Field authorId must be a positive integer",
        ),
        ("{", "7 - MALFORMED_PAYLOAD, The body is not valid JSON"),
    ] {
        check(body, Some(7), expected);
    }
}

proptest! {
    #[test]
    fn no_body_panics(body: Vec<u8>, json in r#"[{}\[\],:"0-9a-zA-Z.\-]{0,40}"#) {
        let _ = read(&body, None);
        let _ = read(json.as_bytes(), None);
    }
}
