//! One direction of a connection, with its caps.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// What one direction may carry.
pub(super) struct Cap<'a> {
    /// Bytes of this connection.
    pub(super) connection: u64,
    /// Bytes of all connections.
    pub(super) total: u64,
    /// Bytes of all connections so far.
    pub(super) used: &'a AtomicU64,
    /// Moves with every read of either direction: one may be silent for long while the other works.
    pub(super) beat: &'a AtomicU64,
    /// How long both directions may be silent.
    pub(super) idle: Duration,
}

/// Carries until the end, which closes the other side's input.
pub(super) async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    cap: &Cap<'_>,
    count: &mut u64,
) -> Result<(), &'static str> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let seen = cap.beat.load(Ordering::Relaxed);
        let read = match timeout(cap.idle, from.read(&mut buffer)).await {
            Ok(Ok(0)) => break,
            Ok(Ok(read)) => read,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Ok(Err(_)) => return Err("the connection broke"),
            Err(_) if cap.beat.load(Ordering::Relaxed) != seen => continue,
            Err(_) => return Err("nothing came for too long"),
        };
        cap.beat.fetch_add(1, Ordering::Relaxed);
        *count += read as u64;
        let total = cap.used.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        if *count > cap.connection || total > cap.total {
            return Err("a cap on bytes was passed");
        }
        if to.write_all(buffer.get(..read).unwrap_or_default()).await.is_err() {
            break;
        }
    }
    // the other side may have gone first
    let _ = to.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };
    use tokio::io::ReadBuf;

    /// Is silent for so many looks; while it is, the other direction works (or not).
    struct Silent<'a>(u32, &'a AtomicU64, bool);

    impl AsyncRead for Silent<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.0 == 0 {
                return Poll::Ready(Ok(()));
            }
            self.0 -= 1;
            self.1.fetch_add(u64::from(self.2), Ordering::Relaxed);
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn one_direction_may_be_silent_while_the_other_works() {
        let (used, beat) = (AtomicU64::new(0), AtomicU64::new(0));
        let idle = Duration::from_millis(1);
        let cap = Cap { connection: 10, total: 10, used: &used, beat: &beat, idle };
        let carry =
            async |works| pump(&mut Silent(9, &beat, works), &mut tokio::io::sink(), &cap, &mut 0).await;
        assert_eq!(carry(true).await, Ok(()));
        assert_eq!(carry(false).await, Err("nothing came for too long"));
    }

    #[tokio::test]
    async fn bytes_are_capped_for_one_and_for_all() {
        let (used, beat) = (AtomicU64::new(0), AtomicU64::new(0));
        let cap = Cap { connection: 4, total: 6, used: &used, beat: &beat, idle: Duration::from_secs(60) };
        let carry = async |bytes: &[u8]| {
            let (mut from, mut to, mut count) = (bytes, Vec::new(), 0);
            let ended = pump(&mut from, &mut to, &cap, &mut count).await;
            (ended, to)
        };
        assert_eq!(carry(b"1234").await, (Ok(()), b"1234".to_vec()));
        assert_eq!(carry(b"12").await, (Ok(()), b"12".to_vec()));
        assert_eq!(carry(b"1").await, (Err("a cap on bytes was passed"), Vec::new()), "of all");
        used.store(0, Ordering::Relaxed);
        assert_eq!(carry(b"12345").await, (Err("a cap on bytes was passed"), Vec::new()), "of one");
    }
}
