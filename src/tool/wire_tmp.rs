//! Frames on the socket between host and child, for the child's blocking end: two big-endian u32 lengths (header,
//! body), a JSON header, raw body bytes.

use crate::{
    limits::tool::{REQUEST_BODY_BYTES, REQUEST_HEADER_BYTES},
    sandbox::toolbox::{Answer, Request},
};
use std::io::{self, Read, Write};

/// The next request and its body; None when the host hung up between frames.
pub(crate) fn read_request(from: &mut impl Read) -> io::Result<Option<(Request, Vec<u8>)>> {
    let mut lengths = [0u8; 8];
    match from.read_exact(&mut lengths) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let [a, b, c, d, e, f, g, h] = lengths;
    let (header_bytes, body_bytes) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    if header_bytes > REQUEST_HEADER_BYTES || body_bytes > REQUEST_BODY_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
    }
    let mut header = vec![0; header_bytes as usize];
    from.read_exact(&mut header)?;
    let mut body = vec![0; body_bytes as usize];
    from.read_exact(&mut body)?;
    Ok(Some((serde_json::from_slice(&header)?, body)))
}

/// Sends an answer.
pub(crate) fn write_answer(to: &mut impl Write, answer: &Answer, body: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(answer)?;
    let length =
        |n: usize| u32::try_from(n).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
    to.write_all(&length(header.len())?.to_be_bytes())?;
    to.write_all(&length(body.len())?.to_be_bytes())?;
    to.write_all(&header)?;
    to.write_all(body)
}
