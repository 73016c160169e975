-- A base commit never changes, so how a command ends on it is asked once: only new failures count against a change.
-- The key holds the commit, the command and the toolchain.

CREATE TABLE base_ends (
    key       TEXT    NOT NULL PRIMARY KEY,
    exit_code INTEGER NOT NULL,
    millis    INTEGER NOT NULL,
    output    TEXT    NOT NULL
) STRICT;
