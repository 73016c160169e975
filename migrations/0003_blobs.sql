-- Whatever is too big for an event or a message (outputs, receipts, configuration, instructions) is kept once, by
-- the SHA-256 of its bytes, compressed. Nothing refers to it by anything else, so the same output costs one row.

CREATE TABLE blobs (
    hash  TEXT    NOT NULL PRIMARY KEY,
    size  INTEGER NOT NULL,
    bytes BLOB    NOT NULL
) STRICT;
