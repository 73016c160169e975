//! Connections: as many as are allowed, each with a time for its silence, and all of them gone soon after a stop.
//!
//! When there is no place for a new one, the connection that has said nothing for longest makes place: a thousand that say
//! nothing keep nobody out. Who has named a body and does not send it says nothing either.

use crate::limits::server as limits;
use axum::Router;
use axum::body::{Body, HttpBody};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Takes connections until `cancel`; gives those in hand [`limits::DRAIN`] to end, and cuts off what is left.
pub(super) async fn accept(listener: TcpListener, router: Router, cancel: &CancellationToken) {
    let (silent, mut tasks) = (Silent::default(), JoinSet::new());
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS));
    loop {
        let taken = tokio::select! {
            () = cancel.cancelled() => break,
            // what has ended is forgotten at once
            Some(_) = tasks.join_next() => continue,
            taken = next(&listener, &places, &silent) => taken,
        };
        let Some((stream, place)) = taken else { continue };
        tasks.spawn(serve(stream, router.clone(), Seat::new(&silent, place), cancel.clone()));
    }
    drop(listener);
    silent.close_idle();
    let ended = async { while tasks.join_next().await.is_some() {} };
    if timeout(limits::DRAIN, ended).await.is_err() {
        tracing::warn!(connections = tasks.len(), "requests were cut off at the stop");
        tasks.shutdown().await;
    }
}

/// The next connection, with a place for it; None: the system gave none.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    silent: &Silent,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    // a place first: dropping this future at any wait loses nobody's connection
    let place = match Arc::clone(places).try_acquire_owned() {
        Ok(place) => place,
        Err(_) => loop {
            silent.close_oldest();
            // all may be busy now, and silent a moment later
            if let Ok(place) = timeout(limits::ACCEPT_PAUSE, Arc::clone(places).acquire_owned()).await {
                break place.ok()?;
            }
        },
    };
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be taken");
            silent.close_oldest();
            sleep(limits::ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn serve(stream: TcpStream, router: Router, seat: Seat, cancel: CancellationToken) {
    // an answer is small and must not wait for more
    let _ = stream.set_nodelay(true);
    let (seat, router) = (Arc::new(seat), TowerToHyperService::new(router));
    let closing = seat.closing.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        seat.speaks();
        let speaker = Arc::clone(&seat);
        let request = request.map(|bytes| Body::new(Listened { bytes, seat: speaker }));
        let (seat, answer) = (Arc::clone(&seat), router.call(request));
        async move {
            let answer = answer.await;
            seat.is_silent(false);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::SILENCE)
        .max_buf_size(limits::HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let (mut connection, mut is_stopping) = (pin!(connection), false);
    loop {
        tokio::select! {
            // how a stranger's connection ended is nobody's news
            _ = connection.as_mut() => break,
            () = closing.cancelled() => break,
            () = cancel.cancelled(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The connections that say nothing, the longest silent first.
#[derive(Clone, Default)]
struct Silent(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    next: u64,
    mute: BTreeMap<u64, Mute>,
}

/// A connection that says nothing.
struct Mute {
    since: Instant,
    closing: CancellationToken,
    /// In the middle of a request, or between two.
    is_asking: bool,
}

impl Silent {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Not one whose answer may still be on its way out.
    fn close_oldest(&self) {
        let mut waiting = self.waiting();
        let Some(oldest) = waiting.mute.first_entry() else { return };
        if oldest.get().since.elapsed() >= limits::ACCEPT_PAUSE {
            oldest.remove().closing.cancel();
        }
    }

    /// At a stop: requests that have begun have their time to end.
    fn close_idle(&self) {
        let idle = self.waiting().mute.extract_if(.., |_, mute| !mute.is_asking).collect::<Vec<_>>();
        idle.into_iter().for_each(|(_, mute)| mute.closing.cancel());
    }
}

/// One connection's place, and its turn in the line of the silent ones.
struct Seat {
    silent: Silent,
    closing: CancellationToken,
    turn: Mutex<Option<u64>>,
    _place: OwnedSemaphorePermit,
}

impl Seat {
    fn new(silent: &Silent, place: OwnedSemaphorePermit) -> Self {
        let seat = Self {
            silent: silent.clone(),
            closing: CancellationToken::new(),
            turn: Mutex::new(None),
            _place: place,
        };
        seat.is_silent(false);
        seat
    }

    fn turn(&self) -> MutexGuard<'_, Option<u64>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head is here.
    fn speaks(&self) {
        if let Some(turn) = self.turn().take() {
            self.silent.waiting().mute.remove(&turn);
        }
    }

    /// It has its answer, or lets wait for the rest of its request.
    fn is_silent(&self, is_asking: bool) {
        if self.turn().is_some() {
            return;
        }
        let mut waiting = self.silent.waiting();
        let turn = waiting.next;
        waiting.next += 1;
        let closing = self.closing.clone();
        waiting.mute.insert(turn, Mute { since: Instant::now(), closing, is_asking });
        *self.turn() = Some(turn);
    }
}

/// A body that is waited for: meanwhile its connection says nothing.
struct Listened {
    bytes: Incoming,
    seat: Arc<Seat>,
}

impl HttpBody for Listened {
    type Data = <Incoming as HttpBody>::Data;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.bytes).poll_frame(context);
        match &polled {
            Poll::Pending => self.seat.is_silent(true),
            Poll::Ready(_) => self.seat.speaks(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes.size_hint()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.speaks();
    }
}
