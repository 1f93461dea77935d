//! `/healthz`, `/readyz`, `/metrics`, `POST /savepoint/NAME` and a page for people, on a thread of their own.
//!
//! Who listens on loopback answers only to names of loopback: a page from elsewhere, in a browser on this
//! machine, must not read it under a name that was made to point here, nor post to it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use millstream_record::{Clock, Stop};

use crate::fault::Fault;
use crate::protocol::Exit;
use crate::status::Status;

/// How long a savepoint may take before whoever asked is told to look again.
const SAVEPOINT_WITHIN: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Desk {
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    /// Whether only this machine is to be answered.
    local: bool,
}

/// Serves at an address until `stop` is raised; where it listens.
pub fn serve(
    listen: &str,
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> Result<std::net::SocketAddr, Fault> {
    let refused = |error: std::io::Error| {
        Fault::new(Exit::Configuration, format!("cannot listen on http.listen = \"{listen}\": {error}"))
            .hint("name a free address such as \"127.0.0.1:0\", or \"off\"")
    };
    let listener = std::net::TcpListener::bind(listen).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
    let router = router(Desk { status, clock, local: address.ip().is_loopback() });
    let work = move || {
        runtime.block_on(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            let ended = async move {
                while !stop.raised() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ended).await {
                tracing::warn!(%error, "nobody can ask for metrics any more");
            }
        });
    };
    std::thread::Builder::new().name("ms http".into()).spawn(work).map_err(refused)?;
    Ok(address)
}

fn router(desk: Desk) -> Router {
    let guarded = from_fn_with_state(desk.clone(), guard);
    Router::new()
        .route("/", get(|| file("text/html; charset=utf-8", include_str!("page/index.html"))))
        .route("/page.css", get(|| file("text/css", include_str!("page/page.css"))))
        .route("/page.js", get(|| file("text/javascript", include_str!("page/page.js"))))
        .route("/status.json", get(status))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/savepoint/{name}", post(savepoint))
        .layer(guarded)
        .with_state(desk)
}

/// What the page may do: run its own script, ask this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}

/// Refuses requests under foreign names, and posts that a page of somebody else makes.
async fn guard(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    if is_foreign(&desk, &request) {
        return (StatusCode::FORBIDDEN, "this address answers to this machine only\n").into_response();
    }
    next.run(request).await
}

fn is_foreign(desk: &Desk, request: &Request) -> bool {
    let of = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = of(header::HOST).unwrap_or_default();
    let elsewhere = of(header::ORIGIN).is_some_and(|origin| origin.strip_prefix("http://") != Some(host));
    desk.local && !is_local(host) || elsewhere && request.method() != Method::GET
}

/// Whether a host with or without a port is this machine.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn status(State(desk): State<Desk>) -> Json<serde_json::Value> {
    let snapshot = desk.status.lock().clone();
    Json(snapshot.json(desk.clock.now()))
}

async fn ready(State(desk): State<Desk>) -> (StatusCode, &'static str) {
    if desk.status.lock().ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn metrics(State(desk): State<Desk>) -> String {
    let snapshot = desk.status.lock().clone();
    snapshot.metrics(desk.clock.now())
}

/// Asks for a savepoint and waits until it is there.
async fn savepoint(State(desk): State<Desk>, Path(name): Path<String>) -> (StatusCode, String) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 100 || !name.bytes().all(fits) {
        return (StatusCode::BAD_REQUEST, "a savepoint's name has letters, digits, - and _\n".into());
    }
    {
        let mut snapshot = desk.status.lock();
        if snapshot.savepoint.is_some() {
            return (StatusCode::CONFLICT, "another savepoint is being made\n".into());
        }
        (snapshot.savepoint, snapshot.saved) = (Some(name), None);
    }
    let steps = SAVEPOINT_WITHIN.as_millis() / 20;
    for _ in 0..steps {
        if let Some(path) = desk.status.lock().saved.take() {
            return (StatusCode::OK, format!("{path}\n"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (StatusCode::ACCEPTED, "the savepoint is not made yet\n".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["127.0.0.1:80", "localhost", "localhost:9", "[::1]:80", "127.1.2.3"] {
            assert!(is_local(host), "{host}");
        }
        for host in
            ["", "example.org", "example.org:80", "localhost.example.org", "10.0.0.1", "127.0.0.1.example.org", "[::2]"]
        {
            assert!(!is_local(host), "{host}");
        }
    }
}
