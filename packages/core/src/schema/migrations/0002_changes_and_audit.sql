-- What caches ask: the number of the last change of each tenant's configs, templates and settings (docs/adr/0007).
-- The row of tenant -1 holds the newest number of all; whoever changes something raises it first, and thereby waits for the others.
CREATE TABLE IF NOT EXISTS `msg_config_change` (
  `tenant_id` BIGINT NOT NULL PRIMARY KEY,
  `change_number` BIGINT NOT NULL,
  -- which tenants changed since a number
  KEY `ix_change_number` (`change_number`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
--> statement-breakpoint
-- Who changed what and when, written in the transaction of the change; secrets are masked.
CREATE TABLE IF NOT EXISTS `msg_audit_log` (
  `id` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `tenant_id` BIGINT NOT NULL,
  `actor` VARCHAR(255) NOT NULL,
  `action` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `object_type` VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `object_id` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `before_json` MEDIUMTEXT NULL,
  `after_json` MEDIUMTEXT NULL,
  `changed_fields` MEDIUMTEXT NULL,
  `request_id` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `ip` VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `create_time` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  -- a tenant's trail, newest first
  KEY `ix_tenant` (`tenant_id`, `id`),
  -- the trail of one object
  KEY `ix_object` (`tenant_id`, `object_type`, `object_id`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
