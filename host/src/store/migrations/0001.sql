-- Times are Unix seconds. A text that is not known is empty.

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    addtime      INTEGER NOT NULL DEFAULT (unixepoch()),
    uptime       INTEGER NOT NULL DEFAULT (unixepoch()),
    deviceid     TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    pwd          TEXT NOT NULL,
    region       TEXT NOT NULL,
    host         TEXT NOT NULL DEFAULT '',
    port         TEXT NOT NULL DEFAULT '',
    transport    TEXT NOT NULL DEFAULT '',
    proto        TEXT NOT NULL DEFAULT '',
    report       TEXT NOT NULL DEFAULT '',
    raddr        TEXT NOT NULL DEFAULT '',
    manufacturer TEXT NOT NULL DEFAULT '',
    devicetype   TEXT NOT NULL DEFAULT '',
    firmware     TEXT NOT NULL DEFAULT '',
    model        TEXT NOT NULL DEFAULT '',
    uri          TEXT NOT NULL DEFAULT '',
    active       INTEGER NOT NULL DEFAULT 0,
    regist       INTEGER NOT NULL DEFAULT 0,
    online       INTEGER NOT NULL DEFAULT 0,
    seen_at      INTEGER NOT NULL DEFAULT 0,
    expires_at   INTEGER NOT NULL DEFAULT 0,
    source       TEXT NOT NULL DEFAULT '',
    local        TEXT NOT NULL DEFAULT '',
    user_agent   TEXT NOT NULL DEFAULT '',
    gb_version   TEXT NOT NULL DEFAULT '',
    generation   INTEGER NOT NULL DEFAULT 0,
    vendor       TEXT NOT NULL DEFAULT ''
);

CREATE TABLE channels (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    addtime      INTEGER NOT NULL DEFAULT (unixepoch()),
    uptime       INTEGER NOT NULL DEFAULT (unixepoch()),
    deviceid     TEXT NOT NULL UNIQUE,
    pdid         TEXT NOT NULL REFERENCES users (deviceid) ON DELETE CASCADE,
    name         TEXT NOT NULL DEFAULT '',
    manufacturer TEXT NOT NULL DEFAULT '',
    model        TEXT NOT NULL DEFAULT '',
    owner        TEXT NOT NULL DEFAULT '',
    civilcode    TEXT NOT NULL DEFAULT '',
    address      TEXT NOT NULL DEFAULT '',
    parental     INTEGER NOT NULL DEFAULT 0,
    safetyway    INTEGER NOT NULL DEFAULT 0,
    registerway  INTEGER NOT NULL DEFAULT 0,
    secrecy      INTEGER NOT NULL DEFAULT 0,
    status       TEXT NOT NULL DEFAULT 'OFF',
    active       INTEGER NOT NULL DEFAULT 0,
    uri          TEXT NOT NULL DEFAULT '',
    parentid     TEXT NOT NULL DEFAULT '',
    longitude    REAL,
    latitude     REAL,
    ptztype      INTEGER,
    issued       INTEGER NOT NULL,
    generation   INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX channels_of_user ON channels (pdid, id);

-- `state` is the rank of the state: a stream only ever moves to a higher one; 5 is closed.
CREATE TABLE streams (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    stream         TEXT NOT NULL,
    ssrc           TEXT NOT NULL,
    sequence       INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    device         TEXT NOT NULL,
    channel        TEXT NOT NULL,
    state          INTEGER NOT NULL DEFAULT 0,
    why            TEXT NOT NULL DEFAULT '',
    start_at       INTEGER,
    end_at         INTEGER,
    own_port       INTEGER NOT NULL,
    invite         TEXT,
    dialog         TEXT,
    media_ssrc     TEXT NOT NULL DEFAULT '',
    media_source   TEXT NOT NULL DEFAULT '',
    close_attempts INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL DEFAULT (unixepoch()),
    updated_at     INTEGER NOT NULL DEFAULT (unixepoch())
);
CREATE INDEX streams_open ON streams (id) WHERE state < 5;
CREATE INDEX streams_by_name ON streams (stream, id);
CREATE UNIQUE INDEX streams_open_sequence ON streams (sequence) WHERE state < 5;
CREATE INDEX streams_open_channel ON streams (channel) WHERE state < 5;
CREATE INDEX streams_closed ON streams (updated_at) WHERE state = 5;

CREATE TABLE recordings (
    id         TEXT PRIMARY KEY,
    stream     TEXT NOT NULL,
    channel    TEXT NOT NULL,
    app        TEXT NOT NULL,
    state      TEXT NOT NULL,
    started    INTEGER NOT NULL,
    max_second INTEGER NOT NULL,
    query      TEXT NOT NULL,
    url        TEXT NOT NULL DEFAULT '',
    path       TEXT NOT NULL DEFAULT '',
    size       INTEGER NOT NULL DEFAULT 0,
    time_len   REAL NOT NULL DEFAULT 0,
    start_at   INTEGER NOT NULL DEFAULT 0,
    end_at     INTEGER NOT NULL DEFAULT 0,
    why        TEXT NOT NULL DEFAULT '',
    over_at    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE UNIQUE INDEX recordings_open ON recordings (stream) WHERE state IN ('recording', 'stopping');
CREATE INDEX recordings_of_stream ON recordings (stream, started);
CREATE INDEX recordings_over ON recordings (over_at) WHERE state IN ('deleted', 'failed');
CREATE INDEX recordings_done ON recordings (start_at, id) WHERE state = 'done';

CREATE TABLE receivers (
    url     TEXT PRIMARY KEY,
    waiting INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE events (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL REFERENCES receivers (url) ON DELETE CASCADE,
    method   TEXT NOT NULL,
    time     INTEGER NOT NULL,
    data     TEXT NOT NULL,
    passing  INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX events_of_receiver ON events (receiver, id);
CREATE INDEX events_to_drop ON events (receiver, passing DESC, id);

-- What policy plugins stored.
CREATE TABLE plugin_values (
    plugin TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  BLOB NOT NULL,
    PRIMARY KEY (plugin, name)
) WITHOUT ROWID;
