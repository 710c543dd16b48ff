-- The reader side of the LOCAL channel.
CREATE TABLE IF NOT EXISTS `msg_inbox_lock` (
  -- deliveries lock their tenant's row until they commit: a tenant's inbox ids become visible in their order
  `tenant_id` BIGINT NOT NULL PRIMARY KEY
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `msg_inbox_read` (
  `tenant_id` BIGINT NOT NULL,
  `user_id` VARCHAR(128) NOT NULL,
  `inbox_id` BIGINT NOT NULL,
  `read_time` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  -- which messages to everyone a reader has read: joined from the row of the reader `*`
  PRIMARY KEY (`tenant_id`, `user_id`, `inbox_id`),
  -- retention: marks whose rows are gone
  KEY `ix_read_time` (`read_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
--> statement-breakpoint
-- ix_unread: a reader's unread rows: counted from the index alone, listed newest first, marked by read-all.
-- ix_tenant: the newest id of a tenant, and what came after an id: one look-up for all of a tenant's open streams.
-- MySQL knows no ADD KEY IF NOT EXISTS; one ALTER adds both or none.
SET @add_inbox_keys = IF(
  EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'msg_inbox' AND index_name = 'ix_unread'),
  'DO 0',
  'ALTER TABLE `msg_inbox` ADD KEY `ix_unread` (`tenant_id`, `user_id`, `read_time`, `id`), ADD KEY `ix_tenant` (`tenant_id`, `id`)'
);
--> statement-breakpoint
PREPARE add_inbox_keys FROM @add_inbox_keys;
--> statement-breakpoint
EXECUTE add_inbox_keys;
--> statement-breakpoint
DEALLOCATE PREPARE add_inbox_keys;
