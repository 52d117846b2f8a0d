-- Links by which somebody signs in once and chooses a password.
CREATE TABLE invitation (
    token BLOB PRIMARY KEY,
    administrator TEXT NOT NULL REFERENCES administrator (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE INDEX invitation_by_administrator ON invitation (administrator);
