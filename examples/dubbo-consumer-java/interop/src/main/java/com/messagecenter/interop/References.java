package com.messagecenter.interop;

import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** Consumers of services at known addresses. */
final class References {

    static final String SERVICE = "com.messagecenter.api.MessageSendService";

    static void start(String application) {
        ApplicationConfig config = new ApplicationConfig(application);
        config.setQosEnable(false);
        DubboBootstrap.getInstance().application(config).start();
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
