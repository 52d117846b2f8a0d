-- Programs that use the API.
CREATE TABLE api_client (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    secret BLOB NOT NULL,
    scopes TEXT NOT NULL,
    added_at BIGINT NOT NULL
);

CREATE INDEX api_client_by_account ON api_client (account, name, id);

CREATE TABLE api_token (
    token BLOB PRIMARY KEY,
    client TEXT NOT NULL REFERENCES api_client (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE INDEX api_token_by_client ON api_token (client, expires_at);
