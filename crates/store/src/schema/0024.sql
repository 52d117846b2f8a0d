-- The device that an alarm is about, and what only the key makes of an alarm that somebody has dismissed.
ALTER TABLE audit ADD COLUMN device TEXT;
ALTER TABLE audit ADD COLUMN dismissed BLOB;
