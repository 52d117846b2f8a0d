-- What became of pages.
CREATE TABLE page_report (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    at BIGINT NOT NULL,
    -- As it is told to other programs.
    report TEXT NOT NULL
);

CREATE INDEX page_report_by_account ON page_report (account, id);
