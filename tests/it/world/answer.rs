//! What the fake GitHub answers: status, headers, JSON; and the refusals in GitHub's own words.

use super::call::Call;
use quantumlayer::clock::Timestamp;
use serde_json::{Value, json};

const DOCS: &str = "https://docs.github.com/rest";
/// Rows of a page that is not asked for by size.
const PER_PAGE: usize = 30;
/// The largest page GitHub gives.
const MOST_PER_PAGE: usize = 100;

/// An answer before it is on the wire; `body` null means none.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// A refusal with GitHub's body.
    pub(crate) fn refuse(status: u16, message: &str) -> Self {
        let body = json!({"message": message, "documentation_url": DOCS, "status": status.to_string()});
        Self::new(status, body)
    }

    pub(crate) fn not_found() -> Self {
        Self::refuse(404, "Not Found")
    }

    pub(crate) fn not_accessible() -> Self {
        Self::refuse(403, "Resource not accessible by integration")
    }

    /// 422 with one error of a field: `code` is `missing_field`, `invalid`, `already_exists` …
    pub(crate) fn invalid(resource: &str, field: &str, code: &str) -> Self {
        Self::failed(json!({"resource": resource, "field": field, "code": code}))
    }

    /// 422 with one error in words.
    pub(crate) fn custom(resource: &str, message: &str) -> Self {
        Self::failed(json!({"resource": resource, "code": "custom", "message": message}))
    }

    fn failed(error: Value) -> Self {
        let mut answer = Self::refuse(422, "Validation Failed");
        answer.body["errors"] = json!([error]);
        answer
    }

    /// A secondary limit, as 403 or 429; `seconds` is its `Retry-After`.
    pub(crate) fn secondary(status: u16, seconds: Option<u64>) -> Self {
        let answer = Self::refuse(
            status,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        );
        match seconds {
            Some(seconds) => answer.with("retry-after", seconds.to_string()),
            None => answer,
        }
    }

    /// One page of `all`, with the `Link` header when there are others.
    pub(super) fn page(call: &Call, all: Vec<Value>) -> Self {
        Self::paged(call, all, |rows| rows)
    }

    /// The same, wrapped in an object.
    pub(super) fn paged(call: &Call, all: Vec<Value>, wrap: impl Fn(Value) -> Value) -> Self {
        let per_page = call.number("per_page").map_or(PER_PAGE, |n| n as usize).clamp(1, MOST_PER_PAGE);
        let page = call.number("page").map_or(1, |n| n as usize).max(1);
        let last = all.len().div_ceil(per_page).max(1);
        let rows: Vec<Value> = all.into_iter().skip((page - 1) * per_page).take(per_page).collect();
        let mut links = Vec::new();
        if page < last {
            links.push(call.link(&[("page", &(page + 1).to_string())], "next"));
            links.push(call.link(&[("page", &last.to_string())], "last"));
        }
        if page > 1 {
            links.push(call.link(&[("page", &(page - 1).to_string())], "prev"));
            links.push(call.link(&[("page", "1")], "first"));
        }
        let answer = Self::new(200, wrap(Value::Array(rows)));
        if links.is_empty() { answer } else { answer.with("link", links.join(", ")) }
    }
}

/// `2026-01-31T23:59:59Z`, as GitHub writes a time.
pub(super) fn stamp(at: Timestamp) -> String {
    let seconds = at.0.div_euclid(1000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // days since 1970 to a date of the Gregorian calendar, by eras of 400 years that begin in March
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The time of a filter; whole seconds, UTC.
pub(super) fn unstamp(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let from_march = (month + 9) % 12;
    let year = year - i64::from(month <= 2);
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let days =
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468;
    text.ends_with('Z').then_some(Timestamp((days * 86_400 + hour * 3600 + minute * 60 + second) * 1000))
}

/// A time or null.
pub(super) fn maybe_stamp(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(stamp(at)))
}
