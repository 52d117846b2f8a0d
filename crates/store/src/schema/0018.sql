-- What holds for users and common areas of whom nothing else is said.
ALTER TABLE account ADD COLUMN default_country TEXT;
ALTER TABLE account ADD COLUMN default_time_zone TEXT;
