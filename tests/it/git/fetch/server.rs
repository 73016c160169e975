//! A host of repositories, and what can go wrong between it and us.

use super::super::World;
use crate::world::git_http;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::HeaderName,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use futures_util::StreamExt;
use quantumlayer::{
    git::{Caps, GitError, Mirror, Remote, Want, Wire},
    ids::{Secret, Sha},
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_util::sync::CancellationToken;

pub(super) const TOKEN: &str = "ghs_0123456789abcdefTOKEN";

/// What happens to answers on their way.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// After so many bytes nothing more comes.
    Stall(usize),
    /// After so many bytes the connection breaks.
    Cut(usize),
    /// After so many bytes the answer ends as if that were all.
    Short(usize),
    /// Instead of the answer: a content type (empty: git's own) and these bytes.
    Instead(&'static str, Vec<u8>),
    /// A redirect.
    Redirect(u16, String),
    /// A bare status.
    Status(u16),
}

#[derive(Default)]
struct Inner {
    /// Faults by what the request line ends in, and how many of those pass before.
    faults: Vec<(&'static str, usize, Fault)>,
    is_old: bool,
    asked: usize,
    on_stall: Option<CancellationToken>,
}

/// The faults of a server.
#[derive(Clone, Default)]
pub(super) struct Server(Arc<Mutex<Inner>>);

impl Server {
    /// Requests whose path ends so meet this fault, once `pass` of them have gone through.
    pub(super) fn fault(&self, end: &'static str, pass: usize, fault: Fault) {
        self.0.lock().unwrap().faults.push((end, pass, fault));
    }

    pub(super) fn heal(&self) {
        self.0.lock().unwrap().faults.clear();
    }

    /// It has never heard of protocol 2.
    pub(super) fn old(&self) {
        self.0.lock().unwrap().is_old = true;
    }

    /// This is cancelled when an answer stalls.
    pub(super) fn on_stall(&self, token: CancellationToken) {
        self.0.lock().unwrap().on_stall = Some(token);
    }

    /// Requests so far.
    pub(super) fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    fn next(&self, request: &mut Request) -> Option<Fault> {
        let mut inner = self.0.lock().unwrap();
        inner.asked += 1;
        if inner.is_old {
            request.headers_mut().remove("git-protocol");
        }
        let path = request.uri().path().to_owned();
        let (_, pass, fault) = inner.faults.iter_mut().find(|(end, _, _)| path.ends_with(end))?;
        match pass {
            0 => Some(fault.clone()),
            _ => {
                *pass -= 1;
                None
            }
        }
    }
}

async fn meddle(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    let Some(fault) = server.next(&mut request) else { return next.run(request).await };
    let kind = match request.uri().path().ends_with("info/refs") {
        true => "application/x-git-upload-pack-advertisement",
        false => "application/x-git-upload-pack-result",
    };
    let whole = Response::builder();
    match fault {
        Fault::Instead(other, bytes) => {
            let kind = if other.is_empty() { kind } else { other };
            whole.header("content-type", kind).body(Body::from(bytes)).unwrap()
        }
        Fault::Redirect(status, to) => {
            whole.status(status).header("location", to).body(Body::empty()).unwrap()
        }
        Fault::Status(status) => whole.status(status).body(Body::from("no")).unwrap(),
        Fault::Stall(after) | Fault::Cut(after) | Fault::Short(after) => {
            let (mut parts, body) = next.run(request).await.into_parts();
            parts.headers.remove(HeaderName::from_static("content-length"));
            let all = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let start = Ok(all.slice(..after.min(all.len())));
            let stall = server.0.lock().unwrap().on_stall.clone();
            let rest = futures_util::stream::once(async move {
                match fault {
                    Fault::Stall(_) => {
                        if let Some(stall) = stall {
                            stall.cancel();
                        }
                        std::future::pending().await
                    }
                    Fault::Cut(_) => Err(std::io::Error::other("cut")),
                    _ => Ok(Bytes::new()),
                }
            });
            Response::from_parts(parts, Body::from_stream(futures_util::stream::iter([start]).chain(rest)))
        }
    }
}

/// A repository, and a server that has it.
pub(super) struct Net {
    pub(super) world: World,
    pub(super) runtime: Runtime,
    pub(super) log: git_http::Log,
    pub(super) server: Server,
    pub(super) base: String,
}

impl Net {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        Self::of(World::with(files))
    }

    pub(super) fn of(world: World) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (log, server, folder) = (git_http::Log::default(), Server::default(), world.repo().join(".git"));
        let app = git_http::router(log.clone(), move |asked| {
            let is_ours = matches!(&asked.auth, git_http::Auth::Basic { name, password }
                if name == "x-access-token" && password == TOKEN);
            match asked.repo.as_str() {
                _ if asked.writes => Err(403),
                _ if !is_ours => Err(401),
                "acme/widgets" | "acme/renamed" => Ok(folder.clone()),
                "acme/suspended" => Err(403),
                "acme/busy" => Err(503),
                _ => Err(404),
            }
        });
        let base = listen(&runtime, app.layer(from_fn_with_state(server.clone(), meddle)));
        Self { world, runtime, log, server, base }
    }

    pub(super) fn mirror(&self) -> Mirror {
        self.mirror_at("mirror")
    }

    pub(super) fn mirror_at(&self, name: &str) -> Mirror {
        Mirror::open(&self.world.at(name), Wire::new(self.runtime.handle().clone()).unwrap()).unwrap()
    }

    pub(super) fn remote(&self, repo: &str, token: Option<&str>, want: Want) -> Remote {
        Remote { url: format!("{}/{repo}.git", self.base), token: token.map(Secret::new), want }
    }

    pub(super) fn fetch(&self, mirror: &Mirror, want: Want) -> Result<Sha, GitError> {
        self.fetch_with(mirror, want, &Caps::default())
    }

    pub(super) fn fetch_with(&self, mirror: &Mirror, want: Want, caps: &Caps) -> Result<Sha, GitError> {
        mirror.fetch(&self.remote("acme/widgets", Some(TOKEN), want), caps, &CancellationToken::new())
    }

    /// Nothing of a fetch that failed is left, apart from what the next one clears away.
    pub(super) fn is_clean(&self, mirror: &Path) -> bool {
        let is_pinned =
            std::fs::read_dir(mirror.join("refs/quantum/pin")).is_ok_and(|mut pins| pins.next().is_some());
        !is_pinned && std::fs::read_dir(mirror.join("objects/pack")).unwrap().count() == 0
    }
}

/// Serves it on a port of its own, as long as the runtime lives.
pub(super) fn listen(runtime: &Runtime, app: Router) -> String {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, app).await });
    base
}

/// Text that nothing can compress well, the same for the same seed.
pub(super) fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state >> 33) as u8 % 90)
    };
    (0..bytes).map(|_| next()).collect()
}
