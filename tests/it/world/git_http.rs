//! Bare repositories over HTTP by the real `git http-backend`, run as CGI. Who may do what is the caller's closure.
//!
//! ```ignore
//! let log = git_http::Log::default();
//! let app = git_http::router(log.clone(), |asked| match &asked.auth {
//!     Auth::Basic { password, .. } if tokens.may_read(password, asked.repo) => Ok(folder_of(asked.repo)),
//!     _ => Err(401),
//! });
//! ```

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdout, Command},
};

/// The largest request that is read, in bytes.
const LARGEST: usize = 64 << 20;
/// Bytes of one part of an answer.
const PART: usize = 64 << 10;

/// One request that wants to be let in.
pub(crate) struct Asked {
    /// `OWNER/NAME`, without `.git`.
    pub(crate) repo: String,
    /// It is a push.
    pub(crate) writes: bool,
    /// Who says so.
    pub(crate) auth: Auth,
}

/// What an `Authorization` header holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    None,
    Basic { name: String, password: String },
    Bearer(String),
    Odd,
}

/// One request that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    /// `GET /o/r.git/info/refs`.
    pub(crate) what: String,
    /// What git was told.
    bytes: Arc<AtomicUsize>,
}

impl Served {
    /// Bytes of the answer that were sent so far.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }
}

/// Every request, in the order they came.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Served>>>);

impl Log {
    /// What was asked since this was last called.
    pub(crate) fn take(&self) -> Vec<Served> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn begin(&self, what: String) -> Arc<AtomicUsize> {
        let bytes = Arc::<AtomicUsize>::default();
        self.0.lock().unwrap().push(Served { what, bytes: Arc::clone(&bytes) });
        bytes
    }
}

/// Serves `/OWNER/NAME[.git]/…`. The gate answers the bare repository's folder, or the status that is sent instead. What
/// GitHub lets its clients ask for is allowed: any commit that a ref leads to.
pub(crate) fn router(
    log: Log,
    gate: impl Fn(&Asked) -> Result<PathBuf, u16> + Send + Sync + 'static,
) -> Router {
    let gate = Arc::new(gate);
    let serve = move |request: Request| {
        let (gate, log) = (Arc::clone(&gate), log.clone());
        async move { answer(request, &log, &*gate).await }
    };
    Router::new()
        .route("/{owner}/{name}/info/refs", get(serve.clone()))
        .route("/{owner}/{name}/git-upload-pack", post(serve.clone()))
        .route("/{owner}/{name}/git-receive-pack", post(serve))
}

async fn answer(
    request: Request,
    log: &Log,
    gate: &(dyn Fn(&Asked) -> Result<PathBuf, u16> + Send + Sync),
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let what = format!("{} {path}", parts.method);
    let mut words = path.trim_start_matches('/').splitn(3, '/');
    let (owner, name) = (words.next().unwrap(), words.next().unwrap());
    let repo = format!("{owner}/{}", name.strip_suffix(".git").unwrap_or(name));
    let inner = format!("/{}", words.next().unwrap());
    let asked = Asked {
        repo,
        writes: format!("{inner}{query}").contains("receive-pack"),
        auth: auth(&parts.headers),
    };
    let folder = match gate(&asked) {
        Ok(folder) => folder,
        Err(status) => {
            log.begin(what);
            let status = StatusCode::from_u16(status).unwrap();
            return (status, [("www-authenticate", "Basic realm=\"git\"")]).into_response();
        }
    };
    let body = axum::body::to_bytes(body, LARGEST).await.unwrap();
    let mut child = backend(&folder, parts.method.as_str(), &inner, &query, &parts.headers, body.len());
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::with_capacity(PART, child.stdout.take().unwrap());
    // git may answer before it has read all
    let fed = async move {
        let _ = stdin.write_all(&body).await;
    };
    let (head, ()) = tokio::join!(head(&mut out), fed);
    let (status, headers) = head;
    let sent = log.begin(what);
    (status, headers, stream(out, child, sent)).into_response()
}

fn auth(headers: &HeaderMap) -> Auth {
    let Some(value) = headers.get("authorization") else { return Auth::None };
    let read = || {
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(Auth::Bearer(rest.to_owned())),
            "basic" => {
                let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
                let (name, password) = text.split_once(':')?;
                Some(Auth::Basic { name: name.to_owned(), password: password.to_owned() })
            }
            _ => None,
        }
    };
    read().unwrap_or(Auth::Odd)
}

#[expect(clippy::disallowed_methods, reason = "the real git serves")]
fn backend(
    folder: &Path,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    length: usize,
) -> Child {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env_remove("GIT_DIR")
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .env("GIT_PROJECT_ROOT", folder)
        .envs([("GIT_HTTP_EXPORT_ALL", "1"), ("REMOTE_ADDR", "127.0.0.1"), ("REMOTE_USER", "git")])
        .envs([("REQUEST_METHOD", method), ("PATH_INFO", path), ("QUERY_STRING", query)])
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", length.to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .envs([("GIT_CONFIG_COUNT", "2"), ("GIT_CONFIG_VALUE_0", "true"), ("GIT_CONFIG_VALUE_1", "true")])
        .env("GIT_CONFIG_KEY_0", "uploadpack.allowReachableSHA1InWant")
        .env("GIT_CONFIG_KEY_1", "uploadpack.allowTipSHA1InWant");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.kill_on_drop(true).spawn().unwrap()
}

/// The CGI answer's own head.
async fn head(out: &mut BufReader<ChildStdout>) -> (StatusCode, HeaderMap) {
    let (mut status, mut headers) = (StatusCode::OK, HeaderMap::new());
    loop {
        let mut line = String::new();
        out.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { return (status, headers) };
        if name.eq_ignore_ascii_case("status") {
            status = value.split(' ').next().and_then(|code| code.parse().ok()).unwrap();
        } else {
            headers.append(
                axum::http::HeaderName::try_from(name).unwrap(),
                axum::http::HeaderValue::try_from(value).unwrap(),
            );
        }
    }
}

/// The rest, as it comes. The child goes with it.
fn stream(out: BufReader<ChildStdout>, child: Child, sent: Arc<AtomicUsize>) -> Body {
    Body::from_stream(futures_util::stream::unfold((out, child), move |(mut out, child)| {
        let sent = Arc::clone(&sent);
        async move {
            let mut part = vec![0; PART];
            let count = out.read(&mut part).await.ok().filter(|count| *count > 0)?;
            part.truncate(count);
            sent.fetch_add(count, Ordering::SeqCst);
            Some((Ok::<_, std::io::Error>(Bytes::from(part)), (out, child)))
        }
    }))
}
