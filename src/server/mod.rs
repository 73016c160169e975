//! SHOW: the door. A webhook is verified, made durable and only then answered; whoever looks after the program asks for
//! `/health`, `/ready` and `/metrics`.
//!
//! [`serve`] owns its connections and ends them within [`crate::limits::server::DRAIN`] of a stop. Everything a stranger can
//! send has a bound: bytes, time, connections.
//!
//! Deliberately absent: what a webhook means (it is asked as a function), and whatever happens after it is stored.

mod aside;
mod body;
mod connections;
mod health;
mod hooks;
mod metrics;
mod refusal;

pub use health::Check;
pub use hooks::word;
pub use refusal::Refusal;

use crate::{
    clock::Clock,
    ids::Secret,
    limits::server as limits,
    metrics::Metrics,
    report::{Class, Hint},
    store::{Matter, Store, Taken},
};
use axum::{
    Router,
    routing::{get, post},
};
use std::{fmt, sync::Arc};
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::sync::CancellationToken;

/// Whether a webhook may matter, and for which installation, by its event's name and its body. It must not panic, whatever the bytes are.
pub type MayMatter = Arc<dyn Fn(&str, &[u8]) -> Option<Matter> + Send + Sync>;

/// Brings up to date what others count, before it is shown.
pub type Recount = Arc<dyn Fn(&Metrics) + Send + Sync>;

/// What the door works with.
pub struct Door {
    /// Where deliveries are kept.
    pub store: Store,
    /// The time they came.
    pub clock: Clock,
    /// What they are signed with; never empty.
    pub secret: Secret,
    /// Which of them somebody must look at; None: not those that it did not read to their end, and may be no JSON at all.
    pub may_matter: MayMatter,
    /// Told when one of those was stored.
    pub arrived: Arc<Notify>,
    /// What `/ready` asks besides the store.
    pub checks: Vec<Check>,
    /// What is counted.
    pub metrics: Metrics,
    /// Asked before `/metrics` is shown.
    pub recount: Recount,
}

impl Door {
    /// Takes a delivery that did not come over HTTP (a saved one): the same checks but for the signature, the same store.
    pub async fn receive(&self, id: &str, event: &str, body: &[u8]) -> Result<Taken, Refusal> {
        if body.len() > limits::BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        let delivery = hooks::pack(self, id, event, body)?;
        Ok(self.store.take_delivery(delivery).await?)
    }
}

/// Why the server can't begin.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Anybody could sign.
    #[error("the webhook secret is empty")]
    NoSecret,
    /// Somebody else listens there.
    #[error("{0} is taken by another program")]
    Taken(String),
    /// Not an address of this machine, or one that this user may not listen on.
    #[error("{0} can't be listened on: {1}")]
    Address(String, std::io::Error),
}

impl Hint for ServerError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoSecret => "no_webhook_secret",
            Self::Taken(_) => "port_taken",
            Self::Address(..) => "bad_address",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::NoSecret => "set QUANTUM_GITHUB_WEBHOOK_SECRET to the secret that the App's settings name",
            Self::Taken(_) => "end the other program, or choose another port with QUANTUM_LISTEN",
            Self::Address(_, cause) if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                "set QUANTUM_LISTEN to a port above 1023, like 127.0.0.1:3000: this user may not listen on a lower one"
            }
            Self::Address(..) => "set QUANTUM_LISTEN to an address of this machine, like 127.0.0.1:3000",
        }
        .to_owned()
    }
    fn class(&self) -> Class {
        Class::Refused
    }
}

/// Listens on `HOST:PORT`.
pub async fn listen(address: &str) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AddrInUse => ServerError::Taken(address.to_owned()),
        _ => ServerError::Address(address.to_owned(), cause),
    })
}

/// Serves until `cancel`, then lets requests in hand end. When it returns no connection is left.
pub async fn serve(listener: TcpListener, door: Door, cancel: &CancellationToken) -> Result<(), ServerError> {
    if door.secret.expose().is_empty() {
        return Err(ServerError::NoSecret);
    }
    connections::accept(listener, router(door), cancel).await;
    Ok(())
}

/// The door and what it needs while it is open.
struct Open {
    door: Door,
    lines: body::Lines,
    aside: aside::Aside,
    ready: health::Kept,
    unsigned: hooks::Said,
}

fn router(door: Door) -> Router {
    let (lines, ready, unsigned) = (body::Lines::new(), health::Kept::default(), hooks::Said::default());
    let open = Open { door, lines, aside: aside::Aside::new(), ready, unsigned };
    Router::new()
        .route("/webhooks/github", post(hooks::receive))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(metrics::show))
        .with_state(Arc::new(open))
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}
