-- The PIN that is keyed in before a page of a group, sealed; none where the group asks for none.
ALTER TABLE page_group ADD COLUMN pin BLOB;
