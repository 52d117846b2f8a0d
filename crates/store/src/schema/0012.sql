-- Programs that are told of what happens.
CREATE TABLE webhook (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    shows_passwords INTEGER NOT NULL,
    -- Sealed.
    secret BLOB NOT NULL,
    state TEXT NOT NULL,
    because TEXT NOT NULL,
    failures BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    added_at BIGINT NOT NULL
);

CREATE INDEX webhook_by_account ON webhook (account, added_at, id);

CREATE TABLE webhook_delivery (
    id INTEGER PRIMARY KEY,
    webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    event_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- Sealed: it may have passwords in it. Kept until it is delivered or given up.
    body BLOB,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    tried_at BIGINT,
    status BIGINT,
    cause TEXT NOT NULL
);

CREATE INDEX webhook_delivery_by_state ON webhook_delivery (webhook, state, id);

-- Devices of which it was told whether they are up, and what was told last.
CREATE TABLE told_presence (
    device TEXT PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
    is_up INTEGER NOT NULL
);

-- What has to be typed into generic devices, as it was told last: a digest of it. The row without a device says that there was a first time.
CREATE TABLE told_provision (
    account TEXT NOT NULL REFERENCES account (id),
    device TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (account, device)
);
