INSERT INTO feed_position VALUES ('one', 42, 'digest');
