//! libgit2's smart protocol over our own HTTP. It is registered under a scheme of its own, so that nothing changes for
//! whoever else names a URL; that URL names nothing but the fetch it belongs to.

use super::{
    GitError,
    tip::{Tip, complaint},
    wire::{Call, shown},
};
use git2::{
    Error,
    transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport, register},
};
use reqwest::Response;
use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read, Write},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

const SCHEME: &str = "quantum";

type Offers = Mutex<BTreeMap<u64, (Arc<Call>, Vec<u8>)>>;

/// The fetches that libgit2 may ask for, by the number in their URL.
static OFFERS: Offers = Mutex::new(BTreeMap::new());

/// A fetch that libgit2 may ask for, as long as this lives.
pub(super) struct Offer(u64);

impl Offer {
    pub(super) fn new(call: Arc<Call>, tip: &Tip) -> Result<Self, GitError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        registered()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut offers = OFFERS.lock().unwrap_or_else(PoisonError::into_inner);
        offers.insert(number, (call, tip.advertisement.clone()));
        Ok(Self(number))
    }

    /// The URL by which libgit2 asks for it.
    pub(super) fn url(&self) -> String {
        format!("{SCHEME}://{}", self.0)
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        OFFERS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

#[expect(unsafe_code, reason = "libgit2's transports are process-wide and registered once")]
fn registered() -> Result<(), GitError> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        // SAFETY: transports are made by fetches only, and each of those has come through here before.
        let done = unsafe {
            register(SCHEME, |remote| {
                let url = remote.url()?;
                let number = url.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix("://")?.parse().ok());
                let offers = OFFERS.lock().unwrap_or_else(PoisonError::into_inner);
                let offer = number.and_then(|number: u64| offers.get(&number));
                let (call, advertisement) = offer.ok_or_else(|| Error::from_str("no such fetch"))?.clone();
                drop(offers);
                Transport::smart(remote, true, Smart { call, advertisement })
            })
        };
        done.map_err(|error| error.message().to_owned())
    });
    done.clone().map_err(|why| GitError::Git(Error::from_str(&why)))
}

struct Smart {
    call: Arc<Call>,
    advertisement: Vec<u8>,
}

impl SmartSubtransport for Smart {
    fn action(&self, _: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        match action {
            Service::UploadPackLs => Ok(Box::new(Cursor::new(self.advertisement.clone()))),
            Service::UploadPack => Ok(Box::new(Exchange {
                call: Arc::clone(&self.call),
                question: Vec::new(),
                answer: None,
                part: Cursor::default(),
            })),
            Service::ReceivePackLs | Service::ReceivePack => Err(Error::from_str("only fetches go this way")),
        }
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// One question and its answer. libgit2 writes the whole question before it reads.
struct Exchange {
    call: Arc<Call>,
    question: Vec<u8>,
    answer: Option<Response>,
    part: Cursor<Vec<u8>>,
}

impl Exchange {
    /// Gets the next part; false at the end.
    fn more(&mut self) -> Result<bool, GitError> {
        let is_first = self.answer.is_none();
        let answer = match &mut self.answer {
            Some(answer) => answer,
            None => {
                let question = std::mem::take(&mut self.question);
                self.answer.insert(self.call.post(question, None)?)
            }
        };
        let part = self.call.part(answer)?;
        // libgit2 does not tell what a server complains about
        if let Some(complaint) = part.as_deref().filter(|_| is_first).and_then(complaint) {
            return Err(complaint);
        }
        let is_more = part.is_some();
        self.part = Cursor::new(part.unwrap_or_default());
        Ok(is_more)
    }
}

impl Read for Exchange {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.part.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            match self.more() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    self.call.fail(error);
                    // libgit2 gets no text of ours, let alone the network's
                    return Err(io::Error::other("stopped"));
                }
            }
        }
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.question.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What libgit2 means when it was not we who stopped it. Its texts hold what the remote said.
pub(super) fn meant(error: Error) -> GitError {
    use git2::{ErrorClass, ErrorCode};
    let said = shown(error.message());
    match error.class() {
        ErrorClass::Net if error.code() == ErrorCode::Eof => {
            GitError::Unreachable("the answer ended early".to_owned())
        }
        ErrorClass::Net
        | ErrorClass::Indexer
        | ErrorClass::Zlib
        | ErrorClass::Invalid
        | ErrorClass::Object
        | ErrorClass::Odb => GitError::Garbled(said),
        ErrorClass::Os | ErrorClass::Filesystem => GitError::Disk(said),
        ErrorClass::NoMemory => GitError::FetchTooBig("this machine's memory".to_owned()),
        _ => GitError::Git(error),
    }
}
