-- The password of the own pages of an account's devices, and the one before, which a device has until it fetches its file again.
CREATE TABLE device_password (
    account TEXT PRIMARY KEY REFERENCES account (id),
    changed_at BIGINT NOT NULL,
    password BLOB NOT NULL,
    earlier BLOB
);
