//! Verify and setup.

use std::time::Duration;

/// Wall time of one command of verify; it also ends with the run's own time. At the bound it is killed: never a pass.
pub const COMMAND: Duration = Duration::from_secs(20 * 60);
/// Wall time of one command of setup. At the bound it is killed and the run goes on without.
pub const SETUP: Duration = Duration::from_secs(10 * 60);
/// Packages of one folder that are looked at for links into the repository. At the bound the rest stays as it is.
pub const LINKS: usize = 50_000;
/// How often it is looked whether another process is done with the same setup, which takes seconds to minutes.
pub const LOCK_LOOK: Duration = Duration::from_millis(100);
/// Wall time of one command of setup that is tried without a network first. At the bound it is killed and tried with one.
pub const FROM_CACHES: Duration = Duration::from_secs(2 * 60);
/// Bytes of one command's output that are kept (half from its head, half from its tail).
pub const OUTPUT_BYTES: u64 = 8 << 20;
/// Names of failing tests that are compared and shown; more are counted.
pub const FAILING: usize = 500;
/// Characters of one test's name; the rest is left out.
pub const NAME_CHARS: usize = 200;
/// Lines that the name of one failing test may go over: suites in suites. One that is longer is not known by it.
pub const TITLE_LINES: u32 = 8;
/// Names of old failures that a receipt's note spells out.
pub const NAMED: usize = 10;
/// Targets of a makefile that are followed from `test` on, where it has no recipe of its own; more are not looked at.
pub const MAKE_TARGETS: usize = 20;
/// Bytes of a manifest (`package.json`, `Makefile`) that detection reads. A larger one is not looked at.
pub const MANIFEST_BYTES: usize = 512 * 1024;
/// Bytes one connection may send while setup runs: requests, not uploads. Then it is cut.
pub const UPLOAD_CONNECTION_BYTES: u64 = 256 * 1024;
/// Bytes all connections of one setup may send. Then every connection is cut.
pub const UPLOAD_BYTES: u64 = 4 << 20;
/// Bytes all connections of one setup may receive. Then every connection is cut.
pub const DOWNLOAD_BYTES: u64 = 4 << 30;
/// Connections of one setup at a time. More wait.
pub const CONNECTIONS: usize = 64;
/// Bytes of a proxy request's head, and of a TLS hello: real ones have some hundred. Longer is refused.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Connections of one command of setup that are refused because nobody named their host: a client that asks for so many will
/// not stop. Then the command is ended.
pub const REFUSALS: usize = 100;
/// Connections of one setup that are logged; more are only carried.
pub const LOG_LINES: usize = 1_000;
/// Time for a proxy request's head, a TLS hello, or a connection to the host. Then it is refused.
pub const HELLO: Duration = Duration::from_secs(30);
/// Time for one of a host's addresses to answer, so that a dead one leaves time for the next.
pub const CONNECT: Duration = Duration::from_secs(8);
/// Addresses of one host that are tried; the rest are not.
pub const ADDRESSES: usize = 6;
/// How long a connection may be silent in both directions: a registry may think for a while. Then it is cut.
pub const IDLE: Duration = Duration::from_secs(120);
