//! Frames between the host and the sandboxed child: two big-endian u32 lengths (header, body), a JSON header, raw bytes.
//!
//! Both ends use these; blocking for the child, async for the host. Lengths are checked before anything is allocated.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest header and body that a reader takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameBounds {
    /// The JSON header.
    pub header_bytes: u64,
    /// The raw body.
    pub body_bytes: u64,
}

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other side hung up, or the socket failed.
    #[error("the other side hung up: {0}")]
    Io(#[from] io::Error),
    /// A length over the bound.
    #[error("a {part} of {bytes} bytes where at most {bound} are taken")]
    TooLong { part: &'static str, bytes: u64, bound: u64 },
    /// A header that is not the JSON expected here.
    #[error("a header that can't be read: {0}")]
    Header(#[from] serde_json::Error),
}

/// Reads one frame; None when the other side hung up between frames.
pub fn read_frame<T: DeserializeOwned>(
    from: &mut impl Read,
    bounds: FrameBounds,
) -> Result<Option<(T, Vec<u8>)>, WireError> {
    let mut prefix = [0u8; 8];
    let mut have = 0;
    while have < prefix.len() {
        match from.read(&mut prefix[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (header_bytes, body_bytes) = lengths(prefix, bounds)?;
    let mut header = vec![0; header_bytes];
    from.read_exact(&mut header)?;
    let mut body = vec![0; body_bytes];
    from.read_exact(&mut body)?;
    Ok(Some((serde_json::from_slice(&header)?, body)))
}

/// Writes one frame.
pub fn write_frame(to: &mut impl Write, header: &impl Serialize, body: &[u8]) -> Result<(), WireError> {
    to.write_all(&head(header, body)?)?;
    to.write_all(body)?;
    Ok(to.flush()?)
}

/// [`read_frame`] for the host. Not safe to cancel: half a frame may have been taken, so the socket is then of no more use.
pub async fn read_frame_async<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    bounds: FrameBounds,
) -> Result<Option<(T, Vec<u8>)>, WireError> {
    let mut prefix = [0u8; 8];
    let mut have = 0;
    while have < prefix.len() {
        match from.read(&mut prefix[have..]).await? {
            0 if have == 0 => return Ok(None),
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            count => have += count,
        }
    }
    let (header_bytes, body_bytes) = lengths(prefix, bounds)?;
    let mut header = vec![0; header_bytes];
    from.read_exact(&mut header).await?;
    let mut body = vec![0; body_bytes];
    from.read_exact(&mut body).await?;
    Ok(Some((serde_json::from_slice(&header)?, body)))
}

/// [`write_frame`] for the host. Not safe to cancel.
pub async fn write_frame_async(
    to: &mut (impl AsyncWrite + Unpin),
    header: &impl Serialize,
    body: &[u8],
) -> Result<(), WireError> {
    to.write_all(&head(header, body)?).await?;
    to.write_all(body).await?;
    Ok(to.flush().await?)
}

fn lengths(prefix: [u8; 8], bounds: FrameBounds) -> Result<(usize, usize), WireError> {
    let [a, b, c, d, e, f, g, h] = prefix;
    let header = bounded("header", u32::from_be_bytes([a, b, c, d]), bounds.header_bytes)?;
    let body = bounded("body", u32::from_be_bytes([e, f, g, h]), bounds.body_bytes)?;
    Ok((header, body))
}

fn bounded(part: &'static str, bytes: u32, bound: u64) -> Result<usize, WireError> {
    if u64::from(bytes) > bound {
        return Err(WireError::TooLong { part, bytes: bytes.into(), bound });
    }
    Ok(bytes as usize)
}

/// The prefix and the header, ready to be sent in one write.
fn head(header: &impl Serialize, body: &[u8]) -> Result<Vec<u8>, WireError> {
    let text = serde_json::to_vec(header)?;
    let length = |part, bytes: usize| {
        u32::try_from(bytes).map_err(|_| WireError::TooLong {
            part,
            bytes: bytes as u64,
            bound: u32::MAX.into(),
        })
    };
    let mut head = Vec::with_capacity(8 + text.len());
    head.extend_from_slice(&length("header", text.len())?.to_be_bytes());
    head.extend_from_slice(&length("body", body.len())?.to_be_bytes());
    head.extend_from_slice(&text);
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: FrameBounds = FrameBounds { header_bytes: 16, body_bytes: 4 };

    fn read(bytes: &[u8]) -> Result<Option<(String, Vec<u8>)>, WireError> {
        read_frame(&mut &*bytes, BOUNDS)
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &"hello", b"\0\xff!").unwrap();
        assert_eq!(read(&bytes).unwrap(), Some(("hello".to_owned(), b"\0\xff!".to_vec())));
        assert_eq!(read(&[]).unwrap(), None);
    }

    #[test]
    fn what_is_not_a_frame_is_refused() {
        fn check(bytes: &[u8], expected: &str) {
            assert_eq!(read(bytes).unwrap_err().to_string(), expected);
        }
        check(&[0, 0, 0, 17, 0, 0, 0, 0], "a header of 17 bytes where at most 16 are taken");
        check(&[0, 0, 0, 2, 255, 255, 255, 255], "a body of 4294967295 bytes where at most 4 are taken");
        check(
            b"\0\0\0\x02\0\0\0\0{}",
            "a header that can't be read: invalid type: map, expected a string at line 1 column 0",
        );
        check(&[0, 0], "the other side hung up: unexpected end of file");
        check(b"\0\0\0\x02\0\0\0\0\"", "the other side hung up: failed to fill whole buffer");
    }
}
