-- The same comment comes under several deliveries' ids and is found again by whoever reads a repository's comments. It is heard
-- once: `deed` is what was decided and is being done, so that what was cut off goes on as it was decided; `ending` is how it
-- ended, and from then on it is nothing any more. `comment` is text: what is not an issue's comment has numbers of its own.

CREATE TABLE heard (
    repo_id INTEGER NOT NULL,
    comment TEXT    NOT NULL,
    deed    TEXT,
    ending  TEXT,
    at      INTEGER NOT NULL,
    PRIMARY KEY (repo_id, comment)
) STRICT, WITHOUT ROWID;

CREATE INDEX heard_by_age ON heard (at);

-- Repositories whose comments are read for those that no delivery told of. `begun`: nothing from before it is ever looked for, by
-- GitHub's clock; `since`: what was changed before it was looked at; `scanned`: when it was last looked, by ours.

CREATE TABLE known_repos (
    repo_id      INTEGER NOT NULL PRIMARY KEY,
    installation INTEGER NOT NULL,
    owner        TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    is_private   INTEGER NOT NULL CHECK (is_private IN (0, 1)),
    begun        INTEGER NOT NULL,
    since        INTEGER NOT NULL,
    scanned      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX known_repos_by_scan ON known_repos (scanned);

-- Up to when something that is looked through again and again was looked through whole.

CREATE TABLE looks (
    what TEXT    NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
