-- Callbacks (docs/adr/0014): the signing secrets of tenants, encrypted. The one without `expire_time` is in force; the others
-- are those that it replaced, which sign until then.
CREATE TABLE IF NOT EXISTS `msg_callback_secret` (
  `id` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `tenant_id` BIGINT NOT NULL,
  `secret` TEXT NOT NULL,
  `expire_time` DATETIME(3) NULL,
  `create_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `update_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  -- accepting a message, signing: a tenant's secrets, newest first
  KEY `ix_tenant` (`tenant_id`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
--> statement-breakpoint
-- What has become of a message's callback; `due_time` is not NULL while one is to be made, so that ix_due finds it.
-- MySQL knows no ADD COLUMN IF NOT EXISTS. At the end of the row: no table is rebuilt for it.
SET @add_callback = IF(
  EXISTS (SELECT 1 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'msg_message' AND column_name = 'callback_state'),
  'DO 0',
  'ALTER TABLE `msg_message`
     ADD COLUMN `callback_state` VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NULL,
     ADD COLUMN `callback_generation` INT NOT NULL DEFAULT 0,
     ADD COLUMN `callback_attempts` INT NOT NULL DEFAULT 0,
     ADD COLUMN `callback_next_time` DATETIME(3) NULL,
     ADD COLUMN `callback_result` VARCHAR(255) NULL,
     ADD COLUMN `callback_token` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL'
);
--> statement-breakpoint
PREPARE add_callback FROM @add_callback;
--> statement-breakpoint
EXECUTE add_callback;
--> statement-breakpoint
DEALLOCATE PREPARE add_callback;
