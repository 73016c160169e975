-- Deliveries are taken in by turns of the installations they came through, so that whoever sends many holds up nobody else:
-- `installation` is 0 where none was told. What waits is looked up by it.
-- And deliveries that GitHub could not bring are remembered until they come, so that its log of three days need not be read
-- again and again for them: `first` is when it tried first, `due` when it is asked for the next time.

ALTER TABLE deliveries ADD COLUMN installation INTEGER NOT NULL DEFAULT 0;

DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (installation, seq, not_before) WHERE state = 'stored';

CREATE TABLE missed (
    guid  TEXT    NOT NULL PRIMARY KEY,
    id    INTEGER NOT NULL,
    first INTEGER NOT NULL,
    due   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
