-- Requests of programs that may be repeated, by the key that each was given, with what was answered; 0 and nothing as long as it is not.
CREATE TABLE api_repeat (
    client TEXT NOT NULL REFERENCES api_client (id) ON DELETE CASCADE,
    key BLOB NOT NULL,
    request BLOB NOT NULL,
    at BIGINT NOT NULL,
    status INTEGER NOT NULL,
    -- Sealed: a claim code may stand in it.
    answer BLOB,
    PRIMARY KEY (client, key)
);

CREATE INDEX api_repeat_by_time ON api_repeat (at);
