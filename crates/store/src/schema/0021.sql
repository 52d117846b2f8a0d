-- What a receiver is told of is told once, however often it is heard of.
CREATE UNIQUE INDEX webhook_delivery_by_event ON webhook_delivery (webhook, event_id);
