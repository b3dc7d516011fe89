//! The OpenAPI 3.1 document of the queries: `GET /api/openapi.json`, for whoever asks.
//!
//! Paths, parameters and answers come from the handlers and types; here is what belongs to all of them.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, ServerBuilder,
};

use super::problem;

/// Name of the security scheme inside the document.
const TOKEN: &str = "token";

/// The document without its paths.
pub(super) fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Talk and Travel: queries beside the socket")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Chats, their history and members, and where somebody is a member. Commands and live events are on \
             the socket (`/ws`, docs/asyncapi.yaml). Lists are paged by id. Errors are problem documents \
             (RFC 9457) with the codes of the socket.",
        ))
        .license(Some(
            LicenseBuilder::new()
                .name(env!("CARGO_PKG_LICENSE"))
                .identifier(Some(env!("CARGO_PKG_LICENSE")))
                .build(),
        ))
        .build();
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "The same token as in CONNECT. A gateway in open mode, which is for development, asks for none.",
        ))
        .build();
    let mut components = Components::new();
    components.schemas.extend(problem::schemas());
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token));
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .tags(Some([
            tag("chats", "The chats there are, and what happened in them"),
            tag("users", "Where somebody is a member"),
        ]))
        .components(Some(components))
        .security(Some([SecurityRequirement::new(
            TOKEN,
            std::iter::empty::<String>(),
        )]))
        .build()
}

fn tag(name: &str, description: &str) -> utoipa::openapi::Tag {
    TagBuilder::new()
        .name(name)
        .description(Some(description))
        .build()
}

/// The document as it is served, written once.
#[derive(Clone)]
pub(super) struct Document(Bytes);

impl Document {
    pub(super) fn new(api: &OpenApi) -> Self {
        let json = serde_json::to_vec(api).expect("a document is plain data and always serialises");
        Self(json.into())
    }
}

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}
