//! Why a request was refused, as its sender is told. GitHub shows it to the App's owner in the list of deliveries.

use crate::{
    limits::server as limits,
    report::{Class, Hint},
    store::StoreError,
};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Why a webhook was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Over the bound.
    #[error("the body is over 25 MiB")]
    TooLarge,
    /// Not `application/json`.
    #[error("the content type is not application/json")]
    NotJson,
    /// No signature, more than one, or a wrong one: all the same to the sender.
    #[error("the signature is missing or wrong")]
    Unsigned,
    /// A header or the body is not what GitHub sends.
    #[error("{0} is missing or not as GitHub sends it")]
    Odd(&'static str),
    /// Its bytes did not come in time.
    #[error("the body did not come in time")]
    Slow,
    /// Its bytes ended early.
    #[error("the body ended early")]
    Cut,
    /// Too many large ones at once.
    #[error("there are too many large deliveries at once")]
    Busy,
    /// It could not be made durable.
    #[error("it could not be kept")]
    NotStored(#[from] StoreError),
    /// It was not durable in time.
    #[error("it could not be kept in time")]
    Late,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unsigned => StatusCode::UNAUTHORIZED,
            Self::Odd(_) | Self::Cut => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::NotStored(_) | Self::Late => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Hint for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::Unsigned => "unsigned",
            Self::Odd(_) => "odd",
            Self::Slow => "slow",
            Self::Cut => "cut",
            Self::Busy => "busy",
            Self::NotStored(_) => "not_stored",
            Self::Late => "late",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::TooLarge => "GitHub sends none that is larger".to_owned(),
            Self::NotJson => "choose application/json in the App's settings".to_owned(),
            Self::Unsigned => {
                "the App's webhook secret and QUANTUM_GITHUB_WEBHOOK_SECRET must be the same".to_owned()
            }
            Self::Odd(_) => "send what GitHub sends".to_owned(),
            Self::Slow | Self::Cut | Self::Busy | Self::Late => "send it again".to_owned(),
            // only who can sign is told: the App's owner
            Self::NotStored(error) => error.hint(),
        }
    }
    fn class(&self) -> Class {
        match self {
            Self::TooLarge | Self::NotJson | Self::Unsigned | Self::Odd(_) => Class::Refused,
            Self::Slow | Self::Cut | Self::Busy | Self::Late => Class::Transient,
            Self::NotStored(error) => error.class(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or_default();
        let detail = format!("{self}: {}", self.hint());
        let body = json!({"title": title, "status": status.as_u16(), "detail": detail});
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(limits::RETRY_AFTER.as_secs()));
        }
        response
    }
}
