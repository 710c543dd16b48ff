package com.messagecenter.interop;

import static com.messagecenter.interop.Checks.batch;
import static com.messagecenter.interop.Checks.check;
import static com.messagecenter.interop.Checks.expect;
import static com.messagecenter.interop.Checks.expectError;
import static com.messagecenter.interop.Checks.message;
import static com.messagecenter.interop.Checks.refused;
import static com.messagecenter.interop.Checks.same;

import com.messagecenter.api.BatchSendResult;
import com.messagecenter.api.ChannelType;
import com.messagecenter.api.Message;
import com.messagecenter.api.MessageSendService;
import com.messagecenter.api.SendResult;
import com.messagecenter.api.idl.MessageList;
import java.io.Serializable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.RpcException;

/** Checks of the real client against a running message center; one line each, exit code 1 where one fails. */
public final class Interop {

    /** A class of the caller's own, in the data of a message. */
    public static class Buyer implements Serializable {
        private static final long serialVersionUID = 1L;
        public String firstName = "三";
        public Integer age = null;
        public long points = 9007199254740995L;
    }

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        String jwt = arguments[1];
        String rpcToken = arguments[2];
        References.start("interop");
        MessageSendService service = References.to(MessageSendService.class, address, "token=" + rpcToken, 5000, 0);

        check("POJO: a message with every kind of value", () -> {
            Message message = message("java-rich");
            message.setTenantId(1L);
            message.setStoreId(9223372036854775807L);
            message.setBusinessType("订单创建");
            message.setBusinessData(richData());
            message.setTargetChannels(List.of(ChannelType.LOCAL, ChannelType.DINGTALK));
            message.setAttributes(new HashMap<>(Map.of("to", Map.of("userIds", List.of("u1", "u2")), "priority", 1)));
            expect(service.sendMessage(message), "java-rich");
            expect(service.sendMessage(message), "java-rich");
        });
        check("POJO: only what must be set, a JWT as token", () -> {
            MessageSendService other = References.to(MessageSendService.class, address, "token=" + jwt, 5000, 0);
            Message message = message("java-plain");
            message.setMessageId(null);
            SendResult result = other.sendMessage(message);
            expect(result, result.getMessageId());
        });
        check("POJO: a refusal is a result", () -> {
            expectError(service.sendMessage(null), "VALIDATION_FAILED");
            Message message = message("java-refused");
            message.setBusinessType(null);
            expectError(service.sendMessage(message), "VALIDATION_FAILED");
            Message large = message("java-large");
            large.setBusinessData(Map.of("text", "x".repeat(70_000)));
            expectError(service.sendMessage(large), "PAYLOAD_TOO_LARGE");
            Message conflict = message("java-rich");
            expectError(service.sendMessage(conflict), "MESSAGE_ID_CONFLICT");
            Message foreign = message("java-foreign");
            foreign.setTenantId(2L);
            expectError(service.sendMessage(foreign), "FORBIDDEN");
        });
        check("POJO: a batch of 1000, in order, one bad message alone", () -> {
            List<Message> messages = batch("java-batch-", 1000);
            messages.get(500).setBusinessData(null);
            BatchSendResult result = service.batchSendMessages(messages);
            same(result.getTotalCount(), 1000);
            same(result.getSuccessCount(), 999);
            expectError(result.getResults().get(500), "VALIDATION_FAILED");
            for (int i = 501; i < 1000; i++) same(result.getResults().get(i).getMessageId(), "java-batch-" + i);
        });
        check("POJO: asynchronous calls", () -> {
            List<CompletableFuture<SendResult>> sending = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                Message message = message("java-async-" + i);
                sending.add(RpcContext.getServiceContext().asyncCall(() -> service.sendMessage(message)));
            }
            for (int i = 0; i < 100; i++) expect(sending.get(i).get(10, TimeUnit.SECONDS), "java-async-" + i);
        });
        check("a time-out is the client's RpcException, and the same batch again is taken once", () -> {
            MessageSendService impatient = References.to(MessageSendService.class, address, "token=" + rpcToken, 1, 0);
            List<Message> messages = batch("java-timeout-", 1000);
            refused(() -> impatient.batchSendMessages(messages), "");
            same(service.batchSendMessages(messages).getSuccessCount(), 1000);
        });
        check("no token, a wrong one and another's are told in our words", () -> {
            refused(() -> sendWith(address, "x=y"), "a bearer token is required");
            refused(() -> sendWith(address, "token=wrong"), "a valid bearer token is required");
            refused(() -> sendWith(address, "token=" + rpcToken + "x"), "there is no such client");
            MessageSendService stranger = References.to(MessageSendService.class, address, "x=y", 5000, 0);
            refused(() -> stranger.batchSendMessages(batch("java-none-", 1000)), "a bearer token is required");
        });
        check("Dubbo's default version is none", () -> expect(sendWith(address, "version=1.0.0&token=" + rpcToken), "java-none"));
        check("oversize, another version", () -> {
            Message huge = message("java-huge");
            huge.setBusinessData(Map.of("text", "x".repeat(300_000)));
            refused(() -> service.sendMessage(huge), "RESOURCE_EXHAUSTED");
            refused(() -> sendWith(address, "version=9.9.9&token=" + rpcToken), "9.9.9");
        });
        check("IDL: protobuf messages, single and batch", () -> {
            IdlMessageSendService idl = References.to(IdlMessageSendService.class, address, "token=" + rpcToken, 5000, 0);
            com.messagecenter.api.idl.Message.Builder message = com.messagecenter.api.idl.Message.newBuilder()
                    .setMessageId("java-idl").setTenantId(1L).setStoreId(9223372036854775807L).setBusinessType("订单")
                    .setBusinessData("{\"no\":1234567890123456789,\"买家\":\"张三 🎉\"}").addTargetChannels("LOCAL");
            com.messagecenter.api.idl.SendResult result = idl.sendMessage(message.build());
            same(result.getSuccess(), true);
            same(result.getMessageId(), "java-idl");
            MessageList list = MessageList.newBuilder().addMessages(message).addMessages(message.clone().setBusinessType("")).build();
            com.messagecenter.api.idl.BatchSendResult batch = idl.batchSendMessages(list);
            same(batch.getSuccessCount(), 1);
            same(batch.getResults(1).getErrorCode(), "VALIDATION_FAILED");
        });
        Checks.exit();
    }

    private static Map<String, Object> richData() {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("long", 1234567890123456789L);
        data.put("min", Long.MIN_VALUE);
        data.put("int", -2147483648);
        data.put("double", 0.1);
        data.put("float", 1.5f);
        data.put("decimal", new BigDecimal("99.00"));
        data.put("big", new BigInteger("123456789012345678901234567890"));
        data.put("text", "张三 🎉 \u0000 é");
        data.put("longText", "长".repeat(9_000));
        data.put("nothing", null);
        data.put("yes", true);
        data.put("date", new Date(1767225600123L));
        data.put("localDate", LocalDate.of(2026, 1, 2));
        data.put("localDateTime", LocalDateTime.of(2026, 1, 2, 3, 4, 5, 600_000_000));
        data.put("instant", Instant.ofEpochMilli(1767225600123L));
        data.put("list", List.of(1, "二", List.of()));
        data.put("array", new String[] {"a", "b"});
        data.put("longs", new long[] {1L, 9007199254740993L});
        data.put("objects", new Object[] {1, null, Map.of("k", "v")});
        data.put("asList", Arrays.asList("x", "y"));
        data.put("set", new LinkedHashSet<>(List.of("s1", "s2")));
        data.put("map", Map.of("inner", Map.of("deep", 1L)));
        data.put("numbers", new HashMap<>(Map.of(7, "seven")));
        data.put("channel", ChannelType.WECHAT_WORK);
        data.put("buyer", new Buyer());
        data.put("bytes", new byte[] {1, 2, 3});
        data.put("char", 'c');
        data.put("short", (short) 7);
        Map<String, Object> shared = Map.of("same", "object");
        data.put("first", shared);
        data.put("second", shared);
        return data;
    }

    private static SendResult sendWith(String address, String parameters) {
        return References.to(MessageSendService.class, address, parameters, 5000, 0).sendMessage(message("java-none"));
    }

    private Interop() {}
}
