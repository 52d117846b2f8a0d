UPDATE certificate SET serial = '2a';
