INSERT INTO page_report (account, at, report) VALUES ('one', 1000000, '{"page":"page1","extension":"700","talker":"desk","duration_ms":1000,"listeners":[]}');
