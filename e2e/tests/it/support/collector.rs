//! An OpenTelemetry collector that keeps the spans it is sent (OTLP over gRPC).

use std::fmt::Write;
use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::within;

/// A span that was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
}

/// A collector on a free port, until it is dropped.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    spans: watch::Receiver<Vec<Span>>,
    _server: JoinSet<()>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let endpoint = format!("http://{}", incoming.local_addr().unwrap());
        let (keep, spans) = watch::channel(Vec::new());
        // Aborted when it is dropped.
        let mut server = JoinSet::new();
        server.spawn(async move {
            let service = TraceServiceServer::new(Keeper(keep));
            let server = Server::builder().add_service(service);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self {
            endpoint,
            spans,
            _server: server,
        }
    }

    /// Waits until `enough` says that all spans of interest are there, and returns all.
    pub(crate) async fn wait_for(&mut self, enough: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let spans = self.spans.wait_for(|spans| enough(spans));
        within("spans", spans).await.unwrap().clone()
    }
}

struct Keeper(watch::Sender<Vec<Span>>);

#[tonic::async_trait]
impl TraceService for Keeper {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let exported = request.into_inner().resource_spans;
        self.0
            .send_modify(|kept| kept.extend(exported.iter().flat_map(spans)));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn spans(exported: &ResourceSpans) -> Vec<Span> {
    let service = service_name(exported).unwrap_or_default();
    let scopes = exported.scope_spans.iter();
    scopes
        .flat_map(|scope| &scope.spans)
        .map(|span| Span {
            service: service.clone(),
            name: span.name.clone(),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
        })
        .collect()
}

fn service_name(exported: &ResourceSpans) -> Option<String> {
    let attributes = &exported.resource.as_ref()?.attributes;
    let name = attributes
        .iter()
        .find(|attribute| attribute.key == "service.name")?;
    match name.value.as_ref()?.value.as_ref()? {
        Value::StringValue(name) => Some(name.clone()),
        _ => None,
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}
