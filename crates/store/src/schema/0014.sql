-- Certificates by which devices have proved to be themselves, and what they are worth: a second one may be that of a copy.
CREATE TABLE shown_certificate (
    device TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    fingerprint BLOB NOT NULL,
    standing TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (device, fingerprint)
);

-- Devices that are given nothing until somebody has looked.
CREATE TABLE held_device (
    device TEXT PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    why TEXT NOT NULL
);
