//! The sandbox, looked at from inside: what must be blocked, what must still work, and how it ends.

mod bounds;
mod calls;
mod denied;
mod life;
mod place;
mod probes;
mod toolchains;
