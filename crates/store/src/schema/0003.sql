-- What a rotation has left good beside the password of the line.
CREATE TABLE earlier_password (
    line TEXT PRIMARY KEY REFERENCES line (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    password BLOB NOT NULL
);
