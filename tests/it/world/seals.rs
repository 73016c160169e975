//! A webhook as it is on the wire: headers, signature, body.

use super::{deliveries::Delivery, state::State};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;

/// GitHub hangs up after this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// One signed request.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// Status and body of the receiver, or why there is none.
pub(super) type Outcome = Result<(u16, String), String>;

/// `sha256=…` over these bytes.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
}

pub(super) fn seal(state: &State, delivery: &Delivery) -> Sealed {
    let headers = vec![
        ("Accept", "*/*".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("User-Agent", "GitHub-Hookshot/f05835d".to_owned()),
        ("X-GitHub-Delivery", delivery.guid.clone()),
        ("X-GitHub-Event", delivery.event.clone()),
        ("X-GitHub-Hook-ID", "412345678".to_owned()),
        ("X-GitHub-Hook-Installation-Target-ID", state.app.id.to_string()),
        ("X-GitHub-Hook-Installation-Target-Type", "integration".to_owned()),
        ("X-Hub-Signature-256", signature(&state.hooks.secret, delivery.body.as_bytes())),
    ];
    Sealed { headers, body: delivery.body.clone() }
}

pub(super) async fn post(client: &reqwest::Client, url: &str, sealed: Sealed) -> Outcome {
    let mut request = client.post(url).timeout(PATIENCE);
    for (name, value) in sealed.headers {
        request = request.header(name, value);
    }
    let answer = request.body(sealed.body).send().await.map_err(|error| {
        if error.is_timeout() { "timed out".to_owned() } else { "failed to connect to host".to_owned() }
    })?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.unwrap_or_default()))
}
