//! How fast one account of ours may call GitHub: pure, the time is an argument. An account is an installation, or the App
//! itself. What would pass a limit is not sent; the answer is when it may be.

use crate::{clock::Timestamp, limits::github as limits};
use std::{collections::VecDeque, time::Duration};

/// What a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// A read: one point.
    Read,
    /// A POST or DELETE that changes nothing that people see (tokens, redeliveries): five points.
    Plain,
    /// A change: five points, and time since the last change.
    Change,
    /// A change that makes a comment or a pull request, of which there are only so many.
    Create,
}

impl Load {
    fn points(self) -> u32 {
        match self {
            Self::Read => limits::READ_POINTS,
            Self::Plain | Self::Change | Self::Create => limits::WRITE_POINTS,
        }
    }
    fn is_change(self) -> bool {
        match self {
            Self::Change | Self::Create => true,
            Self::Read | Self::Plain => false,
        }
    }
}

/// What GitHub's answer says about limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The call was refused because of a limit.
    pub(super) is_limited: bool,
    /// GitHub itself is in trouble: whether it did what it was asked is another question.
    pub(super) is_down: bool,
    /// `Retry-After`.
    pub(super) after: Option<Duration>,
    /// `x-ratelimit-limit`.
    pub(super) limit: Option<u32>,
    /// `x-ratelimit-remaining`.
    pub(super) remaining: Option<u32>,
    /// `x-ratelimit-reset`.
    pub(super) reset: Option<Timestamp>,
}

/// What is left of one account's hourly limit, as GitHub last said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The installation; None: the App itself.
    pub installation: Option<u64>,
    /// Calls an hour; None: it was not said.
    pub limit: Option<u32>,
    /// Calls left until `reset`; None: it was not said.
    pub remaining: Option<u32>,
    /// When `remaining` is `limit` again.
    pub reset: Option<Timestamp>,
    /// Nothing is sent before this.
    pub held_until: Option<Timestamp>,
}

/// The pace of one account.
#[derive(Debug, Default)]
pub(super) struct Pace {
    points: VecDeque<(Timestamp, u32)>,
    created: VecDeque<Timestamp>,
    changed: Option<Timestamp>,
    held_until: Option<Timestamp>,
    /// Limits without a time in a row.
    strikes: u32,
    limit: Option<u32>,
    remaining: Option<u32>,
    reset: Option<Timestamp>,
    used: Timestamp,
    /// Another pause between two changes than [`limits::WRITE_GAP`].
    gap: Option<Duration>,
}

impl Pace {
    /// One with this pause between two changes.
    pub(super) fn with_gap(gap: Duration) -> Self {
        Self { gap: Some(gap), ..Self::default() }
    }

    /// The earliest moment such a call may be sent: `now`, or later.
    pub(super) fn ready_at(&mut self, load: Load, now: Timestamp) -> Timestamp {
        self.forget(now);
        let mut ready = now.max(self.held_until.unwrap_or(now));
        let mut spent: u32 = self.points.iter().map(|(_, points)| points).sum();
        for (at, points) in &self.points {
            if spent + load.points() <= limits::POINTS {
                break;
            }
            spent -= points;
            ready = ready.max(at.after(limits::MINUTE));
        }
        if load.is_change() {
            ready = ready.max(self.changed.map_or(now, |at| at.after(self.gap.unwrap_or(limits::WRITE_GAP))));
        }
        if load == Load::Create {
            let nth_last = |most: u32, window| {
                let at = self.created.len().checked_sub(most as usize).and_then(|n| self.created.get(n));
                at.map_or(now, |at| at.after(window))
            };
            ready = ready.max(nth_last(limits::CREATED_A_MINUTE, limits::MINUTE));
            ready = ready.max(nth_last(limits::CREATED_AN_HOUR, limits::HOUR));
        }
        ready
    }

    /// Counts a call that is sent now; else says when it may be.
    pub(super) fn take(&mut self, load: Load, now: Timestamp) -> Result<(), Timestamp> {
        let ready = self.ready_at(load, now);
        self.used = now;
        if ready > now {
            return Err(ready);
        }
        self.points.push_back((now, load.points()));
        if load.is_change() {
            self.changed = Some(now);
        }
        if load == Load::Create {
            self.created.push_back(now);
        }
        Ok(())
    }

    /// Learns from an answer.
    pub(super) fn heard(&mut self, heard: &Heard, now: Timestamp) {
        let is_held = self.held_until.is_some_and(|until| until > now);
        self.limit = heard.limit.or(self.limit);
        self.remaining = heard.remaining.or(self.remaining);
        self.reset = heard.reset.or(self.reset);
        let none_left = heard.remaining == Some(0);
        // a second of grace: their clock is not ours
        let reset =
            heard.reset.filter(|at| none_left && *at > now).map(|at| at.after(Duration::from_secs(1)));
        let until = match (heard.after, reset, heard.is_limited) {
            (Some(after), _, _) if heard.is_limited || heard.is_down => {
                Some(now.after(after.max(Duration::from_secs(1))))
            }
            (_, Some(reset), _) => Some(reset),
            (_, None, true) => {
                // what was on its way when the limit struck does not count again
                if !is_held {
                    self.strikes = self.strikes.saturating_add(1);
                }
                let doubled = 1u32.checked_shl(self.strikes.saturating_sub(1)).unwrap_or(u32::MAX);
                Some(now.after(limits::HOLD_FIRST.saturating_mul(doubled)))
            }
            (_, None, false) => None,
        };
        if !heard.is_limited && !is_held {
            self.strikes = 0;
        }
        if let Some(until) = until {
            let until = until.min(now.after(limits::HOLD_MOST));
            self.held_until = Some(self.held_until.map_or(until, |held| held.max(until)));
        }
    }

    /// What GitHub said of the hourly limit.
    pub(super) fn left(&self, installation: Option<u64>) -> Left {
        let Self { limit, remaining, reset, held_until, .. } = *self;
        Left { installation, limit, remaining, reset, held_until }
    }

    /// Whether nobody would miss it.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        now.since(self.used) >= limits::HOUR && self.held_until.is_none_or(|until| until <= now)
    }

    /// Drops what no window holds any more. After a clock that was put back, what seems to be of the future is of now.
    fn forget(&mut self, now: Timestamp) {
        for (at, _) in &mut self.points {
            *at = now.min(*at);
        }
        for at in &mut self.created {
            *at = now.min(*at);
        }
        self.changed = self.changed.map(|at| at.min(now));
        self.held_until = self.held_until.map(|at| at.min(now.after(limits::HOLD_MOST)));
        while self.points.front().is_some_and(|(at, _)| now.since(*at) >= limits::MINUTE) {
            self.points.pop_front();
        }
        while self.created.front().is_some_and(|at| now.since(*at) >= limits::HOUR) {
            self.created.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Load::{Change, Create, Plain, Read};

    const T: Timestamp = Timestamp(1_700_000_000_000);

    fn at(milliseconds: u64) -> Timestamp {
        T.after(Duration::from_millis(milliseconds))
    }

    #[test]
    fn points_are_of_the_last_minute() {
        let mut pace = Pace::default();
        for n in 0..900 {
            assert_eq!(pace.take(Read, at(n)), Ok(()), "{n}");
        }
        assert_eq!(pace.take(Read, at(900)), Err(at(60_000)));
        assert_eq!(pace.ready_at(Plain, at(900)), at(60_004), "five of the oldest have to go");
        assert_eq!(pace.take(Read, at(60_000)), Ok(()));
        assert_eq!(pace.take(Read, at(60_000)), Err(at(60_001)));
        assert_eq!(pace.take(Plain, at(60_004)), Err(at(60_005)), "one of them went to a read");
        assert_eq!(pace.take(Plain, at(60_005)), Ok(()));
    }

    #[test]
    fn a_change_waits_for_the_last_one() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(Change, at(0)), Ok(()));
        assert_eq!((pace.take(Read, at(1)), pace.take(Plain, at(1))), (Ok(()), Ok(())));
        assert_eq!(pace.take(Change, at(500)), Err(at(1_050)));
        assert_eq!(pace.take(Create, at(1_050)), Ok(()));
        assert_eq!(pace.take(Change, at(1_051)), Err(at(2_100)));
    }

    #[test]
    fn comments_are_counted_a_minute_and_an_hour() {
        // as fast as it lets us: every 1,050 ms, which is at most 58 a minute
        let mut pace = Pace::default();
        let (mut now, mut sent) = (T, Vec::new());
        while now < at(2 * 3_600_000) {
            now = pace.ready_at(Create, now);
            assert_eq!(pace.take(Create, now), Ok(()));
            sent.push(now);
        }
        let most = |window: Duration| {
            let within =
                |from: &Timestamp| sent.iter().filter(|at| *at >= from && at.since(*from) < window).count();
            sent.iter().map(within).max().unwrap()
        };
        assert_eq!((most(limits::MINUTE), most(limits::HOUR)), (58, 500));
        // the minute's limit, were the gap shorter
        let mut pace = Pace::default();
        for n in 0..80 {
            pace.created.push_back(at(n));
        }
        assert_eq!(pace.take(Create, at(100)), Err(at(60_000)));
        assert_eq!(pace.take(Change, at(100)), Ok(()));
    }

    fn limited(after: Option<u64>) -> Heard {
        Heard { is_limited: true, after: after.map(Duration::from_secs), ..Heard::default() }
    }

    #[test]
    fn a_limit_with_a_time_is_kept() {
        let check = |heard: Heard, now: Timestamp, expected: Timestamp| {
            let mut pace = Pace::default();
            pace.heard(&heard, now);
            assert_eq!(pace.ready_at(Read, now), expected, "{heard:?}");
        };
        check(limited(Some(7)), T, at(7_000));
        check(limited(Some(0)), T, at(1_000));
        check(limited(Some(u64::MAX)), T, at(7_200_000));
        let none_left = |is_limited, reset| Heard {
            is_limited,
            remaining: Some(0),
            reset: Some(reset),
            ..Heard::default()
        };
        check(none_left(true, at(60_000)), T, at(61_000));
        check(none_left(false, at(60_000)), T, at(61_000));
        check(none_left(true, at(99_000_000)), T, at(7_200_000));
        check(none_left(false, T), T, T);
        check(none_left(true, T), T, at(60_000));
        // both: Retry-After goes first
        check(Heard { after: Some(Duration::from_secs(3)), ..none_left(true, at(60_000)) }, T, at(3_000));
        check(Heard { remaining: Some(1), reset: Some(at(60_000)), ..Heard::default() }, T, T);
        check(Heard { after: Some(Duration::from_secs(9)), ..Heard::default() }, T, T);
        check(Heard { is_down: true, after: Some(Duration::from_secs(9)), ..Heard::default() }, T, at(9_000));
        check(Heard { is_down: true, ..Heard::default() }, T, T);
    }

    #[test]
    fn a_limit_without_a_time_is_a_minute_and_then_longer() {
        let mut pace = Pace::default();
        pace.heard(&limited(None), at(0));
        pace.heard(&limited(None), at(10)); // was on its way
        assert_eq!(pace.ready_at(Read, at(10)), at(60_010));
        pace.heard(&Heard::default(), at(20)); // so was this; it proves nothing
        pace.heard(&limited(None), at(61_000));
        assert_eq!(pace.ready_at(Read, at(61_000)), at(181_000));
        pace.heard(&limited(None), at(200_000));
        assert_eq!(pace.ready_at(Read, at(200_000)), at(440_000));
        pace.heard(&Heard::default(), at(441_000));
        pace.heard(&limited(None), at(442_000));
        assert_eq!(pace.ready_at(Read, at(442_000)), at(502_000), "a good answer begins anew");
        for _ in 0..100 {
            let now = pace.ready_at(Read, at(502_000));
            pace.heard(&limited(None), now);
            assert!(pace.ready_at(Read, now) <= now.after(limits::HOLD_MOST));
        }
    }

    #[test]
    fn a_clock_that_is_put_back_blocks_nobody() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(Create, at(9_000_000_000)), Ok(()));
        pace.heard(&limited(Some(3_600)), at(9_000_000_000));
        assert_eq!(pace.ready_at(Create, at(0)), at(7_200_000), "at most the longest hold");
        assert_eq!(pace.take(Create, at(7_200_000)), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut pace = Pace::default();
        let mut now = T;
        for n in 0..20_000 {
            let load = [Read, Plain, Change, Create][n % 4];
            now = pace.ready_at(load, now);
            assert_eq!(pace.take(load, now), Ok(()));
            assert!(pace.points.len() <= limits::POINTS as usize + 1 && pace.created.len() <= 501);
        }
        assert!(!pace.is_idle(now) && pace.is_idle(now.after(limits::HOUR)));
    }
}
