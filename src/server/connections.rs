//! Connections: as many as are allowed, each with a time for its silence, and all of them gone soon after a stop.
//!
//! When there is no place for a new one, the connection that has said nothing for longest makes place: a thousand that say
//! nothing keep nobody out.

use crate::limits::server as limits;
use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    silent.close_all();
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
    let service = service_fn(move |request| {
        seat.speaks();
        let (seat, answer) = (Arc::clone(&seat), router.call(request));
        async move {
            let answer = answer.await;
            seat.is_silent();
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
    closing: BTreeMap<u64, (Instant, CancellationToken)>,
}

impl Silent {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Not one whose answer may still be on its way out.
    fn close_oldest(&self) {
        let mut waiting = self.waiting();
        let Some(oldest) = waiting.closing.first_entry() else { return };
        if oldest.get().0.elapsed() >= limits::ACCEPT_PAUSE {
            oldest.remove().1.cancel();
        }
    }

    fn close_all(&self) {
        std::mem::take(&mut self.waiting().closing).into_values().for_each(|(_, closing)| closing.cancel());
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
        seat.is_silent();
        seat
    }

    fn turn(&self) -> MutexGuard<'_, Option<u64>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head is here.
    fn speaks(&self) {
        if let Some(turn) = self.turn().take() {
            self.silent.waiting().closing.remove(&turn);
        }
    }

    /// It has its answer.
    fn is_silent(&self) {
        let mut waiting = self.silent.waiting();
        let turn = waiting.next;
        waiting.next += 1;
        waiting.closing.insert(turn, (Instant::now(), self.closing.clone()));
        *self.turn() = Some(turn);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.speaks();
    }
}
