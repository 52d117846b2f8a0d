-- Members of page groups besides users and common areas, how a group ranks, and who may page it.
CREATE TABLE page_group_device (
    page_group TEXT NOT NULL REFERENCES page_group (id) ON DELETE CASCADE,
    device TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    -- The page slot; 0 for all of them.
    port INTEGER NOT NULL,
    PRIMARY KEY (page_group, device, port)
);

CREATE INDEX page_group_device_by_device ON page_group_device (device);

CREATE TABLE page_group_site (
    page_group TEXT NOT NULL REFERENCES page_group (id) ON DELETE CASCADE,
    site TEXT NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    PRIMARY KEY (page_group, site)
);

CREATE INDEX page_group_site_by_site ON page_group_site (site);
CREATE INDEX page_group_member_by_holder ON page_group_member (holder);

CREATE TABLE page_group_pager (
    page_group TEXT NOT NULL REFERENCES page_group (id) ON DELETE CASCADE,
    holder TEXT NOT NULL REFERENCES holder (id) ON DELETE CASCADE,
    PRIMARY KEY (page_group, holder)
);

CREATE INDEX page_group_pager_by_holder ON page_group_pager (holder);

ALTER TABLE page_group ADD COLUMN urgency TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE page_group ADD COLUMN pagers TEXT NOT NULL DEFAULT 'everybody';
CREATE INDEX page_group_by_number ON page_group (account, LENGTH(extension), extension);
