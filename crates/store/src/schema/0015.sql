-- What zones elsewhere were told last: the state of the directory, and the hash of what it was told as.
CREATE TABLE feed_position (
    account TEXT PRIMARY KEY REFERENCES account (id),
    epoch BIGINT NOT NULL,
    digest TEXT NOT NULL
);
