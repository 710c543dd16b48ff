package com.messagecenter.interop;

import static com.messagecenter.interop.Checks.batch;
import static com.messagecenter.interop.Checks.check;
import static com.messagecenter.interop.Checks.expect;
import static com.messagecenter.interop.Checks.message;
import static com.messagecenter.interop.Checks.refused;
import static com.messagecenter.interop.Checks.same;

import com.messagecenter.api.MessageSendService;

/** Checks through TLS, with packed messages, of a service that has a group and a version. */
public final class Secured {

    public static void main(String[] arguments) {
        String address = arguments[0];
        String token = "token=" + arguments[1];
        String certificate = arguments[2];
        String key = arguments[3];
        String group = "group=" + arguments[4];
        String version = "version=" + arguments[5];
        System.setProperty("dubbo.rpc.tri.compressor", "gzip");
        References.startWithTls("secured", certificate, key);

        check("TLS, gzip, group and version: single and batch", () -> {
            MessageSendService service = to(address, group, version, token);
            expect(service.sendMessage(message("java-tls")), "java-tls");
            same(service.batchSendMessages(batch("java-tls-", 1000)).getSuccessCount(), 1000);
        });
        check("another group and another version are refused", () -> {
            refused(() -> to(address, "group=others", version, token).sendMessage(message("java-none")), "not as group 'others'");
            refused(() -> to(address, group, "version=9.9.9", token).sendMessage(message("java-none")), "version '9.9.9'");
        });
        Checks.exit();
    }

    private static MessageSendService to(String address, String... parameters) {
        return References.to(MessageSendService.class, address, String.join("&", parameters), 5000, 0);
    }

    private Secured() {}
}
