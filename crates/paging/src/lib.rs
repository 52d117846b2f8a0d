//! Who may sound now, and who has heard it: priorities, the life of a page, receipts.
