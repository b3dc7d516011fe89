//! `/`: the playground, a page to try everything by hand; without one, how to get it.
//!
//! It is files and nothing else: a page, and what it loads from `/assets`, whose names hold a digest of their
//! content. The page runs as part of this origin, so its policy lets it load and run nothing from anywhere else.

use std::path::Path;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware;
use axum::response::Response;
use axum::routing::get;
use tower_http::services::{ServeDir, ServeFile};

/// What `/` says when there is no page.
const NO_PAGE: &str = "\
This is the chat-event gateway. Clients connect at /ws (STOMP over WebSocket or SockJS), queries are below /api.

There is a page to try all of it by hand, the playground, but this gateway has none to show.
`make playground` builds it (it wants Node.js 20.19 or newer), and the setting --playground (PLAYGROUND) names its
folder; `make run` does both.
";

/// The page changes with every build, so it is asked for again each time; if it is the same, a 304 says so.
const PAGE_CACHE: &str = "no-cache";

/// The digest in its name changes when an asset does.
const ASSET_CACHE: &str = "public, max-age=31536000, immutable";

/// Scripts, styles and connections of this origin only; frames and forms are two of SockJS's transports.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

/// The routes of the playground in this folder.
pub fn routes(folder: Option<&Path>) -> Router {
    let Some(folder) = folder else {
        return Router::new().route("/", get(NO_PAGE));
    };
    let page = Router::new()
        .route_service("/", ServeFile::new(folder.join("index.html")))
        .layer(middleware::map_response(|response| {
            with(response, PAGE_CACHE)
        }));
    let assets = Router::new()
        .nest_service("/assets", ServeDir::new(folder.join("assets")))
        .layer(middleware::map_response(|response| {
            with(response, ASSET_CACHE)
        }));
    page.merge(assets)
}

/// The response with its headers. What is not there today may be there tomorrow, so that is not kept.
#[expect(clippy::unused_async, reason = "axum wants a future")]
async fn with(mut response: Response, cache: &'static str) -> Response {
    let is_there = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let cache = if is_there { cache } else { "no-store" };
    let set = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    let headers = response.headers_mut();
    set(headers, CACHE_CONTROL, cache);
    set(headers, CONTENT_SECURITY_POLICY, POLICY);
    // Not `no-referrer`: SockJS's jsonp transport sends by an HTML form, whose `Origin` that would make `null`.
    set(headers, REFERRER_POLICY, "same-origin");
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::extract::Request;
    use axum::http::header::{CONTENT_TYPE, IF_MODIFIED_SINCE, LAST_MODIFIED};
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    const BODY_OCTETS_MAX: usize = 1 << 20;

    async fn get(routes: &Router, request: Request) -> Response {
        let service = TowerToHyperService::new(routes.clone());
        service.call(request).await.unwrap()
    }

    fn asking(path: &str) -> Request {
        Request::get(path).body(Body::empty()).unwrap()
    }

    async fn text(response: Response) -> String {
        let body = to_bytes(response.into_body(), BODY_OCTETS_MAX).await;
        String::from_utf8(body.unwrap().to_vec()).unwrap()
    }

    /// A folder with a page and an asset, beside a file that is nobody's business.
    fn built() -> (tempfile::TempDir, Router) {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("dist");
        std::fs::create_dir_all(folder.join("assets")).unwrap();
        std::fs::write(parent.path().join("secret.txt"), "secret").unwrap();
        std::fs::write(folder.join("index.html"), "the page").unwrap();
        std::fs::write(folder.join("assets/app-1a2b.js"), "the script").unwrap();
        let routes = routes(Some(&folder));
        (parent, routes)
    }

    #[tokio::test]
    async fn the_page_is_asked_for_each_time_and_assets_are_kept() {
        let (_folder, routes) = built();
        let page = get(&routes, asking("/")).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html");
        assert_eq!(page.headers()[CACHE_CONTROL], PAGE_CACHE);
        let changed = page.headers()[LAST_MODIFIED].clone();
        assert_eq!(text(page).await, "the page");
        let mut again = asking("/");
        again.headers_mut().insert(IF_MODIFIED_SINCE, changed);
        let again = get(&routes, again).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[CACHE_CONTROL], PAGE_CACHE);

        let asset = get(&routes, asking("/assets/app-1a2b.js")).await;
        assert_eq!(asset.headers()[CONTENT_TYPE], "text/javascript");
        assert_eq!(asset.headers()[CACHE_CONTROL], ASSET_CACHE);
        assert_eq!(text(asset).await, "the script");
    }

    #[tokio::test]
    async fn nothing_outside_its_folders_is_served() {
        let (_folder, routes) = built();
        for path in [
            "/assets/../../secret.txt",
            "/assets/%2e%2e/%2e%2e/secret.txt",
            "/assets/..%2f..%2fsecret.txt",
            "/assets//etc/passwd",
            "/assets/..\\..\\secret.txt",
            "/assets/",
            "/assets/missing.js",
        ] {
            let response = get(&routes, asking(path)).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{path}");
            assert!(!text(response).await.contains("secret"), "{path}");
        }
    }

    #[tokio::test]
    async fn every_answer_says_what_the_page_may_do() {
        let (_folder, routes) = built();
        for path in ["/", "/assets/app-1a2b.js", "/assets/missing.js"] {
            let response = get(&routes, asking(path)).await;
            assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], POLICY);
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }

    #[tokio::test]
    async fn without_a_page_the_answer_says_how_to_get_it() {
        let response = get(&routes(None), asking("/")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(text(response).await.contains("make playground"));
    }
}
