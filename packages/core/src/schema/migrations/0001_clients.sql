-- Programs that get their tokens by an id and a secret (POST /api/auth/token).
CREATE TABLE IF NOT EXISTS `msg_client` (
  `id` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `tenant_id` BIGINT NOT NULL,
  `name` VARCHAR(64) NOT NULL,
  `client_id` VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `secret_hash` CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `roles` VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `enabled` TINYINT NOT NULL DEFAULT 1,
  `version` INT NOT NULL DEFAULT 1,
  `last_used_time` DATETIME NULL,
  `create_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `update_time` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  -- log-in: an id names no tenant
  UNIQUE KEY `uk_client_id` (`client_id`),
  -- a tenant's list
  KEY `ix_tenant` (`tenant_id`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
