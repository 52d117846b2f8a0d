CREATE TABLE account (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    domain TEXT NOT NULL,
    many_extensions_before_5_5 INTEGER NOT NULL,
    generic_devices INTEGER NOT NULL,
    -- Counts the states of its directory.
    epoch BIGINT NOT NULL
);

CREATE TABLE administrator (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    password TEXT,
    -- One address signs in to one account.
    UNIQUE (email)
);

CREATE TABLE session (
    token BLOB PRIMARY KEY,
    administrator TEXT NOT NULL REFERENCES administrator (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE TABLE site (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    UNIQUE (account, name)
);

-- Numbers that can be dialled: a holder's or a group's, never both.
CREATE TABLE extension (
    account TEXT NOT NULL REFERENCES account (id),
    number TEXT NOT NULL,
    PRIMARY KEY (account, number)
);

CREATE TABLE holder (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    extension TEXT NOT NULL,
    package TEXT NOT NULL,
    country TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    site TEXT REFERENCES site (id),
    UNIQUE (account, extension),
    FOREIGN KEY (account, extension) REFERENCES extension (account, number)
);

CREATE TABLE page_group (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    extension TEXT NOT NULL,
    UNIQUE (account, extension),
    FOREIGN KEY (account, extension) REFERENCES extension (account, number)
);

CREATE TABLE page_group_member (
    page_group TEXT NOT NULL REFERENCES page_group (id) ON DELETE CASCADE,
    holder TEXT NOT NULL REFERENCES holder (id) ON DELETE CASCADE,
    PRIMARY KEY (page_group, holder)
);

CREATE TABLE device (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    mac TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT,
    firmware TEXT,
    site TEXT REFERENCES site (id),
    added_at BIGINT NOT NULL,
    -- A device is one account's: the address is compared with its certificate before it is told anything.
    UNIQUE (mac)
);

CREATE INDEX device_by_account ON device (account, name, id);

CREATE TABLE line (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    device TEXT NOT NULL REFERENCES device (id),
    kind TEXT NOT NULL,
    port INTEGER NOT NULL,
    holder TEXT NOT NULL REFERENCES holder (id),
    sip_user TEXT NOT NULL UNIQUE,
    authorization_id TEXT NOT NULL UNIQUE,
    algorithm TEXT NOT NULL,
    generation BIGINT NOT NULL,
    password BLOB NOT NULL,
    UNIQUE (device, kind, port)
);

CREATE INDEX line_by_holder ON line (holder);
CREATE INDEX line_by_account ON line (account);

CREATE TABLE claim_code (
    code BLOB PRIMARY KEY,
    device TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used_by BLOB,
    uses INTEGER NOT NULL
);

CREATE INDEX claim_code_by_device ON claim_code (device);

CREATE TABLE certificate (
    fingerprint BLOB PRIMARY KEY,
    key BLOB NOT NULL,
    device TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    issued_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE INDEX certificate_by_device ON certificate (device);
CREATE INDEX certificate_by_key ON certificate (key);

CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    mac TEXT,
    at BIGINT NOT NULL,
    source TEXT NOT NULL,
    file TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    served INTEGER NOT NULL,
    -- A device of that address had been added.
    known INTEGER NOT NULL
);

CREATE INDEX attempt_by_mac ON attempt (mac, served, id);
CREATE INDEX attempt_by_known ON attempt (known, id);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    at BIGINT NOT NULL,
    by TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);

CREATE INDEX audit_by_account ON audit (account, id);
