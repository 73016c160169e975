//! The one HTTP client: proxies (`HTTPS_PROXY`, `NO_PROXY`) and private authorities (`SSL_CERT_FILE`) are what the
//! library reads for every connection. No redirects: a key must not travel to another host. Nothing in it retries.

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// Makes the client. `connect`: time for a connection; `idle`: time between two parts of an answer.
pub(crate) fn client(connect: Duration, idle: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("quantumlayer/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(connect)
        .read_timeout(idle)
        .build()
}

/// What went wrong on the wire, without the URL.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "time-out"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"))
}

/// Seconds, or an HTTP date (RFC 9110 §10.2.3) measured against the answer's own `Date`.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    at.duration_since(now).ok()
}
