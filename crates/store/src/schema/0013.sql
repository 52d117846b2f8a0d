-- What an administrator proves at the sign-in besides the password.
CREATE TABLE second_factor (
    administrator TEXT PRIMARY KEY REFERENCES administrator (id) ON DELETE CASCADE,
    -- Sealed.
    secret BLOB NOT NULL,
    -- The last step whose code was taken: none is taken twice.
    step BIGINT NOT NULL
);

CREATE TABLE recovery_code (
    administrator TEXT NOT NULL REFERENCES second_factor (administrator) ON DELETE CASCADE,
    code BLOB NOT NULL,
    PRIMARY KEY (administrator, code)
);

-- Sign-ins of which the password was right, and the code is yet to come.
CREATE TABLE half_session (
    token BLOB PRIMARY KEY,
    administrator TEXT NOT NULL REFERENCES administrator (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE INDEX half_session_by_administrator ON half_session (administrator);

ALTER TABLE account ADD COLUMN requires_second_factor INTEGER NOT NULL DEFAULT 0;

CREATE INDEX holder_by_site ON holder (site);
CREATE INDEX device_by_site ON device (site);
