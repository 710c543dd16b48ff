package com.messagecenter.interop;

import com.messagecenter.api.Message;
import com.messagecenter.api.SendResult;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.dubbo.rpc.RpcException;

/** Runs checks, one line each; and what they all say of messages and answers. */
final class Checks {

    private static int failed = 0;

    interface Check {
        void run() throws Exception;
    }

    /** Ends the program, with 1 where a check has failed. */
    static void exit() {
        System.out.println(failed == 0 ? "all checks passed" : failed + " checks failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    static Message message(String id) {
        Message message = new Message();
        message.setMessageId(id);
        message.setBusinessType("ORDER_CREATED");
        message.setBusinessData(Map.of("orderNo", 1234567890123456789L, "买家", "张三"));
        return message;
    }

    static List<Message> batch(String prefix, int size) {
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < size; i++) messages.add(message(prefix + i));
        return messages;
    }

    static void check(String name, Check check) {
        try {
            check.run();
            System.out.println("ok      " + name);
        } catch (Throwable error) {
            failed++;
            System.out.println("FAILED  " + name + ": " + error);
            error.printStackTrace(System.out);
        }
    }

    static void refused(Check call, String text) throws Exception {
        try {
            call.run();
        } catch (RpcException error) {
            if (!error.getMessage().contains(text)) throw new AssertionError("not told '" + text + "': " + error.getMessage());
            return;
        }
        throw new AssertionError("was not refused");
    }

    static void expect(SendResult result, String messageId) {
        same(result.toString(), "sent " + messageId);
    }

    static void expectError(SendResult result, String code) {
        same(result.isSuccess(), false);
        same(result.getErrorCode(), code);
    }

    static void same(Object given, Object expected) {
        if (!expected.equals(given)) throw new AssertionError("expected " + expected + ", got " + given);
    }

    private Checks() {}
}
