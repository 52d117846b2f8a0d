-- What the passwords of the own pages of an account's hardware are made of, generation by generation: the password of all, or a secret
-- of which each device has its own.
CREATE TABLE device_secret (
    account TEXT NOT NULL REFERENCES account (id),
    generation BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    for_all INTEGER NOT NULL,
    secret BLOB NOT NULL,
    PRIMARY KEY (account, generation)
);

INSERT INTO device_secret SELECT account, 1, 0, 1, earlier FROM device_password WHERE earlier IS NOT NULL;
INSERT INTO device_secret SELECT account, 2, changed_at, 1, password FROM device_password;
DROP TABLE device_password;

-- Which of them a device was given last, and when.
CREATE TABLE given_password (
    device TEXT PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    at BIGINT NOT NULL
);

-- Of what was given before the last change nobody knows which it was.
INSERT INTO given_password
    SELECT device.id, 2, MAX(attempt.at) FROM device
    JOIN device_secret ON device_secret.account = device.account AND device_secret.generation = 2
    JOIN attempt ON attempt.mac = device.mac AND attempt.at > device_secret.made_at
    WHERE device.kind = 'algo' AND attempt.proved = 1 AND attempt.served = 1
    GROUP BY device.id;
