-- Which page a report is of, so that it is found by that.
ALTER TABLE page_report ADD COLUMN page TEXT;

CREATE INDEX page_report_by_page ON page_report (account, page);

-- What programs did has places of its own.
ALTER TABLE audit ADD COLUMN by_program INTEGER NOT NULL DEFAULT 0;

UPDATE audit SET by_program = 1 WHERE by LIKE 'API client %';

CREATE INDEX audit_by_program ON audit (account, by_program, id);
