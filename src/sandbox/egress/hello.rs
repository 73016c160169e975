//! The server name in a TLS ClientHello (RFC 8446 §4.1.2, RFC 6066 §3), read without trusting a length.

/// The name in lower case; None when it isn't there, is there twice, or the hello can't be read; or when another, hidden
/// one may be the true name.
pub(super) fn server_name(record: &[u8]) -> Option<String> {
    // record header 5, handshake header 4, version 2, random 32
    let mut rest = Bytes(record);
    rest.take(5)?;
    let kind = rest.take(1)?;
    rest.take(3 + 2 + 32)?;
    rest.vector(1)?;
    rest.vector(2)?;
    rest.vector(1)?;
    let mut extensions = Bytes(rest.vector(2)?);
    if kind != [1] {
        return None;
    }
    let mut found = None;
    while !extensions.0.is_empty() {
        let (number, body) = (extensions.take(2)?, extensions.vector(2)?);
        if number == ENCRYPTED_HELLO {
            return None;
        }
        if number != [0, 0] {
            continue;
        }
        let mut names = Bytes(body);
        let mut names = Bytes(names.vector(2)?);
        if names.take(1)? != [0] || found.is_some() {
            return None;
        }
        found = Some(std::str::from_utf8(names.vector(2)?).ok()?.to_ascii_lowercase());
        if !names.0.is_empty() {
            return None;
        }
    }
    found
}

/// The extension `encrypted_client_hello`: what stands outside it is not the name that counts.
const ENCRYPTED_HELLO: [u8; 2] = [0xfe, 0x0d];

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// A vector with a length of so many bytes before it.
    fn vector(&mut self, length_bytes: usize) -> Option<&'a [u8]> {
        let length = self.take(length_bytes)?.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        self.take(length)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A hello for this name, as short as it may be.
    pub(in crate::sandbox::egress) fn hello(name: &str) -> Vec<u8> {
        hello_with(name, &[])
    }

    /// The same, with more extensions after the name's.
    fn hello_with(name: &str, more: &[u8]) -> Vec<u8> {
        let two = |n: usize| (n as u16).to_be_bytes();
        let mut list = vec![0];
        list.extend(two(name.len()));
        list.extend(name.as_bytes());
        let mut extension = vec![0, 0];
        extension.extend(two(list.len() + 2));
        extension.extend(two(list.len()));
        extension.extend(list);
        extension.extend(more);
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
        body.extend(two(extension.len()));
        body.extend(extension);
        let mut record = vec![22, 3, 1];
        record.extend(two(body.len() + 4));
        record.extend([1, 0]);
        record.extend(two(body.len()));
        record.extend(body);
        record
    }

    #[test]
    fn the_name_is_read_and_nothing_is_trusted() {
        assert_eq!(server_name(&hello("Example.com")).as_deref(), Some("example.com"));
        let whole = hello("example.com");
        for cut in 0..whole.len() {
            assert_eq!(server_name(&whole[..cut]), None, "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 0xff;
            let _ = server_name(&bent);
        }
        assert_eq!(server_name(&[0xff; 64]), None);
    }

    #[test]
    fn a_name_that_may_not_be_the_true_one_is_none() {
        let name = |more: &[u8]| server_name(&hello_with("example.com", more));
        assert_eq!(name(&[0, 23, 0, 0]).as_deref(), Some("example.com"), "an extension that is none of ours");
        assert_eq!(name(&[0xfe, 0x0d, 0, 1, 0]), None, "an encrypted hello");
        assert_eq!(name(&[0, 0, 0, 6, 0, 4, 0, 0, 1, b'a']), None, "two names");
        assert_eq!(name(&[0, 23, 0, 9]), None, "cut");
    }
}
