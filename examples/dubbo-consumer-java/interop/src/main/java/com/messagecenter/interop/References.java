package com.messagecenter.interop;

import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.SslConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** Consumers of services at known addresses. */
final class References {

    static final String SERVICE = "com.messagecenter.api.MessageSendService";

    static void start(String application) {
        ApplicationConfig config = new ApplicationConfig(application);
        config.setQosEnable(false);
        DubboBootstrap.getInstance().application(config).start();
    }

    /**
     * Without a certificate of its own a Dubbo consumer (3.3.6) does without TLS, whether the provider asks for one or not.
     *
     * @param certificate PEM file: the consumer's, and whose authority is trusted
     * @param key PEM file: of the consumer's certificate
     */
    static void startWithTls(String application, String certificate, String key) {
        // Netty 4.2 compares the certificate's name with the host's, which Dubbo does not tell it.
        System.setProperty("io.netty.handler.ssl.defaultEndpointVerificationAlgorithm", "NONE");
        SslConfig ssl = new SslConfig();
        ssl.setClientTrustCertCollectionPath(certificate);
        ssl.setClientKeyCertChainPath(certificate);
        ssl.setClientPrivateKeyPath(key);
        DubboBootstrap.getInstance().ssl(ssl);
        start(application);
    }

    /** @param addresses host:port of each provider, separated by commas */
    static <T> T to(Class<T> type, String addresses, String parameters, int timeoutMs, int retries) {
        StringBuilder urls = new StringBuilder();
        for (String address : addresses.split(",")) {
            if (urls.length() > 0) urls.append(';');
            urls.append("tri://").append(address).append('/').append(SERVICE).append('?').append(parameters);
        }
        ReferenceConfig<T> reference = new ReferenceConfig<>();
        reference.setInterface(type);
        reference.setUrl(urls.toString());
        reference.setTimeout(timeoutMs);
        reference.setRetries(retries);
        reference.setCheck(false);
        return reference.get();
    }

    private References() {}
}
