-- registry.db as schema 3 was: an instance and an event of its past.
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE instances (service TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, host
 TEXT NOT NULL, port INTEGER NOT NULL, scheme TEXT NOT NULL, zone TEXT NOT NULL, version TEXT NOT
 NULL, weight INTEGER NOT NULL, ttl_ms INTEGER NOT NULL, own TEXT NOT NULL, admin TEXT NOT NULL,
 detail TEXT NOT NULL, check_failed INTEGER NOT NULL, legacy INTEGER NOT NULL, legacy_status
 INTEGER NOT NULL, legacy_host TEXT NOT NULL, origin TEXT NOT NULL, lease TEXT NOT NULL, tags TEXT
 NOT NULL, meta TEXT NOT NULL, routes TEXT NOT NULL, check_type TEXT NOT NULL, check_path TEXT NOT
 NULL, check_interval_ms INTEGER NOT NULL, check_timeout_ms INTEGER NOT NULL, registered_at
 INTEGER NOT NULL, expired_at INTEGER NOT NULL, down_at INTEGER NOT NULL, revision INTEGER NOT
 NULL, PRIMARY KEY (service, id)) WITHOUT ROWID;
INSERT INTO meta VALUES ('database', ''), ('revision', 0), ('number', 0), ('seen', 0);
CREATE TABLE history (seq INTEGER PRIMARY KEY, at_revision INTEGER NOT NULL, at_time INTEGER NOT
 NULL, event TEXT NOT NULL, of_service TEXT NOT NULL, of_id TEXT NOT NULL, token TEXT NOT NULL,
 address TEXT NOT NULL, what TEXT NOT NULL, service TEXT, id TEXT, number INTEGER, host TEXT, port
 INTEGER, scheme TEXT, zone TEXT, version TEXT, weight INTEGER, ttl_ms INTEGER, own TEXT, admin
 TEXT, detail TEXT, check_failed INTEGER, legacy INTEGER, legacy_status INTEGER, legacy_host TEXT,
 origin TEXT, lease TEXT, tags TEXT, meta TEXT, routes TEXT, check_type TEXT, check_path TEXT,
 check_interval_ms INTEGER, check_timeout_ms INTEGER, registered_at INTEGER, expired_at INTEGER,
 down_at INTEGER, revision INTEGER);
INSERT INTO meta SELECT 'history', value FROM meta WHERE name = 'revision';
CREATE TABLE quotas (name TEXT NOT NULL, key TEXT NOT NULL, period TEXT NOT NULL, used INTEGER NOT
 NULL, quota INTEGER NOT NULL, PRIMARY KEY (name, key, period)) WITHOUT ROWID;
CREATE TABLE quota_senders (sender TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen INTEGER NOT
 NULL) WITHOUT ROWID;
UPDATE meta SET value = '0123456789abcdef0123456789abcdef' WHERE name = 'database';
UPDATE meta SET value = 2 WHERE name IN ('revision', 'number');
INSERT INTO instances VALUES ('orders', 'one', 1, '10.0.0.1', 8080, 'http', '', '1', 1, 30000,
 'up', '',
 '', 0, 0, 0, '', '127.0.0.1', '0123456789abcdef', '[]', '{}', '[]', 'http', '/ok', 1000, 500,
 1700000000123, 0, 0, 2);
INSERT INTO history VALUES (1, 1, 1700000000123, 'registered', 'orders', 'one', '', '127.0.0.1',
 '',
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (2, 2, 1700000000124, 'registered', 'orders', 'one', '', '127.0.0.1', '',
 'orders', 'one', 1, '10.0.0.1', 8080, 'http', '', '1', 1, 30000, 'up', '', '', 0, 0, 0, '',
 '127.0.0.1', '0123456789abcdef', '[]', '{}', '[]', 'http', '/ok', 1000, 500, 1700000000123, 0, 0,
 1);
PRAGMA application_id = 1297245543;
PRAGMA user_version = 3;
