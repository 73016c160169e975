//! Caps are checked before a call leaves: its reserve is the most it can cost. Pure.

use super::contract::{Booking, Caps};
use crate::{
    clock::Timestamp,
    limits::agent as limits,
    model::{Price, Usage},
    run::Cap,
};

/// What a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reserve {
    /// The most it costs.
    pub booking: Booking,
    /// The most it may answer; less than the role's when money or window are short.
    pub output_tokens: u32,
}

/// What a call would need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// Estimated tokens of the question.
    pub input_tokens: u64,
    /// Most tokens of the answer.
    pub output_tokens: u32,
    /// Tokens that fit into the model.
    pub window: u64,
    /// What they cost; None when it is not known (then money caps nothing).
    pub price: Option<Price>,
}

/// The most tokens an answer may have in this window.
pub(super) fn output_tokens(wanted: u32, window: u64) -> u32 {
    wanted.min(u32::try_from(window / limits::OUTPUT_SHARE).unwrap_or(u32::MAX)).max(1)
}

/// The reserve of a call, or the cap that it would pass. `booked` and `calls` are the whole run's.
pub(super) fn reserve(
    caps: &Caps,
    booked: Booking,
    calls: u32,
    need: Need,
    now: Timestamp,
) -> Result<Reserve, Cap> {
    if now >= caps.deadline {
        return Err(Cap::Minutes);
    }
    if calls >= caps.steps {
        return Err(Cap::Steps);
    }
    let full = output_tokens(need.output_tokens, need.window);
    let of = |output: u32| Usage {
        input_tokens: need.input_tokens,
        cached_input_tokens: 0,
        output_tokens: u64::from(output),
    };
    let Some(price) = need.price else {
        return Ok(Reserve { booking: Booking { usd: None, usage: of(full) }, output_tokens: full });
    };
    let left = match (caps.usd, booked.usd) {
        (Some(cap), Some(spent)) => cap.0.saturating_sub(spent.0),
        _ => u64::MAX,
    };
    let output = if price.of(&of(full)).0 <= left { full } else { affordable(price, &of(0), left) };
    if output < full.min(limits::OUTPUT_TOKENS_LEAST) {
        return Err(Cap::Usd);
    }
    let booking = Booking { usd: Some(price.of(&of(output))), usage: of(output) };
    Ok(Reserve { booking, output_tokens: output })
}

/// Tokens of answer that the money left pays for.
fn affordable(price: Price, question: &Usage, left: u64) -> u32 {
    // One millionth is kept back: prices are rounded up.
    let rest = left.saturating_sub(price.of(question).0).saturating_sub(1);
    if price.output > 0.0 { (rest as f64 / price.output) as u32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Usd;

    const PRICE: Price = Price { input: 1.0, cached_input: 0.1, output: 10.0 };

    fn check(cap: Option<u64>, spent: Option<u64>, calls: u32, now: i64, expected: Result<u32, Cap>) {
        let caps = Caps { usd: cap.map(Usd), steps: 10, deadline: Timestamp(1000) };
        let booked = Booking { usd: spent.map(Usd), usage: Usage::default() };
        let need = Need { input_tokens: 1000, output_tokens: 4000, window: 100_000, price: Some(PRICE) };
        let got = reserve(&caps, booked, calls, need, Timestamp(now));
        assert_eq!(
            got.map(|r| r.output_tokens),
            expected,
            "cap {cap:?} spent {spent:?} calls {calls} now {now}"
        );
        if let (Ok(reserve), Some(cap), Some(spent)) = (got, cap, spent) {
            assert!(reserve.booking.usd.is_some_and(|usd| usd.0 + spent <= cap));
        }
    }

    #[test]
    fn caps() {
        check(None, Some(0), 0, 0, Ok(4000));
        check(Some(41_000), Some(0), 0, 0, Ok(4000));
        check(Some(40_999), Some(0), 0, 0, Ok(3999));
        check(Some(41_000), Some(20_000), 0, 0, Ok(1999));
        check(Some(41_000), Some(35_000), 0, 0, Err(Cap::Usd));
        check(Some(0), Some(0), 0, 0, Err(Cap::Usd));
        check(Some(41_000), Some(99_000_000), 0, 0, Err(Cap::Usd));
        check(Some(1), None, 0, 0, Ok(4000));
        check(None, Some(0), 9, 999, Ok(4000));
        check(None, Some(0), 10, 0, Err(Cap::Steps));
        check(None, Some(0), 10, 1000, Err(Cap::Minutes));
    }

    #[test]
    fn an_unknown_price_caps_no_money_and_a_small_window_shortens_the_answer() {
        let caps = Caps { usd: Some(Usd(1)), steps: 10, deadline: Timestamp(1000) };
        let booked = Booking { usd: None, usage: Usage::default() };
        let need = Need { input_tokens: 1000, output_tokens: 4000, window: 4096, price: None };
        let got = reserve(&caps, booked, 0, need, Timestamp(0)).unwrap();
        assert_eq!((got.output_tokens, got.booking.usd), (1024, None));
        let free = Price { input: 0.0, cached_input: 0.0, output: 0.0 };
        let spent = Booking { usd: Some(Usd(0)), usage: Usage::default() };
        assert!(reserve(&caps, spent, 0, Need { price: Some(free), ..need }, Timestamp(0)).is_ok());
    }
}
