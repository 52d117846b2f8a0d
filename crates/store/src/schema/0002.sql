-- The order of the lists, so that a page of one is read from where it begins.
CREATE INDEX device_by_folded_name ON device (account, LOWER(name), id);
DROP INDEX device_by_account;
CREATE INDEX holder_by_number ON holder (account, LENGTH(extension), extension);
