//! The one HTTP client: proxies (`HTTPS_PROXY`, `NO_PROXY`) and private authorities (`SSL_CERT_FILE`) are what the
//! library reads for every connection. No redirects: a key must not travel to another host.

use crate::limits::model as limits;

/// Makes the client. Nothing in it retries.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("quantumlayer/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(limits::CONNECT)
        .read_timeout(limits::IDLE)
        .build()
}
