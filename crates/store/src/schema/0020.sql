-- What makes it seen that the audit was changed by something else: the place of an entry in its list, and what only the key beside
-- the database makes of the entry and of the link before it. What was kept before has neither.
ALTER TABLE audit ADD COLUMN place BIGINT;
ALTER TABLE audit ADD COLUMN link BLOB;

-- Where a list of an account begins and ends: that of people, and that of programs, which are pruned apart.
CREATE TABLE audit_bounds (
    account TEXT NOT NULL REFERENCES account (id),
    by_program INTEGER NOT NULL,
    -- Entries with ids below this one may be without a link.
    unlinked_before BIGINT NOT NULL,
    -- The last entry that had to go, for the first one that is kept is linked to it.
    pruned BIGINT NOT NULL,
    pruned_link BLOB NOT NULL,
    last BIGINT NOT NULL,
    last_link BLOB NOT NULL,
    -- What only the key makes of all these.
    seal BLOB NOT NULL,
    PRIMARY KEY (account, by_program)
);
