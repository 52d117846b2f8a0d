-- Serial numbers in hexadecimal digits, for the list of what was taken back; none for what was issued before they were kept.
ALTER TABLE certificate ADD COLUMN serial TEXT NOT NULL DEFAULT '';
