//! Problem documents in the OpenAPI document: which statuses with which codes a query may be answered with.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::header::RETRY_AFTER;
use shared::error_code::ErrorCode;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::{Document, PROBLEM_JSON, Problem};

/// What any query may be answered with instead, in the document.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        documented(&[
            ErrorCode::InvalidField,
            ErrorCode::Unauthorized,
            ErrorCode::Unavailable,
        ])
    }
}

/// What a query about one chat may be answered with besides, in the document.
pub(in crate::api) struct AboutChat;

impl IntoResponses for AboutChat {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        documented(&[ErrorCode::ChatNotFound, ErrorCode::Forbidden])
    }
}

/// What a query about one user may be answered with besides, in the document.
pub(in crate::api) struct AboutUser;

impl IntoResponses for AboutUser {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        documented(&[ErrorCode::Forbidden])
    }
}

/// One response per status of these codes.
fn documented(codes: &[ErrorCode]) -> BTreeMap<String, RefOr<Response>> {
    let statuses: BTreeSet<u16> = codes.iter().map(|code| code.status()).collect();
    let response = |status: u16| {
        let codes = codes.iter().filter(|code| code.status() == status);
        let names: Vec<_> = codes.clone().map(|code| code.name()).collect();
        let problem = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(Document::name())))
            .build();
        let mut response = ResponseBuilder::new()
            .description(names.join(" or "))
            .content(PROBLEM_JSON, problem);
        if codes.clone().any(|code| code.retryable()) {
            let seconds = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(0));
            let header = HeaderBuilder::new()
                .schema(Some(seconds))
                .description(Some("When to try again, in seconds"));
            response = response.header(RETRY_AFTER.as_str(), header.build());
        }
        (status.to_string(), response.build().into())
    };
    statuses.into_iter().map(response).collect()
}

/// The schemas that these responses refer to, by name.
pub(in crate::api) fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(Document::name().into_owned(), Document::schema())];
    Document::schemas(&mut schemas);
    schemas
}
