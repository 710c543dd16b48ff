-- Lists of a tenant with millions of messages (docs/adr/0027). MySQL knows no ADD KEY IF NOT EXISTS; one ALTER adds both or none.
-- ix_tenant_type: GET /api/messages?businessType=…; ix_tenant_store: GET /api/messages?storeId=…; both newest first.
-- Neither column ever changes, so that they cost an entry at acceptance and nothing afterwards.
SET @add_list_keys = IF(
  EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'msg_message' AND index_name = 'ix_tenant_type'),
  'DO 0',
  'ALTER TABLE `msg_message`
     ADD KEY `ix_tenant_type` (`tenant_id`, `business_type`, `create_time`, `id`),
     ADD KEY `ix_tenant_store` (`tenant_id`, `store_id`, `create_time`, `id`),
     ALGORITHM=INPLACE, LOCK=NONE'
);
--> statement-breakpoint
PREPARE add_list_keys FROM @add_list_keys;
--> statement-breakpoint
EXECUTE add_list_keys;
--> statement-breakpoint
DEALLOCATE PREPARE add_list_keys;
--> statement-breakpoint
-- ix_tenant_channel gets the id: GET /api/messages?channelType=…, newest first. Of a partitioned table the servers do not use the
-- key's hidden end to sort by. One ALTER, the same name: processes of the version before name it in their statements.
SET @order_channel_key = IF(
  EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'msg_channel_task' AND index_name = 'ix_tenant_channel' AND column_name = 'id'),
  'DO 0',
  'ALTER TABLE `msg_channel_task`
     DROP KEY `ix_tenant_channel`,
     ADD KEY `ix_tenant_channel` (`tenant_id`, `channel_type`, `create_time`, `id`),
     ALGORITHM=INPLACE, LOCK=NONE'
);
--> statement-breakpoint
PREPARE order_channel_key FROM @order_channel_key;
--> statement-breakpoint
EXECUTE order_channel_key;
--> statement-breakpoint
DEALLOCATE PREPARE order_channel_key;
--> statement-breakpoint
-- ix_month: clean-up of what was counted for months that are over.
SET @add_month_key = IF(
  EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'msg_channel_quota' AND index_name = 'ix_month'),
  'DO 0',
  'ALTER TABLE `msg_channel_quota` ADD KEY `ix_month` (`month`)'
);
--> statement-breakpoint
PREPARE add_month_key FROM @add_month_key;
--> statement-breakpoint
EXECUTE add_month_key;
--> statement-breakpoint
DEALLOCATE PREPARE add_month_key;
