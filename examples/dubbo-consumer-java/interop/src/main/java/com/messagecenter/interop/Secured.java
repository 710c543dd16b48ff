package com.messagecenter.interop;

import static com.messagecenter.interop.Checks.batch;
import static com.messagecenter.interop.Checks.check;
import static com.messagecenter.interop.Checks.expect;
import static com.messagecenter.interop.Checks.message;
import static com.messagecenter.interop.Checks.refused;
import static com.messagecenter.interop.Checks.same;

import com.messagecenter.api.MessageSendService;
import java.lang.reflect.Field;
import org.apache.dubbo.rpc.protocol.tri.compressor.Compressor;

/**
 * Checks through TLS, of a service that has a group and a version; started with DUBBO_RPC_TRI_COMPRESSOR=gzip and
 * DUBBO_RPC_TRI_IGNORE_1_0_0_VERSION=true.
 */
public final class Secured {

    public static void main(String[] arguments) {
        String address = arguments[0];
        String token = "token=" + arguments[1];
        String certificate = arguments[2];
        String key = arguments[3];
        String group = "group=" + arguments[4];
        String version = "version=" + arguments[5];
        References.startWithTls("secured", certificate, key);

        check("TLS, gzip, group and version: single and batch", () -> {
            MessageSendService service = to(address, group, version, token);
            expect(service.sendMessage(message("java-tls")), "java-tls");
            same(service.batchSendMessages(batch("java-tls-", 1000)).getSuccessCount(), 1000);
            same(compressor(), "gzip");
        });
        check("who is told not to say version 1.0.0 is served, whatever version is here", () ->
            expect(to(address, group, "version=1.0.0", token).sendMessage(message("java-silent")), "java-silent"));
        check("another group and another version are refused", () -> {
            refused(() -> to(address, "group=others", version, token).sendMessage(message("java-none")), "not as group 'others'");
            refused(() -> to(address, group, "version=9.9.9", token).sendMessage(message("java-none")), "version '9.9.9'");
        });
        Checks.exit();
    }

    private static MessageSendService to(String address, String... parameters) {
        return References.to(MessageSendService.class, address, String.join("&", parameters), 5000, 0);
    }

    /** How the client packs what it sends: an unknown setting would leave it as it is, and be taken, too. */
    private static String compressor() throws ReflectiveOperationException {
        Field field = Class.forName("org.apache.dubbo.rpc.protocol.tri.TripleInvoker").getDeclaredField("compressor");
        field.setAccessible(true);
        return ((Compressor) field.get(null)).getMessageEncoding();
    }

    private Secured() {}
}
