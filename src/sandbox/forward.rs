//! The sandbox's end of the egress proxy: from its own loopback to the one Unix socket that leads out.
//!
//! Threads of the namespace's first process, which no command can signal. It looks at nothing: the host's end decides.

use crate::limits::sandbox::{PROXY_CONNECTIONS, PROXY_PORT};
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Where the host's socket is seen inside.
pub(super) const SOCKET: &str = "/run/egress.sock";

/// Starts to listen, so that the first command finds it there.
pub(super) fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, PROXY_PORT))
}

/// Forwards from now on, beside whatever this process does.
pub(super) fn forward(listener: TcpListener) -> io::Result<()> {
    let gate = Arc::new(Gate::default());
    let accept = move || {
        for client in listener.incoming().flatten() {
            let pass = Pass::enter(&gate);
            let serve = move || {
                let _ = relay(&client);
                drop(pass);
            };
            let _ = std::thread::Builder::new().name("egress".to_owned()).spawn(serve);
        }
    };
    std::thread::Builder::new().name("egress".to_owned()).spawn(accept).map(drop)
}

/// Both directions until both are done.
fn relay(client: &TcpStream) -> io::Result<()> {
    let proxy = UnixStream::connect(SOCKET)?;
    let (mut from_client, mut to_client) = (client.try_clone()?, client.try_clone()?);
    let (mut from_proxy, mut to_proxy) = (proxy.try_clone()?, proxy.try_clone()?);
    let up = std::thread::Builder::new().name("egress".to_owned()).spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_proxy);
        let _ = to_proxy.shutdown(Shutdown::Write);
    })?;
    let _ = io::copy(&mut from_proxy, &mut to_client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = proxy.shutdown(Shutdown::Both);
    let _ = up.join();
    Ok(())
}

/// How many connections there are.
#[derive(Default)]
struct Gate {
    inside: Mutex<usize>,
    left: Condvar,
}

/// One connection's place; given back when dropped.
struct Pass(Arc<Gate>);

impl Pass {
    fn enter(gate: &Arc<Gate>) -> Self {
        let inside = gate.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inside = gate
            .left
            .wait_while(inside, |count| *count >= PROXY_CONNECTIONS)
            .unwrap_or_else(PoisonError::into_inner);
        *inside += 1;
        Self(Arc::clone(gate))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        *self.0.inside.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}
