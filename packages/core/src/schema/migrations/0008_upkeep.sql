-- Clean-up of the audit trail by age. MySQL knows no ADD INDEX IF NOT EXISTS.
SET @add_index = IF(
  EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'msg_audit_log' AND index_name = 'ix_create_time'),
  'DO 0',
  'ALTER TABLE `msg_audit_log` ADD INDEX `ix_create_time` (`create_time`)'
);
--> statement-breakpoint
PREPARE add_index FROM @add_index;
--> statement-breakpoint
EXECUTE add_index;
--> statement-breakpoint
DEALLOCATE PREPARE add_index;
