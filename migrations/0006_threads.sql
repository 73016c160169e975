-- What a run is about on GitHub. Numbers decide, names are for people and addresses: a repository may be renamed.

CREATE TABLE threads (
    run             TEXT    NOT NULL PRIMARY KEY REFERENCES runs (id),
    installation    INTEGER NOT NULL,
    repo_id         INTEGER NOT NULL,
    repo_owner      TEXT    NOT NULL,
    repo_name       TEXT    NOT NULL,
    is_private      INTEGER NOT NULL CHECK (is_private IN (0, 1)),
    default_branch  TEXT    NOT NULL,
    number          INTEGER NOT NULL,
    is_pull         INTEGER NOT NULL CHECK (is_pull IN (0, 1)),
    comment         INTEGER NOT NULL,
    author          INTEGER NOT NULL,
    requester       INTEGER NOT NULL,
    requester_login TEXT    NOT NULL,
    branch          TEXT    NOT NULL,
    labels          TEXT    NOT NULL,
    is_draft        INTEGER NOT NULL CHECK (is_draft IN (0, 1)),
    request         TEXT    NOT NULL,
    -- the status comment: the newest that is wanted, the newest that was written, when, and not before when
    status_wanted   INTEGER NOT NULL DEFAULT 0,
    status_written  INTEGER NOT NULL DEFAULT 0,
    status_at       INTEGER,
    status_after    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX threads_to_tell ON threads (status_after) WHERE status_wanted > status_written;

CREATE INDEX threads_by_number ON threads (repo_id, number);
CREATE INDEX threads_by_installation ON threads (installation);
CREATE INDEX threads_by_requester ON threads (requester);

-- What left for GitHub: when it was first tried (its answer may have been lost, so it is looked for from then on) and the id
-- it got there. `about` is a run, or what else the sender makes its key of (a comment, a person on a day).

CREATE TABLE outbox (
    about     TEXT    NOT NULL,
    slot      TEXT    NOT NULL,
    first_try INTEGER NOT NULL,
    remote_id INTEGER,
    note      TEXT,
    PRIMARY KEY (about, slot)
) STRICT, WITHOUT ROWID;
