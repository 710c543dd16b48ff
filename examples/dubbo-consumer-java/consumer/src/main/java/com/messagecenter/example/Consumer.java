package com.messagecenter.example;

import com.messagecenter.api.Message;
import com.messagecenter.api.MessageSendService;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import java.util.Map;

/** Sends one message: java … Consumer tri://127.0.0.1:50051 token */
public final class Consumer {

    public static void main(String[] arguments) {
        ReferenceConfig<MessageSendService> reference = new ReferenceConfig<>();
        reference.setInterface(MessageSendService.class);
        reference.setUrl(arguments[0] + "/" + MessageSendService.class.getName() + "?token=" + arguments[1]);
        reference.setTimeout(3000);
        DubboBootstrap.getInstance().application("order-service").reference(reference).start();

        Message message = new Message();
        message.setMessageId("order-1001-created");
        message.setBusinessType("ORDER_CREATED");
        message.setBusinessData(Map.of("orderNo", "1001"));
        System.out.println(reference.get().sendMessage(message));
        DubboBootstrap.getInstance().stop();
    }

    private Consumer() {}
}
