-- A run, what it was told and what it wants done live in one database, because an event, the run after it and the
-- effects that follow must become durable together or not at all (one transaction, docs/architecture.md).
-- `version` counts the events taken: a writer that read an older version is refused. The lease says who may perform.

CREATE TABLE runs (
    id          TEXT    NOT NULL PRIMARY KEY,
    repository  TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    phase       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX runs_by_repository ON runs (repository, created);
CREATE INDEX runs_by_phase ON runs (phase, updated);

-- Append-only: what the run was told, in order. Replaying it through `step` gives the run again.
CREATE TABLE journal (
    run   TEXT    NOT NULL REFERENCES runs (id),
    seq   INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    event TEXT    NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

-- What runs want done. The key makes a repeat harmless: wanted again after it was done, the stored outcome counts;
-- wanted again after it was dropped (refused, or stopped before its end), it is performed again.
-- `version` and `place` are the order in which effects were wanted; `claims` counts starts (a start that never came to
-- an end was a crash), `failures` counts ends that may be tried again, `not_before` is when.
CREATE TABLE effects (
    run        TEXT    NOT NULL REFERENCES runs (id),
    key        TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'claimed', 'done', 'dropped')),
    version    INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    claims     INTEGER NOT NULL DEFAULT 0,
    failures   INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    outcome    TEXT,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX effects_open ON effects (run, state) WHERE state IN ('pending', 'claimed');
