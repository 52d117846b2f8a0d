-- The entry at a place of a list, which goes when the list is full. Beside people (0) and programs (1) there is a list of alarms (2).
CREATE INDEX audit_by_place ON audit (account, by_program, place, id);
