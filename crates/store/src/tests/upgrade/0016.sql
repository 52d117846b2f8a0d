INSERT INTO page_report (account, at, report, page) VALUES ('one', 1060000, '{"page":"page2","extension":"700","talker":"desk","duration_ms":1000,"listeners":[]}', 'page2');
