-- Where a message was accepted in its trace, so that whatever is done for it later belongs there too (docs/adr/0030).
-- NULL where it is not traced. Read by primary key with the message: no index is new.
-- MySQL knows no ADD COLUMN IF NOT EXISTS.
SET @add_traceparent = IF(
  EXISTS (SELECT 1 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'msg_message' AND column_name = 'traceparent'),
  'DO 0',
  'ALTER TABLE `msg_message` ADD COLUMN `traceparent` VARCHAR(55) CHARACTER SET ascii COLLATE ascii_bin NULL'
);
--> statement-breakpoint
PREPARE add_traceparent FROM @add_traceparent;
--> statement-breakpoint
EXECUTE add_traceparent;
--> statement-breakpoint
DEALLOCATE PREPARE add_traceparent;
