-- A webhook is answered only when it is kept: GitHub does not send it again by itself. The id is unique, so that the
-- same delivery twice is one row; the first body wins, and the digest of another one under the same id is kept for audit.
-- `seq` is the order of arrival. `stored` waits to be looked at, `not_before` says from when, `starts` counts looks (one that
-- ends the program each time must not do so for ever), `failures` those that may be tried again; `why` is how it ended.

CREATE TABLE deliveries (
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    event      TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('stored', 'ignored', 'done', 'failed')),
    received   INTEGER NOT NULL,
    not_before INTEGER NOT NULL DEFAULT 0,
    starts     INTEGER NOT NULL DEFAULT 0,
    failures   INTEGER NOT NULL DEFAULT 0,
    why        TEXT,
    body       BLOB    NOT NULL
) STRICT;

CREATE INDEX deliveries_waiting ON deliveries (seq, not_before) WHERE state = 'stored';

CREATE TABLE delivery_twins (
    id       TEXT    NOT NULL,
    digest   TEXT    NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (id, digest)
) STRICT, WITHOUT ROWID;
