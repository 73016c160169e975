//! One fetch over HTTP: our client, the token, every bound, and what went wrong.
//!
//! libgit2 calls back on the thread that fetches and wants to block; `reqwest` is async. So each wait is a `block_on` of
//! the runtime that is there anyway, raced against cancellation and the deadlines. `reqwest`'s `blocking` would start a
//! thread with a second runtime for every client, and nothing could wake its reads.

use super::{GitError, fetch::Remote};
use crate::limits::git as limits;
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{
    Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION},
};
use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// The way to remotes: one HTTP client, and the runtime it lives in. Proxies (`HTTPS_PROXY`, `NO_PROXY`) and private
/// authorities (`SSL_CERT_FILE`) are what the library reads for every connection.
#[derive(Clone, Debug)]
pub struct Wire {
    client: reqwest::Client,
    runtime: Handle,
}

impl Wire {
    /// Makes the client. Nothing in it retries, and it follows no redirect: a token must not travel to another host.
    pub fn new(runtime: Handle) -> Result<Self, GitError> {
        // Some hosts tell git from a browser by how this begins.
        let agent = concat!("git/2.0 (quantumlayer/", env!("CARGO_PKG_VERSION"), ")");
        let client = reqwest::Client::builder()
            .user_agent(agent)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(limits::CONNECT)
            .build();
        Ok(Self { client: client.map_err(|error| broken(&error))?, runtime })
    }

    /// Waits for whatever is not the network, as long as nobody cancels.
    pub(super) fn until<T>(
        &self,
        cancel: &CancellationToken,
        future: impl Future<Output = T>,
    ) -> Result<T, GitError> {
        let done = self.runtime.block_on(cancel.run_until_cancelled(future));
        done.ok_or(GitError::Cancelled)
    }
}

/// What one fetch may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Bytes that come over the network.
    pub bytes: u64,
    /// Objects of the pack.
    pub objects: usize,
    /// Time for all of it.
    pub time: Duration,
    /// Time between two parts of an answer.
    pub silence: Duration,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            bytes: limits::FETCH_BYTES,
            objects: limits::FETCH_OBJECTS,
            time: limits::FETCH_TIME,
            silence: limits::FETCH_SILENCE,
        }
    }
}

/// One fetch on its way.
pub(super) struct Call {
    wire: Wire,
    base: Url,
    token: Option<HeaderValue>,
    caps: Caps,
    cancel: CancellationToken,
    deadline: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: u64,
    failure: Option<GitError>,
}

impl Call {
    pub(super) fn new(
        wire: &Wire,
        remote: &Remote,
        caps: &Caps,
        cancel: &CancellationToken,
    ) -> Result<Self, GitError> {
        let token = remote.token.as_ref().map(|token| {
            // what GitHub wants of an App's token when git asks
            let basic = STANDARD.encode(format!("x-access-token:{}", token.expose()));
            HeaderValue::try_from(format!("Basic {basic}")).map(|mut value| {
                value.set_sensitive(true);
                value
            })
        });
        Ok(Self {
            wire: wire.clone(),
            base: address(&remote.url)?,
            token: token.transpose().map_err(|_| GitError::BadRemote("a token of no use".to_owned()))?,
            caps: *caps,
            cancel: cancel.clone(),
            deadline: Instant::now() + caps.time,
            state: Mutex::default(),
        })
    }

    /// Waits for the network, as long as nobody cancels and there is time.
    fn wait<T>(&self, future: impl Future<Output = Result<T, reqwest::Error>>) -> Result<T, GitError> {
        self.goes_on()?;
        let silent = Instant::now() + self.caps.silence;
        self.wire.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(GitError::Cancelled),
                done = timeout_at(silent.min(self.deadline), future) => match done {
                    Ok(done) => done.map_err(|error| broken(&error)),
                    Err(_) => {
                        self.goes_on()?;
                        let silence = self.caps.silence.as_secs_f32();
                        Err(GitError::Unreachable(format!("nothing came for {silence} s")))
                    }
                },
            }
        })
    }

    /// Whether it is still wanted and there is still time.
    pub(super) fn goes_on(&self) -> Result<(), GitError> {
        if self.cancel.is_cancelled() {
            return Err(GitError::Cancelled);
        }
        if Instant::now() >= self.deadline {
            let time = self.caps.time.as_secs_f32();
            return Err(GitError::Unreachable(format!("it took more than {time} s")));
        }
        Ok(())
    }

    /// The same in libgit2's progress, and whether the pack is too big.
    pub(super) fn takes(&self, objects: usize) -> Result<(), GitError> {
        if objects > self.caps.objects {
            return Err(GitError::FetchTooBig(format!("{} objects", self.caps.objects)));
        }
        self.goes_on()
    }

    /// Keeps why libgit2 is stopped: what it says of it itself is less. The first reason counts.
    pub(super) fn fail(&self, error: GitError) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failure.get_or_insert(error);
    }

    /// Why libgit2 was stopped.
    pub(super) fn failure(&self) -> Option<GitError> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure.take()
    }

    /// Bytes that came so far.
    pub(super) fn bytes(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// What the remote advertises, in protocol 2 when it knows it. Redirects are followed on the same host, here and
    /// nowhere else: a repository that was renamed.
    pub(super) fn advertisement(&mut self) -> Result<Vec<u8>, GitError> {
        for _ in 0..=limits::REDIRECTS {
            let mut url = self.base.clone();
            url.set_path(&format!("{}/info/refs", url.path()));
            url.set_query(Some("service=git-upload-pack"));
            let request = self.wire.client.get(url.clone()).header("Git-Protocol", "version=2");
            let response = self.send(request)?;
            if response.status().is_redirection() {
                self.base = moved(&url, &response)?;
                continue;
            }
            return self.whole(accepted(response, "application/x-git-upload-pack-advertisement")?);
        }
        Err(GitError::Garbled("one redirect after another".to_owned()))
    }

    /// One question of protocol 2, and the whole answer.
    pub(super) fn ask(&self, question: Vec<u8>) -> Result<Vec<u8>, GitError> {
        let response = self.post(question, Some("version=2"))?;
        self.whole(response)
    }

    /// Begins an exchange of the pack protocol.
    pub(super) fn post(&self, body: Vec<u8>, protocol: Option<&str>) -> Result<Response, GitError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/git-upload-pack", url.path()));
        let result = "application/x-git-upload-pack-result";
        let mut request = self.wire.client.post(url.clone()).header(ACCEPT, result);
        request = request.header(CONTENT_TYPE, "application/x-git-upload-pack-request").body(body);
        if let Some(protocol) = protocol {
            request = request.header("Git-Protocol", protocol);
        }
        let response = self.send(request)?;
        if response.status().is_redirection() {
            // what was asked is not asked elsewhere, whoever that is
            moved(&url, &response)?;
            return Err(GitError::Garbled("a redirect in mid-fetch".to_owned()));
        }
        accepted(response, result)
    }

    fn send(&self, mut request: reqwest::RequestBuilder) -> Result<Response, GitError> {
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        self.wait(request.send())
    }

    /// The next part of an answer; None at its end.
    pub(super) fn part(&self, response: &mut Response) -> Result<Option<Vec<u8>>, GitError> {
        let part = self.wait(response.chunk())?;
        let Some(part) = part else { return Ok(None) };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bytes += part.len() as u64;
        if state.bytes > self.caps.bytes {
            return Err(GitError::FetchTooBig(bytes(self.caps.bytes)));
        }
        Ok(Some(part.into()))
    }

    fn whole(&self, mut response: Response) -> Result<Vec<u8>, GitError> {
        let mut all = Vec::new();
        while let Some(part) = self.part(&mut response)? {
            all.extend_from_slice(&part);
            if all.len() > limits::REFS_BYTES {
                return Err(GitError::FetchTooBig(format!("{} of refs", bytes(limits::REFS_BYTES as u64))));
            }
        }
        Ok(all)
    }
}

fn bytes(count: u64) -> String {
    if count >= 1 << 20 { format!("{} MiB", count >> 20) } else { format!("{count} bytes") }
}

/// The repository's address, without a slash at its end. A name or a password in it would end in errors and logs.
fn address(text: &str) -> Result<Url, GitError> {
    let bad = |why: &str| GitError::BadRemote(why.to_owned());
    let mut url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad("it is not http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it has a name or a password in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it has more than a path"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Where a redirect leads: the repository's new address, if that is on the same host and git would ask there.
fn moved(from: &Url, response: &Response) -> Result<Url, GitError> {
    let garbled = || GitError::Garbled("a redirect to no repository".to_owned());
    let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).ok_or_else(garbled)?;
    let mut to = from.join(to).map_err(|_| garbled())?;
    if to.origin() != from.origin() || !to.username().is_empty() || to.password().is_some() {
        return Err(GitError::Elsewhere(shown(to.host_str().unwrap_or("nowhere"))));
    }
    let asks = to.query() == from.query();
    let path = to.path().strip_suffix("/info/refs").filter(|_| asks).ok_or_else(garbled)?.to_owned();
    to.set_path(&path);
    to.set_query(None);
    to.set_fragment(None);
    Ok(to)
}

/// An answer that is one, of the kind that git gives.
fn accepted(response: Response, kind: &str) -> Result<Response, GitError> {
    let status = response.status();
    match status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(GitError::TokenRefused { status: status.as_u16() });
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(GitError::RemoteNotFound),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            return Err(GitError::Unreachable(format!("HTTP {}", status.as_u16())));
        }
        _ if status.is_server_error() => {
            return Err(GitError::Unreachable(format!("HTTP {}", status.as_u16())));
        }
        _ => return Err(GitError::Garbled(format!("HTTP {}", status.as_u16()))),
    }
    let is = response.headers().get(CONTENT_TYPE).and_then(|is| is.to_str().ok()).unwrap_or_default();
    if is != kind {
        return Err(GitError::Garbled(format!("{:?} instead of {kind}", shown(is))));
    }
    Ok(response)
}

/// What went wrong on the wire, without the URL.
fn broken(error: &reqwest::Error) -> GitError {
    let what = match error {
        _ if error.is_timeout() => "time-out",
        _ if error.is_connect() => "no connection",
        _ => "the connection broke",
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    GitError::Unreachable(
        cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {}", shown(&cause.to_string()))),
    )
}

/// What a remote says: short, on one line, nothing that a terminal obeys.
pub(super) fn shown(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(limits::REMOTE_CHARS).collect()
}
