-- Whoever tried has proved to be the device.
ALTER TABLE attempt ADD COLUMN proved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN times BIGINT NOT NULL DEFAULT 1;
UPDATE attempt SET proved = served;
CREATE INDEX attempt_by_proof ON attempt (mac, proved, id);
CREATE INDEX attempt_by_source ON attempt (source, id);
DROP INDEX attempt_by_mac;

-- Extensions that were taken from a device, which may still try to register with them.
CREATE TABLE former_line (
    sip_user TEXT PRIMARY KEY,
    device TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    port INTEGER NOT NULL,
    removed_at BIGINT NOT NULL
);

CREATE INDEX former_line_by_device ON former_line (device, removed_at);
