//! `/healthz`, `/readyz`, `/metrics` and `POST /savepoint/NAME`, on a thread of their own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
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
    let router = router(Desk { status, clock });
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
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/savepoint/{name}", post(savepoint))
        .with_state(desk)
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
