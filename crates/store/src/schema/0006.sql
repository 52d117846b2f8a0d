-- What is kept of sites, users and common areas besides, for programs that ask for it.
CREATE TABLE site_profile (
    site TEXT PRIMARY KEY REFERENCES site (id) ON DELETE CASCADE,
    receptionist TEXT NOT NULL,
    code BIGINT,
    short_length BIGINT,
    caller_id_name TEXT NOT NULL
);

CREATE TABLE emergency_address (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    line1 TEXT NOT NULL,
    line2 TEXT NOT NULL,
    city TEXT NOT NULL,
    state_code TEXT NOT NULL,
    zip TEXT NOT NULL,
    country TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    site TEXT REFERENCES site (id) ON DELETE CASCADE,
    holder TEXT REFERENCES holder (id) ON DELETE CASCADE
);

CREATE INDEX emergency_address_by_account ON emergency_address (account, id);
CREATE INDEX emergency_address_by_site ON emergency_address (site);
CREATE INDEX emergency_address_by_holder ON emergency_address (holder);

CREATE TABLE holder_profile (
    holder TEXT PRIMARY KEY REFERENCES holder (id) ON DELETE CASCADE,
    department TEXT NOT NULL,
    cost_center TEXT NOT NULL,
    area_code TEXT NOT NULL,
    language TEXT NOT NULL,
    address TEXT REFERENCES emergency_address (id) ON DELETE SET NULL
);

CREATE TABLE provision_template (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (account, name)
);

CREATE TABLE device_template (
    device TEXT PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
    template TEXT NOT NULL REFERENCES provision_template (id) ON DELETE CASCADE
);

CREATE INDEX device_template_by_template ON device_template (template);

CREATE TABLE alert_setting (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    module BIGINT NOT NULL,
    rule BIGINT NOT NULL,
    is_active INTEGER NOT NULL,
    -- Sealed: it has what one may post to chats with.
    definition BLOB NOT NULL
);

CREATE INDEX alert_setting_by_account ON alert_setting (account, id);

CREATE INDEX audit_by_time ON audit (account, at, id);
