//! GitHub's moments: RFC 3339, to the second.

use crate::clock::Timestamp;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Reads `2026-11-27T08:18:15Z`, with any offset and fraction; None when it is no moment.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp)
}

/// Writes a moment, cut to the second.
pub(super) fn written(at: Timestamp) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000)).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(read(text).map(|at| at.0), expected, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2019-06-03T00:57:16Z", Some(1_559_523_436_000));
        check("2019-06-03T00:57:16.25Z", Some(1_559_523_436_250));
        check("2019-06-03T02:57:16+02:00", Some(1_559_523_436_000));
        for odd in ["", "2019-06-03", "1559523436", "2019-13-03T00:57:16Z", "soon"] {
            check(odd, None);
        }
        assert_eq!(written(Timestamp(1_559_523_436_999)).as_deref(), Some("2019-06-03T00:57:16Z"));
        assert_eq!(written(Timestamp(i64::MAX)), None);
    }
}
