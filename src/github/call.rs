//! One call over HTTP: within the limits, with a bound on time and bytes. A read is sent once more when the network fails
//! it; nothing else is ever sent twice, and no redirect is followed.

use super::{
    GitHubError,
    ask::{self, Answer, Ask},
    keep::{Kept, KeptAnswer},
    pace::{Heard, Left, Load, Pace},
    said::{self, Said},
};
use crate::{
    clock::{Clock, Timestamp},
    http,
    ids::Secret,
    limits::github as limits,
};
use futures_util::StreamExt;
use reqwest::{
    Client, Response, Url,
    header::{ACCEPT, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LINK, RETRY_AFTER},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};
use tokio::sync::Semaphore;

/// The version of the API that we speak.
const VERSION: &str = "2022-11-28";

/// In whose name a call is made.
pub(super) struct Bearer<'a> {
    pub(super) token: &'a Secret,
    /// The installation; None: the App itself.
    pub(super) installation: Option<u64>,
}

/// One GitHub: how it is reached, and what it lets us do.
pub(super) struct Wire {
    client: Client,
    base: Url,
    clock: Clock,
    /// The pause between two changes.
    gap: Duration,
    places: Semaphore,
    paces: Mutex<HashMap<Option<u64>, Pace>>,
    kept: Mutex<Kept>,
    statuses: Mutex<BTreeMap<u16, u64>>,
    /// How far GitHub's clock is ahead of ours, in milliseconds, once it mattered.
    ahead: AtomicI64,
}

impl Wire {
    pub(super) fn new(api_url: &str, clock: Clock, gap: Duration) -> Result<Self, GitHubError> {
        let base = ask::base(api_url)?;
        let client = http::client(limits::CONNECT, limits::IDLE)
            .map_err(|error| GitHubError::NoClient(http::cause(&error)))?;
        let (places, statuses) = (Semaphore::new(limits::CALLS_AT_ONCE), Mutex::default());
        Ok(Self {
            client,
            base,
            clock,
            gap,
            places,
            paces: Mutex::default(),
            kept: Mutex::default(),
            statuses,
            ahead: AtomicI64::new(0),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A moment of our clock by GitHub's.
    pub(super) fn theirs(&self, ours: Timestamp) -> Timestamp {
        Timestamp(ours.0.saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// A moment of GitHub's clock by ours.
    pub(super) fn ours(&self, theirs: Timestamp) -> Timestamp {
        Timestamp(theirs.0.saturating_sub(self.ahead.load(Ordering::Relaxed)))
    }

    /// Takes the time that GitHub says it is; true when it is another than we believed.
    pub(super) fn believe(&self, date: Option<Timestamp>) -> bool {
        let Some(date) = date else { return false };
        let ahead = date.0.saturating_sub(self.now().0);
        let off = Duration::from_millis(ahead.abs_diff(self.ahead.load(Ordering::Relaxed)));
        if off < limits::CLOCK_OFF {
            return false;
        }
        self.ahead.store(ahead, Ordering::Relaxed);
        let seconds = ahead / 1_000;
        tracing::warn!(
            github.ahead_seconds = seconds,
            hint = "set this machine's clock, e.g. by NTP; until then GitHub's is used for its tokens",
            "this machine's clock is not GitHub's"
        );
        true
    }

    pub(super) fn ready_at(&self, installation: Option<u64>, load: Load) -> Timestamp {
        let now = self.now();
        self.pace(installation, |pace| pace.ready_at(load, now))
    }

    /// What is left of the hourly limits, as far as it is known.
    pub(super) fn left(&self) -> Vec<Left> {
        let paces = locked(&self.paces);
        let mut left: Vec<_> = paces.iter().map(|(installation, pace)| pace.left(*installation)).collect();
        left.sort_by_key(|left| left.installation);
        left
    }

    /// Answers by status; 0: none came.
    pub(super) fn statuses(&self) -> BTreeMap<u16, u64> {
        locked(&self.statuses).clone()
    }

    /// How many calls are under way.
    pub(super) fn under_way(&self) -> usize {
        limits::CALLS_AT_ONCE.saturating_sub(self.places.available_permits())
    }

    /// Asks. `before`: the first parts of the path.
    pub(super) async fn send(
        &self,
        ask: &Ask,
        before: &[&str],
        bearer: &Bearer<'_>,
    ) -> Result<Answer, GitHubError> {
        let url = ask.url(&self.base, before)?;
        let place = tokio::time::timeout(limits::CALL, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(GitHubError::Limited { until: self.now().after(limits::WRITE_GAP) });
        };
        let mut tries = if ask.is_read() { limits::READ_TRIES } else { 1 };
        loop {
            tries -= 1;
            let result = tokio::time::timeout(limits::CALL, self.once(ask, &url, bearer)).await;
            match result.unwrap_or_else(|_| Err(ask.lost("it took too long".to_owned()))) {
                Err(GitHubError::Network { what, cause }) if tries > 0 => {
                    tracing::debug!(
                        github.call = what,
                        github.cause = cause,
                        "no answer from GitHub, asking again"
                    );
                }
                result => return result,
            }
        }
    }

    async fn once(&self, ask: &Ask, url: &Url, bearer: &Bearer<'_>) -> Result<Answer, GitHubError> {
        let now = self.now();
        self.pace(bearer.installation, |pace| pace.take(ask.load, now))
            .map_err(|until| GitHubError::Limited { until })?;
        let kept = match ask.is_kept {
            true => locked(&self.kept).find(bearer.installation, url.as_str()),
            false => None,
        };
        let mut request = self
            .client
            .request(ask.method.clone(), url.clone())
            .header(ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", VERSION)
            .bearer_auth(bearer.token.expose());
        if let Some(etag) = kept.as_ref().and_then(|kept| HeaderValue::from_str(&kept.etag).ok()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(body) = &ask.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(|error| {
            self.count(0);
            let cause = said::shown(&bearer.token.redact(&http::cause(&error)));
            // no connection: nothing has left
            match error.is_connect() {
                true => GitHubError::Network { what: ask.what, cause },
                false => ask.lost(cause),
            }
        })?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        self.count(status);
        tracing::debug!(github.call = ask.what, github.status = status, "GitHub answered");
        let raw = Raw { status, headers, body: body(response).await, kept };
        self.judge(ask, url, bearer, raw)
    }

    /// What an answer means.
    fn judge(&self, ask: &Ask, url: &Url, bearer: &Bearer<'_>, raw: Raw) -> Result<Answer, GitHubError> {
        let Raw { status, headers, body, kept } = raw;
        let whole = body.as_deref().unwrap_or_default();
        let mut heard = heard(status, &headers, whole);
        heard.reset = heard.reset.map(|reset| self.ours(reset));
        let now = self.now();
        let until = self.pace(bearer.installation, |pace| {
            pace.heard(&heard, now);
            pace.ready_at(ask.load, now)
        });
        if heard.is_limited {
            return Err(GitHubError::Limited { until });
        }
        if status >= 500 || status == 408 {
            return Err(ask.lost(format!("it answered {status}")));
        }
        let date = date(&headers);
        let body: Arc<[u8]> = match (body, kept) {
            (_, Some(kept)) if status == 304 => {
                let next = next(&headers).or(kept.next);
                return Ok(Answer { status: 200, next, date, body: kept.body });
            }
            (Ok(body), _) => bearer_free(body, bearer.token).into(),
            // a refusal is one without its words too
            (Err(_), _) if (400..500).contains(&status) => Arc::default(),
            (Err(Unread::TooLong), _) if ask.is_read() => return Err(ask.odd("an answer that is too long")),
            (Err(Unread::TooLong), _) => return Err(ask.lost("an answer that is too long".to_owned())),
            (Err(Unread::Broken(cause)), _) => {
                return Err(ask.lost(said::shown(&bearer.token.redact(&cause))));
            }
        };
        if status == 304 {
            return Err(ask.odd("nothing new, to somebody who has nothing"));
        }
        let next = next(&headers);
        // a further page is another question, with an answer of its own
        let may_keep = ask.is_kept && status == 200;
        if let Some(etag) = headers.get(ETAG).filter(|_| may_keep).and_then(|etag| etag.to_str().ok()) {
            let answer = KeptAnswer { etag: etag.to_owned(), next: next.clone(), body: body.clone() };
            locked(&self.kept).keep(bearer.installation, url.as_str(), answer);
        }
        Ok(Answer { status, next, date, body })
    }

    fn pace<T>(&self, account: Option<u64>, then: impl FnOnce(&mut Pace) -> T) -> T {
        let mut paces = locked(&self.paces);
        if paces.len() >= limits::ACCOUNTS && !paces.contains_key(&account) {
            let now = self.now();
            paces.retain(|_, pace| !pace.is_idle(now));
            let any = paces.keys().next().copied().filter(|_| paces.len() >= limits::ACCOUNTS);
            any.and_then(|any| paces.remove(&any));
        }
        then(paces.entry(account).or_insert_with(|| Pace::with_gap(self.gap)))
    }

    fn count(&self, status: u16) {
        *locked(&self.statuses).entry(status).or_default() += 1;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer as it came.
struct Raw {
    status: u16,
    headers: HeaderMap,
    body: Result<Vec<u8>, Unread>,
    kept: Option<KeptAnswer>,
}

/// Why a body was not read.
enum Unread {
    TooLong,
    Broken(String),
}

/// A body of bounded size.
async fn body(response: Response) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(part) = stream.next().await {
        bytes.extend_from_slice(&part.map_err(|error| Unread::Broken(http::cause(&error)))?);
        if bytes.len() > limits::ANSWER_BYTES {
            return Err(Unread::TooLong);
        }
    }
    Ok(bytes)
}

/// A server that repeats the token does not get it into errors and kept answers.
fn bearer_free(body: Vec<u8>, token: &Secret) -> Vec<u8> {
    match memchr::memmem::find(&body, token.expose().as_bytes()) {
        Some(_) => token.redact(&String::from_utf8_lossy(&body)).into_bytes(),
        None => body,
    }
}

/// What an answer says about limits. A 403 is one of them when a header or the words say so.
fn heard(status: u16, headers: &HeaderMap, body: &[u8]) -> Heard {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |name: &str| text(name).and_then(|value| value.parse::<u32>().ok());
    // other resources (search, GraphQL) have limits of their own
    let is_core = text("x-ratelimit-resource").is_none_or(|resource| resource == "core");
    let told = |name: &str| number(name).filter(|_| is_core);
    let (limit, remaining) = (told("x-ratelimit-limit"), told("x-ratelimit-remaining"));
    let reset = text("x-ratelimit-reset").and_then(|value| value.parse::<i64>().ok()).filter(|_| is_core);
    let is_limited = match status {
        429 => true,
        403 => headers.contains_key(RETRY_AFTER) || remaining == Some(0) || Said::read(body).is_limit(),
        _ => false,
    };
    let is_down = status >= 500;
    let reset = reset.map(|seconds| Timestamp(seconds.saturating_mul(1_000)));
    Heard { is_limited, is_down, after: http::retry_after(headers), limit, remaining, reset }
}

/// When an answer was given (RFC 9110 §6.6.1).
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let at = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(Timestamp(0).after(at.duration_since(UNIX_EPOCH).ok()?))
}

/// The query of the next page. Only the query: where it leads is ours to say.
fn next(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let mut links = links.split('<').skip(1).filter_map(|link| link.split_once('>'));
    let (url, _) = links.find(|(_, about)| about.contains("rel=\"next\""))?;
    url.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_a_query() {
        let check = |link: &str, expected: Option<&str>| {
            let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_str(link).unwrap())]);
            assert_eq!(next(&headers).as_deref(), expected, "{link}");
        };
        check(
            r#"<https://api.github.com/repositories/1/issues?page=2&a=b>; rel="next", <https://x/y?page=9>; rel="last""#,
            Some("page=2&a=b"),
        );
        check(
            r#"<https://x/y?page=1>; rel="prev", <https://elsewhere.example/?cursor=v1_5,6>; rel="next""#,
            Some("cursor=v1_5,6"),
        );
        for none in ["", "<", "<>", r#"<https://x/y?page=1>; rel="prev""#, r#"<https://x/y>; rel="next""#] {
            check(none, None);
        }
        assert_eq!(next(&HeaderMap::new()), None);
    }
}
