-- What agents said and were told, append-only and in order: a work resumes by reading it again, so that an answer
-- that is stored is never asked for a second time.

CREATE TABLE transcripts (
    work  TEXT    NOT NULL,
    seq   INTEGER NOT NULL,
    run   TEXT    NOT NULL REFERENCES runs (id),
    entry TEXT    NOT NULL,
    PRIMARY KEY (work, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX transcripts_by_run ON transcripts (run);

-- What calls to models cost. A row is written before the call leaves, with the most it can cost; the real cost
-- replaces that when it is known; one that never came back (a crash) may have been billed, so it stays counted in
-- full. An attempt is booked once. `usd` is in millionths of a dollar, NULL when there is no price.
CREATE TABLE calls (
    work          TEXT    NOT NULL,
    step          INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    run           TEXT    NOT NULL REFERENCES runs (id),
    settled       INTEGER NOT NULL CHECK (settled IN (0, 1)),
    usd           INTEGER,
    input_tokens  INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    PRIMARY KEY (work, step, attempt)
) STRICT, WITHOUT ROWID;

CREATE INDEX calls_by_run ON calls (run);
